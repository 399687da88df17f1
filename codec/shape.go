package codec

import (
	"cmp"
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
)

// TypeError says that values of a type do not survive a format, and where in
// the type the reason is.
type TypeError struct {
	Format string
	Path   string // such as "app.Raised.Causes[].Err"
	Reason string
}

func (e *TypeError) Error() string {
	return fmt.Sprintf("codec: %s cannot carry %s: %s", e.Format, e.Path, e.Reason)
}

// shape is what of a type shows in its encoding. It serves two ends: building
// it finds what the format cannot carry, and a walker compares bytes with it.
// A nil shape stands for anything at all.
type shape struct {
	kind   reflect.Kind // Int64 for all signed, Uint64 for all unsigned, Float64 for both
	max    uint64       // of integers: the largest
	below  uint64       // of integers: how many are negative
	elem   *shape       // of Slice (also arrays) and Map
	fields []field      // of Struct, as they are written
	byName map[string]int
}

type field struct {
	name    string
	encoded []byte // the name as key of a map
	shape   *shape
}

// scalar is the shape of what is written as text or the like, by its own code.
var scalar = new(shape)

// unbounded is the nesting of what may contain itself, or anything.
const unbounded = math.MaxInt

// nesting is how many arrays, maps and tags a value may have inside each other.
func (s *shape) nesting(known map[*shape]int) int {
	if s == nil || s.kind == reflect.Interface {
		return unbounded
	}
	if n, ok := known[s]; ok {
		return n
	}
	known[s] = unbounded // as long as it may contain itself
	inner, n := 0, 0
	for _, f := range s.fields {
		inner = max(inner, f.shape.nesting(known))
	}
	if s.kind == reflect.Slice || s.kind == reflect.Map {
		inner = s.elem.nesting(known)
	}
	switch s.kind {
	case reflect.Slice, reflect.Map, reflect.Struct:
		n = min(inner, unbounded-1) + 1
	case reflect.Invalid: // a scalar; CBOR puts a tag on a time
		n = 1
	}
	known[s] = n
	return n
}

// rules are what the types of a format have to obey.
type rules struct {
	name string
	tag  string // of struct fields, before the tag json
	// pairs are the interfaces by which a type encodes and decodes itself,
	// the preferred first.
	pairs []pair
	// key appends the name of a field as it stands in a map.
	key func(dst []byte, name string) []byte
	// native are types that the library knows.
	native []reflect.Type
	// copies says that the library finds marshalers on pointers also where
	// it holds a value that has no address, such as a map's.
	copies bool
	// merges says that embedded structs are merged even if they have a name,
	// under which they are decoded all the same.
	merges bool
	// sorted says that fields are written in the order of CBOR's core
	// deterministic encoding, not in that of the struct.
	sorted bool
	// unsound are options in tags that panic or change what is written.
	unsound []string
}

type pair struct {
	name    string
	encoder reflect.Type
	decoder reflect.Type
}

var (
	jsonPair   = pair{"JSON", reflect.TypeFor[json.Marshaler](), reflect.TypeFor[json.Unmarshaler]()}
	binaryPair = pair{"binary", reflect.TypeFor[encoding.BinaryMarshaler](), reflect.TypeFor[encoding.BinaryUnmarshaler]()}
	textPair   = pair{"text", reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[encoding.TextUnmarshaler]()}
)

// newShape returns the shape of what a value of type t, a pointer included,
// looks like.
func newShape(r *rules, t reflect.Type) (*shape, error) {
	if t == nil {
		return nil, &TypeError{r.name, "nil", "no type"}
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	b := shaper{rules: r, made: make(map[place]*shape)}
	return b.shape(t, t.String(), true)
}

// place is a type where it has an address or not.
type place struct {
	reflect.Type
	addressable bool
}

type shaper struct {
	*rules
	made map[place]*shape // also those in the making, for types that contain themselves
}

func (b *shaper) refuse(path, format string, args ...any) error {
	return &TypeError{b.name, path, fmt.Sprintf(format, args...)}
}

func (b *shaper) shape(t reflect.Type, path string, addressable bool) (*shape, error) {
	if s, ok := b.made[place{t, addressable}]; ok {
		return s, nil
	}
	if own, err := b.encodesItself(t, path, addressable); own || err != nil {
		return b.opaque(t), err
	}
	s := new(shape)
	b.made[place{t, addressable}] = s
	switch t.Kind() {
	case reflect.Pointer:
		if t.Elem().Kind() == reflect.Pointer {
			return nil, b.refuse(path, "of a pointer to a pointer it is lost which is nil")
		}
		return b.shape(t.Elem(), path, true)
	case reflect.Interface:
		if t.NumMethod() > 0 {
			return nil, b.refuse(path, "decoding cannot know the type in interface %s (see Union)", t)
		}
		s.kind = reflect.Interface
		s.elem = s
		return s, nil
	case reflect.Bool, reflect.String:
		s.kind = t.Kind()
		return s, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		s.kind = reflect.Int64
		s.below = 1 << (t.Bits() - 1)
		s.max = s.below - 1
		return s, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		s.kind = reflect.Uint64
		s.max = math.MaxUint64 >> (64 - t.Bits())
		return s, nil
	case reflect.Float32, reflect.Float64:
		s.kind = reflect.Float64
		return s, nil
	case reflect.Slice, reflect.Array:
		s.kind = reflect.Slice
		return s, b.element(s, t, path+"[]", addressable || t.Kind() == reflect.Slice)
	case reflect.Map:
		s.kind = reflect.Map
		if err := b.checkKey(t.Key(), path+"[key]"); err != nil {
			return nil, err
		}
		return s, b.element(s, t, path+"[]", false)
	case reflect.Struct:
		s.kind = reflect.Struct
		s.byName = make(map[string]int)
		err := b.record(s, t, path, addressable)
		if b.sorted {
			s.sort()
		}
		return s, err
	}
	return nil, b.refuse(path, "a %s cannot be encoded", t.Kind())
}

func (s *shape) sort() {
	slices.SortFunc(s.fields, func(x, y field) int {
		return cmp.Or(len(x.name)-len(y.name), strings.Compare(x.name, y.name))
	})
	for i, f := range s.fields {
		s.byName[f.name] = i
	}
}

func (b *shaper) element(s *shape, t reflect.Type, path string, addressable bool) (err error) {
	s.elem, err = b.shape(t.Elem(), path, addressable)
	return err
}

// checkKey lets through the types that all three formats can use as keys of a map.
func (b *shaper) checkKey(t reflect.Type, path string) error {
	own, err := b.encodesItself(t, path, false)
	switch {
	case err != nil:
		return err
	case t.Kind() == reflect.String:
		if own && b.pairs[0] == jsonPair {
			return b.refuse(path, "encoding/json decodes keys of kind string by UnmarshalText, but does not encode them by MarshalText")
		}
	case own || reflect.Int <= t.Kind() && t.Kind() <= reflect.Uint64:
	default:
		return b.refuse(path, "keys are strings, integers or types that encode themselves, not %s", t)
	}
	return nil
}

// encodesItself says whether the library asks the type to encode and decode
// itself, and finds those which it asks for one of the two only.
func (b *shaper) encodesItself(t reflect.Type, path string, addressable bool) (bool, error) {
	if slices.Contains(b.native, t) {
		return true, nil
	}
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return false, nil // what it points to is what counts
	}
	p := reflect.PointerTo(t)
	encodes := slices.IndexFunc(b.pairs, func(x pair) bool { return p.Implements(x.encoder) })
	decodes := slices.IndexFunc(b.pairs, func(x pair) bool { return p.Implements(x.decoder) })
	switch {
	case encodes < 0 && decodes < 0:
		if p.Implements(jsonPair.encoder) || p.Implements(jsonPair.decoder) {
			return false, b.refuse(path, "%s encodes itself for JSON only", t)
		}
		return false, nil
	case encodes < 0:
		return false, b.refuse(path, "%s decodes itself from %s, but does not encode itself", t, b.pairs[decodes].name)
	case decodes < 0:
		return false, b.refuse(path, "%s encodes itself as %s, but does not decode itself", t, b.pairs[encodes].name)
	case encodes != decodes:
		return false, b.refuse(path, "%s encodes itself as %s and decodes itself from %s", t, b.pairs[encodes].name, b.pairs[decodes].name)
	case t.Implements(b.pairs[decodes].decoder):
		return false, b.refuse(path, "the method by which %s decodes itself needs a pointer receiver", t)
	case !addressable && !b.copies && !t.Implements(b.pairs[encodes].encoder):
		return false, b.refuse(path, "%s encodes itself only through a pointer, which a map does not give (use *%[1]s)", t)
	}
	return true, nil
}

// opaque is the shape of a type that encodes itself.
func (b *shaper) opaque(t reflect.Type) *shape {
	p := reflect.PointerTo(t)
	for _, x := range b.pairs {
		if x != binaryPair && x != textPair && p.Implements(x.encoder) && !slices.Contains(b.native, t) {
			return nil
		}
	}
	return scalar
}

// record adds the fields of struct t to s, and those of the structs that t
// embeds.
func (b *shaper) record(s *shape, t reflect.Type, path string, addressable bool, embedding ...reflect.Type) error {
	if slices.Contains(embedding, t) {
		return b.refuse(path, "%s embeds itself", t)
	}
	embedding = append(embedding, t)
	blank, before := 0, len(s.fields)
	for f := range t.Fields() {
		name, options := b.tagOf(f)
		for _, o := range b.unsound {
			if slices.Contains(options, o) {
				return b.refuse(path+"."+f.Name, "the tag option %s is not supported", o)
			}
		}
		switch {
		case f.Name == "_":
			blank++
			continue
		case name == "-" && len(options) == 0:
			continue
		case name == "-":
			return b.refuse(path+"."+f.Name, "a field cannot be named -")
		}
		if err := b.field(s, f, name, options, path+"."+f.Name, addressable, embedding); err != nil {
			return err
		}
	}
	if len(s.fields) == before && t.NumField() > blank {
		return b.refuse(path, "%s has no exported fields", t)
	}
	return nil
}

func (b *shaper) tagOf(f reflect.StructField) (name string, options []string) {
	tag := f.Tag.Get(b.tag)
	if tag == "" {
		tag = f.Tag.Get("json")
	}
	parts := strings.Split(tag, ",")
	return parts[0], parts[1:]
}

func (b *shaper) field(s *shape, f reflect.StructField, name string, options []string, path string, addressable bool, embedding []reflect.Type) error {
	merged, err := b.embeds(s, f, name, path, addressable, embedding)
	if err != nil || !merged && !f.IsExported() {
		return err
	}
	if merged && !b.merges {
		return nil
	}
	if name == "" {
		name = f.Name
	}
	if _, ok := s.byName[name]; ok {
		return b.refuse(path, "another field is %q too, so one of them is lost", name)
	}
	sub, err := b.shape(f.Type, path, addressable)
	if err != nil {
		return err
	}
	if b.tag == "json" && slices.Contains(options, "string") {
		sub = scalar // a number in a string
	}
	s.byName[name] = len(s.fields)
	s.fields = append(s.fields, field{name, b.rules.key(nil, name), sub})
	return nil
}

// embeds adds the fields of f to s if the library merges them.
func (b *shaper) embeds(s *shape, f reflect.StructField, name, path string, addressable bool, embedding []reflect.Type) (bool, error) {
	if !f.Anonymous {
		return false, nil
	}
	t, pointer := f.Type, f.Type.Kind() == reflect.Pointer
	if pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return false, nil
	}
	addressable = addressable || pointer
	merge := name == ""
	if b.merges {
		own, err := b.encodesItself(t, path, addressable)
		if err != nil {
			return false, err
		}
		merge = !own
	}
	if !f.IsExported() && (pointer || !merge) {
		return false, b.refuse(path, "an embedded struct that is unexported can be neither a pointer nor a value of its own")
	}
	if !merge {
		return false, nil
	}
	return true, b.record(s, t, path, addressable, embedding...)
}
