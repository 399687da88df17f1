package codec

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"sync"
)

// Bounded is a format of this package: [JSON], [CBOR] or [MsgPack]. It refuses
// what is beyond its [Limits] before it costs memory, and what could be
// written but not read.
type Bounded struct {
	wire   *wire
	limits Limits
}

// Limits bound one encoded value, in both directions: what Append returns,
// Decode accepts. A zero field means its default.
type Limits struct {
	Size     int // bytes; default 64 MiB, at most 2 GiB
	Depth    int // arrays and maps inside each other; default 64, at most 10,000
	Elements int // elements of one array, pairs of one map; default 262,144
}

// LimitError says that a value is beyond one of the [Limits] of its format.
type LimitError struct {
	Limit string // "size", "depth" or "elements"
	Max   int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s is over the limit of %d", e.Limit, e.Max)
}

// wire is one format, its limits aside.
type wire struct {
	rules
	frame
	append func(dst []byte, v any) ([]byte, error)
	// doubtful says, if the library lets it pass, that what append wrote may be
	// something to refuse.
	doubtful func(data []byte) bool
	// alone, if the library can do that, decodes up to aloneSize bytes within
	// the default limits that no walker has seen.
	alone   func(data []byte, v any) error
	walkers sync.Pool
	types   sync.Map // from reflect.Type to carried
}

// aloneSize is small enough that an error for each byte stays below 1 MiB.
const aloneSize = 8 << 10

const (
	defaultSize  = 64 << 20
	defaultDepth = 64
	// defaultElements is as many as encoding/json can decode to a slice while
	// it allocates no more than 64 times the JSON and 1 MiB.
	defaultElements = 1 << 18
)

// With returns the format with other limits. [Of] and [Union] refuse limits
// that are out of range.
func (b Bounded) With(l Limits) Bounded {
	b.limits = l
	return b
}

// Name is "json", "cbor" or "msgpack".
func (b Bounded) Name() string { return b.wire.name }

// Append appends what v points to. The error is a [*TypeError], a
// [*LimitError] or the library's.
func (b Bounded) Append(dst []byte, v any) ([]byte, error) {
	c, err := b.bind(reflect.TypeOf(v))
	if err != nil {
		return dst, err
	}
	return c.Append(dst, v)
}

// Decode sets what v points to. The error is one of those of Append.
func (b Bounded) Decode(data []byte, v any) error {
	c, err := b.bind(reflect.TypeOf(v))
	if err != nil {
		return err
	}
	return c.Decode(data, v)
}

// bind prepares for pointers of type t.
func (b Bounded) bind(t reflect.Type) (bound, error) {
	if b.wire == nil {
		return bound{}, errNoFormat
	}
	l := b.limits
	if l.Size < 0 || l.Size > math.MaxInt32 || l.Depth < 0 || l.Depth > 10_000 || l.Elements < 0 {
		return bound{}, fmt.Errorf("codec: limits out of range: %+v", l)
	}
	c, ok := b.wire.types.Load(t)
	if !ok {
		var err error
		if c, err = b.wire.carries(t); err != nil {
			return bound{}, err
		}
		b.wire.types.Store(t, c)
	}
	return newBound(b.wire, c.(carried), l), nil
}

// bound is a Bounded for one type.
type bound struct {
	*wire
	shape    *shape
	limits   Limits
	defaults bool // the limits are the default ones
	shallow  bool // no value of the type is too deep
}

func newBound(w *wire, c carried, l Limits) bound {
	b := bound{wire: w, shape: c.shape, defaults: l == Limits{}, limits: Limits{
		Size:     cmp.Or(l.Size, defaultSize),
		Depth:    cmp.Or(l.Depth, defaultDepth),
		Elements: cmp.Or(l.Elements, defaultElements),
	}}
	b.shallow = c.nesting <= b.limits.Depth
	return b
}

func (b bound) Name() string { return b.wire.name }

func (b bound) Append(dst []byte, v any) ([]byte, error) {
	out, err := b.append(dst, v)
	if err != nil {
		return dst, err
	}
	wrote := out[len(dst):]
	if b.shallow && len(wrote) <= min(b.limits.Elements, b.limits.Size) && (b.doubtful == nil || !b.doubtful(wrote)) {
		return out, nil // too short to have too many elements
	}
	w := b.walkers.Get().(*walker)
	err = b.walk(w, wrote)
	w.release()
	b.walkers.Put(w)
	if err != nil {
		return dst, err
	}
	return out, nil
}

func (b bound) Decode(data []byte, v any) error {
	if b.alone != nil && b.defaults && len(data) <= aloneSize {
		return b.alone(data, v)
	}
	w := b.walkers.Get().(*walker)
	err := b.walk(w, data)
	if err == nil {
		err = w.in.decode(v)
	}
	w.release()
	b.walkers.Put(w)
	return err
}

func (b bound) walk(w *walker, data []byte) error {
	if len(data) > b.limits.Size {
		return &LimitError{"size", b.limits.Size}
	}
	return w.walk(data, b.shape, b.limits)
}
