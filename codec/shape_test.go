package codec_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/edfsm/edfsm/codec"
)

// builds makes the codec of T for its error.
func builds[T any](f codec.Format) error {
	_, err := codec.Of[T](f)
	return err
}

type (
	onlyJSON struct{ n int }

	onlyEncodes struct{ N int }
	onlyDecodes struct{ N int }
	crossed     struct{ N int }
	byValue     struct{ N int }
	byPointer   struct{ N int }
	key         string

	SelfEmbedding struct {
		*SelfEmbedding
		N int
	}
	selfPointer *selfPointer

	embedsUnexported struct{ *hidden }
	hidden           struct{ N int }
	namesHidden      struct {
		hidden `json:"h"`
	}

	shadowing struct {
		Base
		ID string `json:"id"`
	}
	twice struct {
		A int `json:"B"`
		B int
	}

	list []list
	ring struct {
		Next *ring
		Err  []map[string]struct{ Cause error }
	}
)

func (o onlyJSON) MarshalJSON() ([]byte, error)  { return json.Marshal(o.n) }
func (*onlyJSON) UnmarshalJSON([]byte) error     { return nil }
func (onlyEncodes) MarshalText() ([]byte, error) { return nil, nil }
func (*onlyDecodes) UnmarshalText([]byte) error  { return nil }
func (crossed) MarshalText() ([]byte, error)     { return nil, nil }
func (*crossed) UnmarshalText([]byte) error      { return nil }
func (*crossed) UnmarshalJSON([]byte) error      { return nil }
func (*crossed) UnmarshalBinary([]byte) error    { return nil }
func (byValue) MarshalText() ([]byte, error)     { return nil, nil }
func (byValue) UnmarshalText([]byte) error       { return nil }
func (*byPointer) MarshalText() ([]byte, error)  { return nil, nil }
func (*byPointer) UnmarshalText([]byte) error    { return nil }
func (key) MarshalText() ([]byte, error)         { return nil, nil }
func (*key) UnmarshalText([]byte) error          { return nil }

func TestTypesThatAreRefused(t *testing.T) {
	const all = "json cbor msgpack"
	for _, test := range []struct {
		in    string // the formats that refuse it
		path  string // the end of the path
		build func(codec.Format) error
	}{
		{all, ".F", builds[struct{ F func() }]},
		{all, ".C", builds[struct{ C chan int }]},
		{all, ".C", builds[struct{ C complex64 }]},
		{all, ".U", builds[struct{ U uintptr }]},
		{all, ".Err", builds[struct{ Err error }]},
		{all, ".Err[][].Cause", builds[ring]},
		{all, ".S", builds[struct{ S struct{ n int } }]},
		{all, ".M[key]", builds[struct{ M map[bool]int }]},
		{all, ".M[key]", builds[struct{ M map[part]int }]},
		{all, ".M[key]", builds[struct{ M map[any]int }]},
		{all, ".M[key]", builds[struct{ M map[time.Time]int }]},
		{all, ".M[]", builds[struct{ M map[string]event }]},
		{all, ".P", builds[struct{ P **int }]},
		{all, "selfPointer", builds[selfPointer]},
		{all, ".SelfEmbedding", builds[SelfEmbedding]},
		{all, ".hidden", builds[embedsUnexported]},
		{all, ".ID", builds[shadowing]},
		{all, ".B", builds[twice]},
		{all, ".N", func(f codec.Format) error {
			dash := reflect.StructField{Name: "N", Type: reflect.TypeFor[int](), Tag: `json:"-,"`}
			_, err := f.Append(nil, reflect.New(reflect.StructOf([]reflect.StructField{dash})).Interface())
			return err
		}},
		{all, "onlyEncodes", builds[onlyEncodes]},
		{all, "onlyDecodes", builds[onlyDecodes]},
		{all, "crossed", builds[crossed]},
		{all, "byValue", builds[byValue]},
		{"cbor msgpack", ".J", builds[struct{ J onlyJSON }]},
		{"cbor msgpack", "RawMessage", builds[json.RawMessage]},
		{"json msgpack", "[]", builds[map[string]byPointer]},
		{"json msgpack", "[].P[]", builds[map[string]struct{ P [2]byPointer }]},
		{"json", "[key]", builds[map[key]int]},
		{"json cbor", ".hidden", builds[namesHidden]},
		{"msgpack", ".N", builds[struct {
			N int `msgpack:"n,intern"`
		}]},
		{"msgpack", "[]", builds[map[string][4]mood]},
		{"msgpack", "._msgpack", builds[struct {
			_msgpack struct{} `msgpack:",as_array"`
			N        int
		}]},

		{"", "", builds[struct{}]},
		{"", "", builds[struct{ _ struct{} }]},
		{"", "", builds[list]},
		{"", "", builds[tree]},
		{"", "", builds[any]},
		{"", "", builds[time.Time]},
		{"", "", builds[struct{ time.Time }]},
		{"", "", builds[map[string]*byPointer]},
		{"", "", builds[map[string][]byPointer]},
		{"", "", builds[map[string]*big.Int]},
		{"", "", builds[map[netip.Addr]netip.Addr]},
		{"", "", builds[struct{ hidden }]},
		{"", "", builds[struct {
			C chan int `json:"-"`
			N int
		}]},
	} {
		for _, f := range formats {
			err := test.build(f)
			e, refused := errors.AsType[*codec.TypeError](err)
			want := strings.Contains(test.in, f.Name())
			switch {
			case !want && err != nil || want && !refused:
				t.Errorf("%s, %q in %q: %v", f.Name(), test.path, test.in, err)
			case refused && (e.Format != f.Name() || !strings.HasSuffix(e.Path, test.path)):
				t.Errorf("%v: want a path that ends in %q", err, test.path)
			}
		}
	}
}

func TestTypeErrorReadsWell(t *testing.T) {
	const want = "codec: json cannot carry codec_test.ring.Err[][].Cause: decoding cannot know the type in interface error (see Union)"
	if err := builds[ring](codec.JSON); err == nil || err.Error() != want {
		t.Errorf("%v\nwant\n%s", err, want)
	}
}

// A format of this package may stand inside one of another.
func TestFormatWithoutCodec(t *testing.T) {
	eachFormat(t, func(t *testing.T, f codec.Bounded) {
		v := part{"a", 1}
		data, err := f.Append(nil, &v)
		if err != nil {
			t.Fatal(err)
		}
		if byCodec, err := must(codec.Of[part](f)).Append(nil, v); err != nil || !bytes.Equal(data, byCodec) {
			t.Errorf("%q, a codec says %q, %v", data, byCodec, err)
		}
		var got part
		if err := f.Decode(data, &got); err != nil || got != v {
			t.Errorf("%v, %v", got, err)
		}
		nan := math.NaN()
		if out, err := f.Append([]byte("kept"), &nan); err == nil || string(out) != "kept" {
			t.Errorf("NaN: %q, %v", out, err)
		}
		if _, err := f.Append(nil, nil); err == nil {
			t.Error("nothing was encoded")
		}
		if err := f.Decode(data, nil); err == nil {
			t.Error("decoded into nothing")
		}
		if _, err := f.Append(nil, v); err == nil {
			t.Error("something without an address was encoded")
		}
		if err := f.Decode(data, (*part)(nil)); err == nil {
			t.Error("decoded into a nil pointer")
		}
		if _, err := codec.Of[int](codec.Bounded{}); err == nil {
			t.Error("no format was taken for one")
		}
		if err := f.Decode(data, new(chan int)); err == nil {
			t.Error("decoded into a channel")
		}
	})
}
