package codec

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
)

// reader splits the bytes of one format into tokens.
type reader interface {
	reset(data []byte)
	// next reads the start of a value: for an array or a map without what
	// is in it.
	next() (token, error)
	// key is next for the key of a map.
	key() (token, error)
	// more says whether the uncounted array or map that is open has another
	// element, the first or a later one.
	more(kind tokenKind, first bool) (bool, error)
	// left is the number of bytes not read.
	left() int
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
	number   // a fraction, or a number in JSON
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
	errKey       = errors.New("map key is an array or a map")
)

// walker goes through one encoded value before a library does. It keeps the
// limits, and refuses where the library would go wrong or would be slow to
// notice: what a walker has seen costs the decoder a bounded amount of memory
// for each byte.
type walker struct {
	in     reader
	unique bool // refuse duplicate keys
	folds  bool // names of fields match in any case
	data   []byte
	keys   []key // of the maps that are open

	depth    int    // the limit
	elements uint64 // the limit
}

func (w *walker) walk(data []byte, s *shape, l Limits) error {
	w.data, w.depth, w.elements = data, l.Depth, uint64(l.Elements)
	w.in.reset(data)
	err := w.value(s, 0)
	if err == nil && w.in.left() > 0 {
		err = errTrailing
	}
	w.data = nil
	w.in.reset(nil)
	if cap(w.keys) > 4096 {
		w.keys = nil // one large map shall not be paid for ever
	}
	return err
}

func (w *walker) value(s *shape, depth int) error {
	t, err := w.in.next()
	if err != nil {
		return err
	}
	if err := s.admits(t); err != nil {
		return err
	}
	if t.kind < array {
		return nil
	}
	if depth == w.depth {
		return &LimitError{"depth", w.depth}
	}
	switch t.kind {
	case array:
		return w.array(t, s, depth+1)
	case dict:
		return w.dict(t, s, depth+1)
	default: // tag
		return w.value(nil, depth+1)
	}
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
	next := 0
	for i := uint64(0); ; i++ {
		more, err := w.more(t, i)
		if err != nil {
			return err
		}
		if !more {
			return w.finish(seen)
		}
		k, err := w.in.key()
		if err != nil {
			return err
		}
		value, field, err := w.at(s, k, next)
		if err != nil {
			return err
		}
		next = field + 1
		if w.unique {
			if err := w.see(&seen, k, field); err != nil {
				return err
			}
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

// at returns the shape of the value under key k, and if it is a field of a
// struct its number, else -1. The guess is the field that comes next.
func (w *walker) at(s *shape, k token, guess int) (*shape, int, error) {
	if s == nil {
		return nil, -1, nil
	}
	switch s.kind {
	case reflect.Map:
		return s.elem, -1, nil
	case reflect.Interface:
		if k.kind != text {
			return nil, -1, errors.New("map in an interface has a key that is no text")
		}
		return s, -1, nil
	case reflect.Struct:
		i := s.field(w.data[k.lo:k.hi], guess, w.folds)
		if i >= 0 {
			return s.fields[i].shape, i, nil
		}
	}
	return nil, -1, nil
}

// key is a key of a map in a form that can be compared.
type key struct {
	kind tokenKind
	n    uint64 // of integer and negative as in token; else lo<<32 | hi
}

// keysSeen are the keys of one map: those that are fields of a struct as bits,
// the others in walker.keys.
type keysSeen struct {
	fields uint64
	from   int
	sorted bool
}

func (w *walker) see(seen *keysSeen, t token, field int) error {
	if 0 <= field && field < 64 {
		if seen.fields>>field&1 != 0 {
			return errDuplicate
		}
		seen.fields |= 1 << field
		return nil
	}
	k := key{t.kind, t.n}
	if !k.kind.whole() {
		k.n = uint64(t.lo)<<32 | uint64(t.hi)
	}
	if n := len(w.keys); n > seen.from && w.compare(w.keys[n-1], k) >= 0 {
		seen.sorted = false
	}
	w.keys = append(w.keys, k)
	return nil
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

// admits compares a token with the shape that is expected. It lets through
// what only the library can judge.
func (s *shape) admits(t token) error {
	if s == nil || t.kind == null || t.kind == tag {
		return nil
	}
	fits := false
	switch s.kind {
	case reflect.Invalid, reflect.Interface:
		fits = true
	case reflect.Bool:
		fits = t.kind == boolean
	case reflect.Int64, reflect.Uint64:
		if t.kind.whole() {
			return s.holds(t)
		}
		fits = t.kind == number
	case reflect.Float64:
		fits = t.kind.whole() || t.kind == number
	case reflect.String:
		fits = t.kind == text || t.kind == blob
	case reflect.Slice:
		fits = t.kind == array || (t.kind == text || t.kind == blob) && (s.elem == nil || s.elem.max == math.MaxUint8)
	case reflect.Map, reflect.Struct:
		fits = t.kind == dict
	}
	if !fits {
		return fmt.Errorf("%s in place of %s", t.kind, s.kind)
	}
	return nil
}

func (s *shape) holds(t token) error {
	if t.kind == integer && t.n > s.max || t.kind == negative && t.n >= s.below {
		return errRange
	}
	return nil
}

// field returns the number of the field that is written as name, or -1.
func (s *shape) field(name []byte, guess int, fold bool) int {
	if guess < len(s.fields) && s.fields[guess].name == string(name) {
		return guess
	}
	if i, ok := s.byName[string(name)]; ok {
		return i
	}
	if fold {
		return slices.IndexFunc(s.fields, func(f field) bool { return strings.EqualFold(f.name, string(name)) })
	}
	return -1
}
