package codec_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/netip"
	"reflect"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/edfsm/edfsm/codec"
)

func FuzzJSON(f *testing.F)    { fuzz(f, codec.JSON, plainJSON) }
func FuzzCBOR(f *testing.F)    { fuzz(f, codec.CBOR, walkedCBOR) }
func FuzzMsgPack(f *testing.F) { fuzz(f, codec.MsgPack, noTwin) }

// fuzz looks for input that panics, that allocates too much, that is decoded to
// a value which does not survive its own encoding, or that a twin decodes in
// another way.
func fuzz(f *testing.F, format codec.Bounded, twin func(data []byte, v any) error) {
	seed(f, format)
	record := must(codec.Of[hostile](format))
	free := must(codec.Of[any](format))
	union := must(codec.Union(format, cases, codec.Upcast("batch", eventsOf))).(expander)
	f.Fuzz(func(t *testing.T, data []byte) {
		var v, byTwin hostile
		err := bounded(t, data, func() error { return record.Decode(data, &v) })
		if err == nil {
			survives(t, record, v)
		}
		switch twinErr := twin(data, &byTwin); {
		case twinErr == errUndecided:
		case (err == nil) != (twinErr == nil):
			t.Errorf("%q: %v, the twin says %v", data, err, twinErr)
		case err == nil && !alike(reflect.ValueOf(v), reflect.ValueOf(byTwin)):
			t.Errorf("%q: %+v, the twin says %+v", data, v, byTwin)
		}
		var x any
		if err := free.Decode(data, &x); err == nil {
			survives(t, free, x)
		}
		err = union.DecodeAll(data, func(e event) { survives(t, codec.Codec[event](union), e) })
		var e event
		if one := union.Decode(data, &e); err != nil && one == nil {
			t.Errorf("decoded by Decode and not by DecodeAll: %v", err)
		}
	})
}

var errUndecided = errors.New("the twin is of another opinion by intent")

// plainJSON is encoding/json by itself, which does not mind what text is and
// how deep arrays are.
func plainJSON(data []byte, v any) error {
	depth := bytes.Count(data, []byte("{")) + bytes.Count(data, []byte("["))
	if !utf8.Valid(data) || bytes.Contains(data, []byte(`\u`)) || depth > 64 {
		return errUndecided
	}
	return json.Unmarshal(data, v)
}

// walkedCBOR goes our own way through CBOR where the library goes alone.
func walkedCBOR(data []byte, v any) error {
	return codec.CBOR.With(codec.Limits{Depth: 64}).Decode(data, v)
}

func noTwin([]byte, any) error { return errUndecided }

// survives says that what can be encoded is decoded as it was. In interfaces
// types may change, but not what they are written as.
func survives[T any](t *testing.T, c codec.Codec[T], v T) {
	data, err := c.Append(nil, v)
	if err != nil {
		return
	}
	var got T
	if err := c.Decode(data, &got); err != nil {
		t.Fatalf("%#v was encoded as %q, and then: %v", v, data, err)
	}
	if again, err := c.Append(nil, got); reflect.TypeFor[T]() == reflect.TypeFor[any]() {
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%#v\nas %q became\n%#v\nas %q, %v", v, data, got, again, err)
		}
	} else if !alike(reflect.ValueOf(&v).Elem(), reflect.ValueOf(&got).Elem()) {
		t.Fatalf("%#v\nas %q became\n%#v", v, data, got)
	}
}

func seed(f *testing.F, format codec.Bounded) {
	add := func(data []byte, err error) {
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	add(must(codec.Of[hostile](format)).Append(nil, hostile{
		Cells: []cell{{1, 2, &cell{}, -3}}, Texts: []string{"a", ""}, Bytes: []byte("bytes"), Small: []int8{-1, 100},
		Addrs: []netip.Addr{netip.MustParseAddr("1.2.3.4")}, Named: map[string]int16{"a": -300, "b": 2}, Strings: map[string]string{"c": "d"},
		Numbered: map[int32]uint8{-70000: 255}, Moods: map[mood]bool{1: true}, Float: 1.5, Flag: true, Text: "é\"", At: &at, For: 1,
		Sub: &hostile{}, Base: Base{ID: 7},
	}))
	c := must(codec.Union(format, map[string]any{"batch": batch{}, "tree": tree{}, "raised": raised{}}))
	for _, v := range []any{batch{[]int64{1, 2}}, tree{"a", []*tree{{Label: "b"}}}, raised{"high", at}} {
		add(c.Append(nil, v))
	}
	add(must(codec.Of[any](format)).Append(nil, map[string]any{"a": []any{1, -1, 1.5, "b", nil, true, at}, "b": map[string]any{}}))
	f.Add([]byte(sameKey[&codec.JSON])[:20])
	f.Add(bytes.Repeat([]byte{'['}, 70))
	f.Add([]byte("\xdd\x00\x00\x00\x10" + repeat("\x80", 16, "")))
	f.Add([]byte("\x9a\x00\x00\x00\x10" + repeat("\xa0", 16, "")))
}
