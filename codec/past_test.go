package codec_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/edfsm/edfsm/codec"
)

// The shapes of the past: a batch of counts, and a note that was a number.
type batch struct{ Counts []int64 }

func eventsOf(b batch) []event {
	var events []event
	for _, n := range b.Counts {
		events = append(events, counted(n))
	}
	return events
}

type expander interface {
	codec.Codec[event]
	DecodeAll(data []byte, emit func(event)) error
}

// oldAndNew are the codec of the past and that of today.
func oldAndNew(t *testing.T, f codec.Format) (old codec.Codec[any], today expander) {
	old = must(codec.Union(f, map[string]any{"batch": batch{}, "remark": noted{}, "counted": counted(0), "number": 0}))
	c := must(codec.Union(f, cases,
		codec.Former[event]("remark", "noted"),
		codec.Upcast("batch", eventsOf),
		codec.Upcast("number", func(n int) []event { return []event{renamed(fmt.Sprint(n))} }),
	))
	today, ok := c.(expander)
	if !ok {
		t.Fatal("a union has no DecodeAll")
	}
	return old, today
}

func TestPast(t *testing.T) {
	eachFormat(t, func(t *testing.T, f codec.Bounded) {
		old, today := oldAndNew(t, f)
		for _, test := range []struct {
			old  any
			want []event
		}{
			{batch{}, nil},
			{batch{[]int64{4}}, []event{counted(4)}},
			{batch{[]int64{4, 5, 6}}, []event{counted(4), counted(5), counted(6)}},
			{counted(3), []event{counted(3)}},
			{17, []event{renamed("17")}},
		} {
			data, err := old.Append(nil, test.old)
			if err != nil {
				t.Fatal(err)
			}
			var got []event
			if err := today.DecodeAll(data, func(e event) { got = append(got, e) }); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%v became %v, want %v", test.old, got, test.want)
			}
			var one event
			err = today.Decode(data, &one)
			switch {
			case len(test.want) != 1:
				if !errors.Is(err, codec.ErrSplit) {
					t.Errorf("Decode of %v: %v", test.old, err)
				}
			case err != nil || one != test.want[0]:
				t.Errorf("Decode of %v: %v, %v", test.old, one, err)
			}
		}
	})
}

func TestFormerNamesAreReadNotWritten(t *testing.T) {
	eachFormat(t, func(t *testing.T, f codec.Bounded) {
		old, today := oldAndNew(t, f)
		data, err := old.Append(nil, noted{"a"})
		if err != nil {
			t.Fatal(err)
		}
		var e event
		if err := today.Decode(data, &e); err != nil {
			t.Fatal(err)
		}
		if n, ok := e.(*noted); !ok || n.Text != "a" {
			t.Errorf("%#v", e)
		}
		data, err = today.Append(nil, e)
		if err != nil || bytes.Contains(data, []byte("remark")) || !bytes.Contains(data, []byte("noted")) {
			t.Errorf("%q, %v", data, err)
		}
	})
}

func TestDecodeAllReportsErrors(t *testing.T) {
	eachFormat(t, func(t *testing.T, f codec.Bounded) {
		old, today := oldAndNew(t, f)
		data, err := old.Append(nil, batch{[]int64{1, 2}})
		if err != nil {
			t.Fatal(err)
		}
		for n := range data {
			err := today.DecodeAll(data[:n], func(e event) { t.Errorf("%v of a record cut at %d", e, n) })
			if err == nil {
				t.Errorf("a record cut at %d was decoded", n)
			}
		}
	})
}

func TestPastIsCheckedWhenBuilt(t *testing.T) {
	none := func(any) []event { return nil }
	for name, past := range map[string][]codec.Past[event]{
		"former name of nothing":       {codec.Former[event]("was", "gone")},
		"former name of an upcast":     {codec.Upcast("old", none), codec.Former[event]("older", "old")},
		"name of a case":               {codec.Former[event]("raised", "cleared")},
		"twice the same":               {codec.Former[event]("was", "raised"), codec.Upcast("was", none)},
		"no name":                      {codec.Upcast("", none)},
		"zero":                         {{}},
		"shape that cannot be carried": {codec.Upcast("was", func(chan int) []event { return nil })},
	} {
		if _, err := codec.Union(codec.CBOR, cases, past...); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
