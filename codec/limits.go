package codec

import (
	"cmp"
	"fmt"
	"reflect"
)

// Limits bound one encoded value, so that hostile or damaged bytes are
// refused before they cost memory. They hold for both directions: what
// Append returns, Decode accepts. A zero field means its default.
type Limits struct {
	Size     int // bytes of a value; default 64 MiB
	Depth    int // arrays and maps inside each other; at least 4, at most 10,000, default 64
	Elements int // elements of one array, pairs of one map; at least 16, default 1,048,576
}

func (l Limits) orDefault() Limits {
	return Limits{
		Size:     cmp.Or(l.Size, 64<<20),
		Depth:    cmp.Or(l.Depth, 64),
		Elements: cmp.Or(l.Elements, 1<<20),
	}
}

func (l Limits) check() error {
	if l.Size < 0 || l.Depth < 4 || l.Depth > 10_000 || l.Elements < 16 {
		return fmt.Errorf("codec: limits out of range: %+v", l)
	}
	return nil
}

// LimitError says that a value is beyond one of the [Limits] of its format.
type LimitError struct {
	Limit string // "size", "depth" or "elements"
	Max   int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s is over the limit of %d", e.Limit, e.Max)
}

// Bounded is a format of this package: [JSON], [CBOR] or [MsgPack].
type Bounded struct {
	wire   wire
	limits Limits
}

// wire is what tells one format of this package from another.
type wire interface {
	frame
	name() string
	// carries explains why values of t do not survive this format.
	carries(t reflect.Type) error
	append(dst []byte, v any) ([]byte, error)
	// check looks at what append wrote.
	check(data []byte, l Limits) error
	// decode checks data and decodes it.
	decode(data []byte, v any, l Limits) error
}

// With returns the format with other limits. Limits out of range are an
// error of [Of] and [Union].
func (b Bounded) With(l Limits) Bounded {
	return Bounded{wire: b.wire, limits: l.orDefault()}
}

func (b Bounded) Name() string { return b.wire.name() }

func (b Bounded) Append(dst []byte, v any) ([]byte, error) {
	out, err := b.wire.append(dst, v)
	if err != nil {
		return dst, err
	}
	wrote := out[len(dst):]
	if len(wrote) > b.limits.Size {
		return dst, &LimitError{"size", b.limits.Size}
	}
	if err := b.wire.check(wrote, b.limits); err != nil {
		return dst, err
	}
	return out, nil
}

func (b Bounded) Decode(data []byte, v any) error {
	if len(data) > b.limits.Size {
		return &LimitError{"size", b.limits.Size}
	}
	return b.wire.decode(data, v, b.limits)
}

func (b Bounded) checkType(t reflect.Type) error {
	if err := b.limits.check(); err != nil {
		return err
	}
	return b.wire.carries(t)
}

func (b Bounded) frame() frame { return b.wire }
