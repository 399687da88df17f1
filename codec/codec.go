package codec

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
)

// Codec turns values of T into bytes and back. It is safe for concurrent use.
//
// A codec whose old records may be any number of values today also has
//
//	DecodeAll(data []byte, emit func(T)) error
//
// as those of [Union] do. It emits the values in order, or none and an error.
// A reader of old records looks for it.
type Codec[T any] interface {
	// Name is the identity of the bytes, such as "json". A store keeps it
	// and refuses to be opened with a codec of another name.
	Name() string
	// Append appends the encoding of v to dst. After an error the bytes
	// of dst itself are as they were.
	Append(dst []byte, v T) ([]byte, error)
	// Decode replaces *v by the value that data stands for. It keeps no
	// part of data. After an error *v is of no use.
	Decode(data []byte, v *T) error
}

// Format is a way to write Go values of any type: [JSON], [CBOR], [MsgPack] or
// a program's own. It must be safe for concurrent use.
type Format interface {
	// Name becomes the Name of the codecs.
	Name() string
	// Append appends the encoding of what v points to.
	Append(dst []byte, v any) ([]byte, error)
	// Decode sets what v points to, a zero value so far. It must not keep
	// data.
	Decode(data []byte, v any) error
}

// Of returns the codec of T in the format f. If f is a format of this package
// and T does not survive it, the error is a [*TypeError].
func Of[T any](f Format) (Codec[T], error) {
	t := reflect.TypeFor[T]()
	f, err := bind(f, t)
	if err != nil {
		return nil, err
	}
	return &plain[T]{format: f, typ: t}, nil
}

type plain[T any] struct {
	format  Format
	typ     reflect.Type
	scratch sync.Pool // of *T that are zero
}

func (c *plain[T]) Name() string { return c.format.Name() }

// Append goes through a pointer of the pool: a T in an interface would be
// allocated, and marshalers on *T would not be seen.
func (c *plain[T]) Append(dst []byte, v T) ([]byte, error) {
	p, ok := c.scratch.Get().(*T)
	if !ok {
		p = new(T)
	}
	*p = v
	out, err := c.format.Append(dst, p)
	var zero T
	*p = zero
	c.scratch.Put(p)
	if err != nil {
		return dst, fmt.Errorf("codec: encode %s as %s: %w", c.typ, c.Name(), err)
	}
	return out, nil
}

func (c *plain[T]) Decode(data []byte, v *T) error {
	var zero T
	*v = zero
	if err := c.format.Decode(data, v); err != nil {
		return fmt.Errorf("codec: decode %s from %s: %w", c.typ, c.Name(), err)
	}
	return nil
}

var errNoFormat = errors.New("codec: the format has no name")

// bind returns f for pointers to t, or says why it cannot be.
func bind(f Format, t reflect.Type) (Format, error) {
	if b, ok := f.(Bounded); ok {
		return b.bind(reflect.PointerTo(t))
	}
	if f == nil || f.Name() == "" {
		return nil, errNoFormat
	}
	return f, nil
}
