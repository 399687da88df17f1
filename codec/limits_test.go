package codec_test

import (
	"cmp"
	"errors"
	"testing"

	"github.com/edfsm/edfsm/codec"
)

// The same limits hold in all formats and in both directions.
func TestLimits(t *testing.T) {
	nest := func(n int) list { // n arrays inside each other
		l := list{}
		for range n - 1 {
			l = list{l}
		}
		return l
	}
	few := codec.Limits{Size: 110, Depth: 6, Elements: 20}
	for _, test := range []struct {
		limits codec.Limits
		value  list
		want   string
	}{
		{few, nest(6), ""},
		{few, nest(7), "depth"},
		{few, make(list, 20), ""},
		{few, make(list, 21), "elements"},
		{few, list{make(list, 20), make(list, 19)}, "size"},
		{codec.Limits{}, nest(64), ""},
		{codec.Limits{}, nest(65), "depth"},
		{codec.Limits{}, append(make(list, 20_000), nest(63)), ""},
		{codec.Limits{}, append(make(list, 20_000), nest(64)), "depth"},
		{codec.Limits{Depth: 10_000, Size: 1 << 30}, nest(10_000), ""},
		{codec.Limits{Elements: 1}, nest(64), ""},
		{codec.Limits{Elements: 1}, make(list, 2), "elements"},
	} {
		eachFormat(t, func(t *testing.T, f codec.Bounded) {
			want := test.want
			if want == "size" && f != codec.JSON {
				want = "" // a null is one byte, in JSON with its comma five
			}
			c := must(codec.Of[list](f.With(test.limits)))
			_, err := c.Append(nil, test.value)
			limited(t, "encode", err, want)

			data, err := must(codec.Of[list](f.With(codec.Limits{Depth: 10_000}))).Append(nil, test.value)
			if err != nil {
				t.Fatal(err)
			}
			var v list
			limited(t, "decode", c.Decode(data, &v), want)
		})
	}
}

// Types that cannot be too deep are looked at only if they are long.
func TestLimitsOfFlatTypes(t *testing.T) {
	eachFormat(t, func(t *testing.T, f codec.Bounded) {
		few := must(codec.Of[[]bool](f.With(codec.Limits{Elements: 20})))
		short := must(codec.Of[string](f.With(codec.Limits{Size: 100})))
		_, err := few.Append(nil, make([]bool, 20))
		limited(t, "20 elements", err, "")
		_, err = few.Append(nil, make([]bool, 21))
		limited(t, "21 elements", err, "elements")
		_, err = short.Append(nil, repeat("a", 98, ""))
		limited(t, "98 characters", err, "")
		_, err = short.Append(nil, repeat("a", 99, ""))
		limited(t, "99 characters", err, "size")
		_, err = must(codec.Of[[][][][]bool](f.With(codec.Limits{Depth: 3}))).Append(nil, [][][][]bool{{{{true}}}})
		limited(t, "4 slices", err, "depth")
	})
}

func limited(t *testing.T, what string, err error, want string) {
	t.Helper()
	e, _ := errors.AsType[*codec.LimitError](err)
	if want == "" && err != nil || want != "" && (e == nil || e.Limit != want) {
		t.Errorf("%s: %v, want %q", what, err, cmp.Or(want, "no error"))
	}
}

func TestLimitsOutOfRange(t *testing.T) {
	for _, l := range []codec.Limits{{Size: -1}, {Size: 1 << 31}, {Depth: -1}, {Depth: 10_001}, {Elements: -1}} {
		eachFormat(t, func(t *testing.T, f codec.Bounded) {
			if err := builds[int](f.With(l)); err == nil {
				t.Errorf("%+v was taken", l)
			}
		})
	}
}
