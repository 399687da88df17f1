package codec

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Union returns the codec of values that are one of several types. Each case
// is a name and a value of its type, whose content does not matter:
//
//	codec.Union(codec.JSON, map[string]Event{"raised": Raised{}, "cleared": Cleared{}})
//
// The name travels with each value: in JSON as {"raised":{"level":"high"}}, in
// CBOR and msgpack as the same map of one pair, in other formats as a line
// before the value. A name that was ever written must keep its type, see
// [Former] and [Upcast].
//
// Decode gives the type of the case back, Raised or *Raised. It fails with
// [ErrSplit] on an old record that is not exactly one event today. The codec
// has the DecodeAll that is told of at [Codec].
func Union[E any](f Format, cases map[string]E, past ...Past[E]) (Codec[E], error) {
	if len(cases) == 0 {
		return nil, errors.New("codec: a union of no cases")
	}
	if _, err := bind(f, reflect.TypeFor[struct{}]()); err != nil {
		return nil, err
	}
	u := &union[E]{
		format: f,
		frame:  frameOf(f),
		byType: make(map[reflect.Type]*variant, len(cases)),
		byName: make(map[string]reading[E], len(cases)+len(past)),
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		if err := u.add(name, reflect.TypeOf(cases[name])); err != nil {
			return nil, err
		}
	}
	for _, p := range past {
		if err := u.addPast(p); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// UnlistedError is the answer to a value whose type is no case of the union.
type UnlistedError struct {
	Type reflect.Type // nil for a nil value
}

func (e *UnlistedError) Error() string {
	return fmt.Sprintf("codec: %v is no case of the union", e.Type)
}

// UnknownError is the answer to a record whose name is no case of the union,
// nor was one: mostly a record of newer code.
type UnknownError struct {
	Name string
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("codec: union has no case %q", e.Name)
}

type union[E any] struct {
	format Format
	frame  frame
	byType map[reflect.Type]*variant
	byName map[string]reading[E]
}

// reading is what a record under some name becomes: the case itself, or for
// the shapes of the past whatever expand makes of it.
type reading[E any] struct {
	*variant
	expand func([]byte) ([]E, error)
}

// variant is one type of the union.
type variant struct {
	name    string
	typ     reflect.Type // the struct, also where the case is a pointer to it
	pointer bool
	format  Format
	prefix  []byte
	scratch sync.Pool // of pointers to zero values of typ
}

func (u *union[E]) add(name string, t reflect.Type) error {
	if err := u.checkName(name); err != nil {
		return err
	}
	if t == nil {
		return fmt.Errorf("codec: case %q is nil", name)
	}
	if other, ok := u.byType[t]; ok {
		return fmt.Errorf("codec: cases %q and %q are both %s", other.name, name, t)
	}
	v := &variant{name: name, typ: t, prefix: u.frame.open(nil, name)}
	if t.Kind() == reflect.Pointer {
		v.typ, v.pointer = t.Elem(), true
	}
	var err error
	if v.format, err = bind(u.format, v.typ); err != nil {
		return fmt.Errorf("codec: case %q: %w", name, err)
	}
	v.scratch.New = func() any { return reflect.New(v.typ).Interface() }
	u.byType[t] = v
	u.byName[name] = reading[E]{variant: v}
	return nil
}

func (u *union[E]) addPast(p Past[E]) error {
	if err := u.checkName(p.was); err != nil {
		return err
	}
	r, err := p.meaning(u)
	if err != nil {
		return fmt.Errorf("codec: former name %q: %w", p.was, err)
	}
	u.byName[p.was] = r
	return nil
}

func (u *union[E]) checkName(name string) error {
	if name == "" || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return fmt.Errorf("codec: %q cannot name a case", name)
	}
	if _, ok := u.byName[name]; ok {
		return fmt.Errorf("codec: the name %q has two meanings", name)
	}
	return nil
}

func (u *union[E]) Name() string { return u.format.Name() }

func (u *union[E]) Append(dst []byte, e E) ([]byte, error) {
	val := reflect.ValueOf(e)
	if !val.IsValid() {
		return dst, &UnlistedError{}
	}
	c, ok := u.byType[val.Type()]
	if !ok {
		return dst, &UnlistedError{val.Type()}
	}
	out, err := c.append(append(dst, c.prefix...), val)
	if err != nil {
		return dst, fmt.Errorf("codec: encode case %q as %s: %w", c.name, u.Name(), err)
	}
	return u.frame.close(out), nil
}

func (c *variant) append(dst []byte, val reflect.Value) ([]byte, error) {
	if c.pointer {
		if val.IsNil() {
			return dst, errors.New("nil pointer")
		}
		return c.format.Append(dst, val.Interface())
	}
	p := c.scratch.Get()
	elem := reflect.ValueOf(p).Elem()
	elem.Set(val)
	out, err := c.format.Append(dst, p)
	elem.SetZero()
	c.scratch.Put(p)
	return out, err
}

func (u *union[E]) Decode(data []byte, e *E) error {
	r, name, body, err := u.find(data)
	if err != nil {
		return err
	}
	if r.expand == nil {
		*e, err = decodeCase[E](r.variant, body)
		return u.because(name, err)
	}
	events, err := r.expand(body)
	if err == nil && len(events) != 1 {
		err = fmt.Errorf("%w but %d", ErrSplit, len(events))
	}
	if err == nil {
		*e = events[0]
	}
	return u.because(name, err)
}

func (u *union[E]) DecodeAll(data []byte, emit func(E)) error {
	r, name, body, err := u.find(data)
	if err != nil {
		return err
	}
	if r.expand == nil {
		e, err := decodeCase[E](r.variant, body)
		if err == nil {
			emit(e)
		}
		return u.because(name, err)
	}
	events, err := r.expand(body)
	for _, e := range events {
		emit(e)
	}
	return u.because(name, err)
}

func (u *union[E]) find(data []byte) (r reading[E], name, body []byte, err error) {
	name, body, err = u.frame.cut(data)
	if err != nil {
		return r, nil, nil, fmt.Errorf("codec: decode union from %s: %w", u.Name(), err)
	}
	r, ok := u.byName[string(name)]
	if !ok {
		return r, nil, nil, &UnknownError{string(name)}
	}
	return r, name, body, nil
}

func (u *union[E]) because(name []byte, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("codec: decode case %q from %s: %w", name, u.Name(), err)
}

func decodeCase[E any](c *variant, body []byte) (e E, err error) {
	if c.pointer {
		p := reflect.New(c.typ).Interface()
		if err := c.format.Decode(body, p); err != nil {
			return e, err
		}
		return p.(E), nil
	}
	p := c.scratch.Get()
	elem := reflect.ValueOf(p).Elem()
	if err = c.format.Decode(body, p); err == nil {
		e = elem.Interface().(E)
	}
	elem.SetZero()
	c.scratch.Put(p)
	return e, err
}

// frame is how the name of a case stands around its value.
type frame interface {
	open(dst []byte, name string) []byte
	close(dst []byte) []byte
	cut(data []byte) (name, body []byte, err error)
}

var errFrame = errors.New("record is not one name with one value")

func frameOf(f Format) frame {
	if b, ok := f.(Bounded); ok {
		return b.wire.frame
	}
	return lineFrame{}
}

// lineFrame serves the formats of other packages, of which nothing is known:
// the name, a newline, the value.
type lineFrame struct{}

func (lineFrame) open(dst []byte, name string) []byte {
	return append(append(dst, name...), '\n')
}

func (lineFrame) close(dst []byte) []byte { return dst }

func (lineFrame) cut(data []byte) (name, body []byte, err error) {
	name, body, ok := bytes.Cut(data, []byte{'\n'})
	if !ok {
		return nil, nil, errFrame
	}
	return name, body, nil
}
