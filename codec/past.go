package codec

import (
	"errors"
	"fmt"
	"reflect"
)

// ErrSplit is the error of Decode for an old record that is no event today, or
// several. DecodeAll gives them.
var ErrSplit = errors.New("record is not one event")

// Past is what a name that is no longer written means to a union of E. It is
// made by [Former] and [Upcast].
type Past[E any] struct {
	was     string
	meaning func(*union[E]) (reading[E], error)
}

// Former says that records named was are of the case that is named now:
//
//	codec.Former[Event]("alarm", "raised")
func Former[E any](was, now string) Past[E] {
	return Past[E]{was, func(u *union[E]) (reading[E], error) {
		r, ok := u.byName[now]
		if !ok || r.variant == nil {
			return r, fmt.Errorf("%q is no case", now)
		}
		return r, nil
	}}
}

// Upcast says that records named was have the shape Old, and which events they
// are today: none, one or several. The function depends on its argument alone.
//
//	codec.Upcast("raised", func(old RaisedV1) []Event { … })
func Upcast[Old, E any](was string, events func(Old) []E) Past[E] {
	return Past[E]{was, func(u *union[E]) (reading[E], error) {
		f, err := bind(u.format, reflect.TypeFor[Old]())
		return reading[E]{expand: func(data []byte) ([]E, error) {
			var old Old
			if err := f.Decode(data, &old); err != nil {
				return nil, err
			}
			return events(old), nil
		}}, err
	}}
}
