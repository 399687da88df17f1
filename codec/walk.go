package codec

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"reflect"
	"slices"
)

// reader splits the bytes of one format into tokens, and hands them to the
// library once they have been seen.
type reader interface {
	// decode has the library decode all the bytes.
	decode(v any) error
	// left is the number of bytes not read.
	left() int
	// next reads the start of a value: for an array or a map without what
	// is in it.
	next() (token, error)
	// key is next for the key of a map.
	key() (token, error)
	// more says whether the uncounted array or map that is open has another
	// element, the first or a later one.
	more(kind tokenKind, first bool) (bool, error)
}

// cursor is the part of a reader that all have in common, and that a walker
// calls without an interface.
type cursor struct {
	data []byte
	i    int
}

func (c *cursor) reset(data []byte) { c.data, c.i = data, 0 }

func (c *cursor) left() int { return len(c.data) - c.i }

// skip goes past b if the next bytes are b.
func (c *cursor) skip(b []byte) bool {
	if !bytes.HasPrefix(c.data[c.i:], b) {
		return false
	}
	c.i += len(b)
	return true
}

// uncounted is the number of elements where only their end tells.
const uncounted = math.MaxUint64

// token has no more than four fields, which is what the compiler keeps in
// registers.
type token struct {
	kind   tokenKind
	n      uint64 // of array and map: elements; of integer: its value, of negative -1-value
	lo, hi int    // of text, bytes and extension: where the content is
}

type tokenKind uint8

const (
	null tokenKind = iota
	boolean
	integer
	negative // integer below zero
	fraction // a float, or any number in JSON
	text
	blob
	other // an extension of msgpack, a simple value of CBOR
	array // from here on values follow
	dict
	tag
)

func (k tokenKind) whole() bool { return k == integer || k == negative }

func (k tokenKind) String() string {
	return [...]string{"null", "bool", "integer", "negative integer", "number", "text", "bytes", "extension", "array", "map", "tag"}[k]
}

var (
	errShort     = errors.New("data ends inside a value")
	errTrailing  = errors.New("data goes on after the value")
	errNotFinite = errors.New("number is not finite")
	errDuplicate = errors.New("map has a key twice")
	errRange     = errors.New("integer does not fit")
)

// walker goes through one encoded value before a library does. It keeps the
// limits, and refuses where the library would go wrong or would be slow to
// notice: what a walker has seen costs the decoder a bounded amount of memory
// for each byte.
type walker struct {
	in      reader
	*cursor       // the reader's
	unique  bool  // refuse duplicate keys
	folds   bool  // names of fields match in any case
	keys    []key // of the maps that are open

	depth    int    // the limit
	elements uint64 // the limit
}

func (w *walker) walk(data []byte, s *shape, l Limits) error {
	w.depth, w.elements = l.Depth, uint64(l.Elements)
	w.reset(data)
	if err := w.value(s, 0); err != nil {
		return err
	}
	if w.in.left() > 0 {
		return errTrailing
	}
	return nil
}

// release lets go of the data.
func (w *walker) release() {
	w.reset(nil)
	w.keys = w.keys[:0]
	if cap(w.keys) > 4096 {
		w.keys = nil // one large map shall not be paid for ever
	}
}

func (w *walker) value(s *shape, depth int) error {
	t, err := w.in.next()
	if err != nil {
		return err
	}
	if t.kind < array && s.admits(t) {
		return nil
	}
	return w.token(t, s, depth)
}

// token goes on with a value that starts with t and stands inside depth others.
func (w *walker) token(t token, s *shape, depth int) error {
	if !s.admits(t) {
		return s.refusal(t)
	}
	switch {
	case t.kind < array:
		return nil
	case t.kind == tag:
		return w.tagged(s, depth)
	case depth == w.depth:
		return &LimitError{"depth", w.depth}
	case t.kind == array:
		return w.array(t, s, depth+1)
	}
	return w.dict(t, s, depth+1)
}

// tagged goes on after a tag. Like the library it counts tags on tags only.
func (w *walker) tagged(s *shape, depth int) error {
	if s != nil && (s.kind == reflect.Int64 || s.kind == reflect.Uint64) {
		s = nil // a large integer is bytes with a tag
	}
	t, err := w.in.next()
	switch {
	case err != nil:
		return err
	case t.kind != tag:
		return w.token(t, s, depth)
	case depth == w.depth:
		return &LimitError{"depth", w.depth}
	}
	return w.tagged(s, depth+1)
}

func (w *walker) array(t token, s *shape, depth int) error {
	var elem *shape
	if s != nil {
		elem = s.elem
	}
	for i := uint64(0); ; i++ {
		if more, err := w.more(t, i); !more {
			return err
		}
		if err := w.value(elem, depth); err != nil {
			return err
		}
	}
}

func (w *walker) dict(t token, s *shape, depth int) error {
	seen := keysSeen{from: len(w.keys), sorted: true}
	for i := uint64(0); ; i++ {
		more, err := w.more(t, i)
		if err != nil {
			return err
		}
		if !more {
			return w.finish(seen)
		}
		value, err := w.key(s, &seen, depth)
		if err != nil {
			return err
		}
		if err := w.value(value, depth); err != nil {
			return err
		}
	}
}

// more says whether array or map t has an element number i.
func (w *walker) more(t token, i uint64) (bool, error) {
	more := i < t.n
	if t.n == uncounted {
		var err error
		if more, err = w.in.more(t.kind, i == 0); err != nil {
			return false, err
		}
	}
	if more && i == w.elements {
		return false, &LimitError{"elements", int(w.elements)}
	}
	return more, nil
}

// key is a key of a map in a form that can be compared.
type key struct {
	kind tokenKind
	n    uint64 // of integer and negative as in token; else lo<<32 | hi
}

// keysSeen are the keys of one map: of the fields of a struct the first 64 as
// bits, the others in walker.keys.
type keysSeen struct {
	next   int // the field that comes next if none is left out
	fields uint64
	from   int
	sorted bool
}

// key reads a key and returns the shape of its value.
func (w *walker) key(s *shape, seen *keysSeen, depth int) (*shape, error) {
	if s != nil && seen.next < len(s.fields) && seen.next < 64 && w.skip(s.fields[seen.next].encoded) {
		return w.fieldKey(s, seen.next, seen)
	}
	k, err := w.in.key()
	if err != nil {
		return nil, err
	}
	var value *shape
	switch {
	case s == nil:
	case s.kind == reflect.Map:
		value = s.elem
		if k.kind.whole() && !s.key.admits(k) {
			err = s.key.refusal(k)
		}
	case s.kind == reflect.Interface:
		value = s
		if k.kind != text {
			err = errors.New("map in an interface has a key that is not text")
		}
	case s.kind == reflect.Struct:
		i := s.field(w.data[k.lo:k.hi], w.folds)
		if 0 <= i && i < 64 {
			return w.fieldKey(s, i, seen)
		}
		if i >= 0 {
			value = s.fields[i].shape
		}
	}
	if err != nil {
		return nil, err
	}
	if k.kind >= array {
		return value, w.token(k, nil, depth) // for the library to judge
	}
	if w.unique {
		w.see(seen, k)
	}
	return value, nil
}

func (w *walker) fieldKey(s *shape, i int, seen *keysSeen) (*shape, error) {
	if w.unique && seen.fields>>i&1 != 0 {
		return nil, errDuplicate
	}
	seen.fields |= 1 << i
	seen.next = i + 1
	return s.fields[i].shape, nil
}

func (w *walker) see(seen *keysSeen, t token) {
	k := key{t.kind, t.n}
	if !k.kind.whole() {
		k.n = uint64(t.lo)<<32 | uint64(t.hi)
	}
	if n := len(w.keys); n > seen.from && w.compare(w.keys[n-1], k) >= 0 {
		seen.sorted = false
	}
	w.keys = append(w.keys, k)
}

// finish looks for duplicates among the keys of a map. Keys that were written
// by us are mostly sorted.
func (w *walker) finish(seen keysSeen) error {
	keys := w.keys[seen.from:]
	w.keys = w.keys[:seen.from]
	if seen.sorted {
		return nil
	}
	slices.SortFunc(keys, w.compare)
	for i := range keys[1:] {
		if w.compare(keys[i], keys[i+1]) == 0 {
			return errDuplicate
		}
	}
	return nil
}

func (w *walker) compare(a, b key) int {
	switch {
	case a.kind != b.kind:
		return cmp.Compare(a.kind, b.kind)
	case a.kind.whole():
		return cmp.Compare(a.n, b.n)
	}
	return bytes.Compare(w.data[a.n>>32:a.n&math.MaxUint32], w.data[b.n>>32:b.n&math.MaxUint32])
}
