package history

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// Records is a view of a history: values of a type, in the form that a codec
// gives them. It may be used concurrently. A history may have several.
type Records[T any] struct {
	h     *History
	codec codec.Codec[T]

	// decodeAll is the codec's own way to make several values of an old one;
	// nil without one.
	decodeAll func(data []byte, emit func(T)) error
}

// Of returns the view of the values that are written with a codec. The file
// remembers its name with each record and refuses another there.
func Of[T any](h *History, c codec.Codec[T]) *Records[T] {
	r := &Records[T]{h: h, codec: c}
	if c, ok := c.(interface {
		DecodeAll(data []byte, emit func(T)) error
	}); ok {
		r.decodeAll = c.DecodeAll
	}
	return r
}

// Store is [History.Store] for a value of the type. What cannot be encoded is not
// stored.
func (r *Records[T]) Store(ctx context.Context, name string, value T, at time.Time) error {
	return r.StoreAll(ctx, []Entry[T]{{name, value, at}})
}

// StoreAll is [History.StoreAll] for values of the type.
func (r *Records[T]) StoreAll(ctx context.Context, entries []Entry[T]) error {
	b := batch{codec: r.codec.Name(), rows: make([]newRow, 0, len(entries))}
	for _, e := range entries {
		value, err := r.codec.Append(nil, e.Value)
		if err == nil {
			err = b.add(e.Name, value, e.At)
		}
		if err != nil {
			return r.h.named(e.Name, err)
		}
	}
	return r.h.store(ctx, &b)
}

// Query is [History.Query] for values of the type. A row that does not decode, or
// has another codec, is a [*RowError] in its place, beside a Row whose Value is
// the type's zero value, and the iteration goes on. Any other error is the last
// pair. Values that an old one was split into share its row.
func (r *Records[T]) Query(ctx context.Context, pattern string, w Window) iter.Seq2[Row[T], error] {
	return func(yield func(Row[T], error) bool) {
		var values []T
		for f, err := range r.h.find(ctx, pattern, w) {
			if err != nil {
				yield(Row[T]{}, err)
				return
			}
			if values, err = r.decode(values[:0], f); err != nil {
				if !errors.Is(err, ErrCodec) { // else the caller's pattern is too wide
					r.h.logger.Warn("edfsm: row does not decode", "error", err)
				}
				if !yield(rowOf(f, *new(T)), err) {
					return
				}
				continue
			}
			for _, v := range values {
				if !yield(rowOf(f, v), nil) {
					return
				}
			}
		}
	}
}

// Latest is [History.Latest] for values of the type.
func (r *Records[T]) Latest(ctx context.Context, pattern string, n int) iter.Seq2[Row[T], error] {
	if n < 1 {
		return noLatest[T](n)
	}
	return r.Query(ctx, pattern, Window{Limit: n})
}

// decode appends the values of a row, which are one unless the codec knows an
// older shape.
func (r *Records[T]) decode(values []T, f found) ([]T, error) {
	err := sameCodec(f.record.codec, r.codec.Name())
	if err == nil {
		if r.decodeAll != nil {
			err = r.decodeAll(f.value, func(v T) { values = append(values, v) })
		} else {
			var v T
			err = r.codec.Decode(f.value, &v)
			values = append(values, v)
		}
	}
	if err != nil {
		return nil, &RowError{sqlitedb.Path(r.h.db), f.record.name, f.key.time.Time(), f.key.sequence, err}
	}
	return values, nil
}
