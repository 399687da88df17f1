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
	"time"
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

// rules are what the types of a format have to obey.
type rules struct {
	name string
	tag  string // of struct fields, before the tag json
	// key appends the name of a field as it stands in a map.
	key func(dst []byte, name string) []byte
	// pairs are the interfaces by which a type encodes and decodes itself,
	// the preferred first.
	pairs []pair
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
	// panics, if set, says that the library cannot stand values of t, which
	// have an address or not.
	panics func(t reflect.Type, addressable bool) bool
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

// carried is a type that a format carries.
type carried struct {
	shape   *shape
	nesting int
}

// carries returns what pointers of type t point to, if they can be carried.
func (r *rules) carries(t reflect.Type) (carried, error) {
	if t == nil || t.Kind() != reflect.Pointer {
		return carried{}, &TypeError{r.name, fmt.Sprint(t), "it is no pointer to a value"}
	}
	t = t.Elem()
	b := shaper{rules: r, made: make(map[place]*shape)}
	s, err := b.shape(t, spot{path: t.String(), addressable: true})
	return carried{s, s.nesting(make(map[*shape]int))}, err
}

// spot is where in the root type a type is.
type spot struct {
	path        string
	addressable bool           // the library can take the address of the value
	embedding   []reflect.Type // the structs that merge the fields of this one
}

func (at spot) field(name string) spot {
	at.path += "." + name
	return at
}

// alone is a value that no struct merges.
func (at spot) alone(suffix string, addressable bool) spot {
	return spot{path: at.path + suffix, addressable: addressable}
}

type shaper struct {
	*rules
	made map[place]*shape // also those in the making, for types that contain themselves
}

// place is a type where it has an address or not.
type place struct {
	reflect.Type
	addressable bool
}

func (b *shaper) refuse(at spot, format string, args ...any) error {
	return &TypeError{b.name, at.path, fmt.Sprintf(format, args...)}
}

func (b *shaper) shape(t reflect.Type, at spot) (*shape, error) {
	if s, ok := b.made[place{t, at.addressable}]; ok {
		return s, nil
	}
	if own, err := b.encodesItself(t, at); own || err != nil {
		return b.opaque(t), err
	}
	if b.panics != nil && b.panics(t, at.addressable) {
		return nil, b.refuse(at, "the library panics for a %s here", t)
	}
	if s := plainShape(t); s != nil {
		return s, nil
	}
	if t.Kind() == reflect.Pointer {
		if t.Elem().Kind() == reflect.Pointer {
			return nil, b.refuse(at, "of a pointer to a pointer it is lost which is nil")
		}
		return b.shape(t.Elem(), at.alone("", true))
	}
	s := newShape(reflect.Invalid)
	b.made[place{t, at.addressable}] = s
	var err error
	switch t.Kind() {
	case reflect.Interface:
		if t.NumMethod() > 0 {
			return nil, b.refuse(at, "decoding cannot know the type in interface %s (see Union)", t)
		}
		s.kind, s.elem = reflect.Interface, s
	case reflect.Slice, reflect.Array:
		s.kind = reflect.Slice
		s.elem, err = b.shape(t.Elem(), at.alone("[]", at.addressable || t.Kind() == reflect.Slice))
	case reflect.Map:
		s.kind = reflect.Map
		if err := b.checkKey(t.Key(), at.alone("[key]", false)); err != nil {
			return nil, err
		}
		s.key = plainShape(t.Key())
		s.elem, err = b.shape(t.Elem(), at.alone("[]", false))
	case reflect.Struct:
		s.kind, s.byName = reflect.Struct, make(map[string]int)
		err = b.record(s, t, at)
		if b.sorted {
			s.sort()
		}
	default:
		err = b.refuse(at, "a %s cannot be encoded", t.Kind())
	}
	s.kinds = s.accepted()
	return s, err
}

// plainShape is the shape of a type that contains no other, else nil.
func plainShape(t reflect.Type) *shape {
	switch t.Kind() {
	case reflect.Bool, reflect.String:
		return newShape(t.Kind())
	case reflect.Float32, reflect.Float64:
		return newShape(reflect.Float64)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		s := newShape(reflect.Int64)
		s.below = 1 << (t.Bits() - 1)
		s.max = s.below - 1
		return s
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		s := newShape(reflect.Uint64)
		s.max, s.below = math.MaxUint64>>(64-t.Bits()), 0
		return s
	}
	return nil
}

func (s *shape) sort() {
	slices.SortFunc(s.fields, func(x, y field) int {
		return cmp.Or(len(x.name)-len(y.name), strings.Compare(x.name, y.name))
	})
	for i, f := range s.fields {
		s.byName[f.name] = i
	}
}

// checkKey lets through the types that all formats can use as keys of a map.
func (b *shaper) checkKey(t reflect.Type, at spot) error {
	own, err := b.encodesItself(t, at)
	if err != nil {
		return err
	}
	asText := t.Implements(textPair.encoder) && reflect.PointerTo(t).Implements(textPair.decoder)
	switch k := t.Kind(); {
	case k == reflect.String && asText && b.pairs[0] == jsonPair:
		return b.refuse(at, "encoding/json decodes keys of kind string by UnmarshalText, but does not encode them by MarshalText")
	case k == reflect.String, reflect.Int <= k && k <= reflect.Uint64, own && asText && t != timeType:
		return nil
	}
	return b.refuse(at, "keys are strings, integers or types that encode themselves as text, not %s", t)
}

var timeType = reflect.TypeFor[time.Time]()

// encodesItself says whether the library asks the type to encode and decode
// itself, and finds those which it asks for one of the two only.
func (b *shaper) encodesItself(t reflect.Type, at spot) (bool, error) {
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
			return false, b.refuse(at, "%s encodes itself for JSON only", t)
		}
		return false, nil
	case encodes < 0:
		return false, b.refuse(at, "%s decodes itself from %s, but does not encode itself", t, b.pairs[decodes].name)
	case decodes < 0:
		return false, b.refuse(at, "%s encodes itself as %s, but does not decode itself", t, b.pairs[encodes].name)
	case encodes != decodes:
		return false, b.refuse(at, "%s encodes itself as %s and decodes itself from %s", t, b.pairs[encodes].name, b.pairs[decodes].name)
	case t.Implements(b.pairs[decodes].decoder):
		return false, b.refuse(at, "the method by which %s decodes itself needs a pointer receiver", t)
	case !at.addressable && !b.copies && !t.Implements(b.pairs[encodes].encoder):
		return false, b.refuse(at, "%s encodes itself only through a pointer, which a map does not give (use *%[1]s)", t)
	}
	return true, nil
}

// opaque is the shape of a type that encodes itself.
func (b *shaper) opaque(t reflect.Type) *shape {
	if slices.Contains(b.native, t) {
		return scalar
	}
	p := reflect.PointerTo(t)
	i := slices.IndexFunc(b.pairs, func(x pair) bool { return p.Implements(x.encoder) })
	if i < 0 || b.pairs[i] != binaryPair && b.pairs[i] != textPair {
		return nil
	}
	return scalar
}

// record adds the fields of struct t to s, and those of the structs that t
// embeds.
func (b *shaper) record(s *shape, t reflect.Type, at spot) error {
	if slices.Contains(at.embedding, t) {
		return b.refuse(at, "%s embeds itself", t)
	}
	at.embedding = append(slices.Clip(at.embedding), t)
	blank, before := 0, len(s.fields)
	for f := range t.Fields() {
		name, options := b.tagOf(f)
		switch {
		case slices.ContainsFunc(options, func(o string) bool { return slices.Contains(b.unsound, o) }):
			return b.refuse(at.field(f.Name), "the tag options %s are not supported", strings.Join(b.unsound, ", "))
		case f.Name == "_":
			blank++
			continue
		case name == "-" && len(options) == 0:
			continue
		case name == "-":
			return b.refuse(at.field(f.Name), "a field cannot be named -")
		}
		if err := b.field(s, f, name, slices.Contains(options, "string"), at.field(f.Name)); err != nil {
			return err
		}
	}
	if len(s.fields) == before && t.NumField() > blank {
		return b.refuse(at, "%s has no exported fields", t)
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

func (b *shaper) field(s *shape, f reflect.StructField, name string, quoted bool, at spot) error {
	merged, err := b.merge(s, f, name, at)
	if err != nil || merged && !b.merges || !merged && !f.IsExported() {
		return err
	}
	name = cmp.Or(name, f.Name)
	if _, ok := s.byName[name]; ok {
		return b.refuse(at, "another field is %q too, so one of them is lost", name)
	}
	sub, err := b.shape(f.Type, at.alone("", at.addressable))
	if err != nil {
		return err
	}
	if quoted && b.tag == "json" {
		sub = scalar // a number in a string
	}
	s.byName[name] = len(s.fields)
	s.fields = append(s.fields, field{name, b.key(nil, name), sub})
	return nil
}

// merge adds the fields of f to s if f is an embedded struct and the library
// merges those.
func (b *shaper) merge(s *shape, f reflect.StructField, name string, at spot) (bool, error) {
	t, pointer := f.Type, f.Type.Kind() == reflect.Pointer
	if pointer {
		t = t.Elem()
	}
	if !f.Anonymous || t.Kind() != reflect.Struct {
		return false, nil
	}
	at.addressable = at.addressable || pointer
	merges := name == ""
	if b.merges {
		own, err := b.encodesItself(t, at)
		if err != nil {
			return false, err
		}
		merges = !own
	}
	switch {
	case !f.IsExported() && (pointer || !merges):
		return false, b.refuse(at, "an embedded struct that is unexported can be neither a pointer nor a value of its own")
	case !merges:
		return false, nil
	}
	return true, b.record(s, t, at)
}
