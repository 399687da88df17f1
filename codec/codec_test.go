package codec_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edfsm/edfsm/codec"
	"github.com/fxamacker/cbor/v2"
	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"
)

func TestRoundTrip(t *testing.T) {
	eachFormat(t, func(t *testing.T, f codec.Bounded) {
		c := must(codec.Of[everything](f))
		rapid.Check(t, func(t *rapid.T) {
			v, used := genEverything.Draw(t, "v"), genEverything.Draw(t, "used")
			if got := roundTrip(t, c, v, used); !same(&v, &got) {
				t.Fatalf("%+v\nbecame\n%+v", v, got)
			}
		})
	})
}

func TestSampleRoundTrip(t *testing.T) {
	eachFormat(t, func(t *testing.T, f codec.Bounded) {
		v := sample()
		if got := roundTrip(t, must(codec.Of[everything](f)), v, everything{}); !same(&v, &got) {
			t.Errorf("%+v\nbecame\n%+v", v, got)
		}
	})
}

func TestFieldsThatAreNotWritten(t *testing.T) {
	eachFormat(t, func(t *testing.T, f codec.Bounded) {
		v := everything{Origin: &Origin{}, Skipped: 1, unwanted: 2}
		if got := roundTrip(t, must(codec.Of[everything](f)), v, v); got.Skipped != 0 || got.unwanted != 0 {
			t.Errorf("%d %d", got.Skipped, got.unwanted)
		}
	})
}

// Values that are no structs, at the root of a record.
func TestRootRoundTrip(t *testing.T) {
	eachFormat(t, func(t *testing.T, f codec.Bounded) {
		at(t, f, uint64(math.MaxUint64))
		at(t, f, int8(-128))
		at(t, f, "text")
		at(t, f, []byte("bytes"))
		at(t, f, []byte{})
		at(t, f, []byte(nil))
		at(t, f, []string{"a", strings.Repeat("long", 1<<20), "b"})
		at(t, f, map[string]string(nil))
		at(t, f, map[string]any{"a": "b", "c": nil, "d": true})
		at(t, f, &part{"a", 1})
		at(t, f, (*part)(nil))
		at(t, f, time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC))
		at(t, f, any("text"))
		at(t, f, any(map[string]any{"a": map[string]any{"b": []any{"c"}}}))
		at(t, f, struct{}{})
		at(t, f, mood(1))
		at(t, f, []mood{1, 2})
		at(t, f, json.Number("1.50"))
		at(t, f, [2][]byte{[]byte("a")})
		at(t, f, struct {
			N int `json:",string"`
		}{-3})
		at(t, f, struct {
			N int `cbor:"1,keyasint"`
			M int `cbor:"-2,keyasint"`
		}{-3, 4})
		at(t, f, struct {
			N int    `json:"a/b"`
			M string `json:"ü<"`
		}{-3, "a"})
	})
	at(t, codec.JSON, json.RawMessage(`{"a":[1,null]}`))
	at(t, codec.CBOR, cbor.RawMessage("\xa1\x61a\x82\x01\xf6"))
	at(t, codec.MsgPack, msgpack.RawMessage("\x81\xa1a\x92\x01\xc0"))
}

func at[T any](t *testing.T, f codec.Format, v T) {
	t.Helper()
	got := roundTrip(t, must(codec.Of[T](f)), v, v)
	if x, ok := any(&got).(*time.Time); ok {
		*x = x.UTC() // msgpack gives local times
	}
	if !reflect.DeepEqual(got, v) {
		t.Errorf("%#v became %#v", v, got)
	}
}

// What one format refuses the others refuse too, where the table in the
// package documentation does not say otherwise.
func TestRefusedValues(t *testing.T) {
	eachFormat(t, func(t *testing.T, f codec.Bounded) {
		refused(t, f, math.NaN())
		refused(t, f, math.Inf(-1))
		refused(t, f, []float32{float32(math.NaN())})
		refused(t, f, map[string]any{"a": math.Inf(1)})
		refused(t, f, any(make(chan int)))
		refused(t, f, mood(9))
	})
	refused(t, codec.CBOR, cbor.RawMessage("\xfb\x7f\xf8\x00\x00\x00\x00\x00\x00")) // NaN
	refused(t, codec.MsgPack, msgpack.RawMessage("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"))
	refused(t, codec.JSON, "a\xff")
	refused(t, codec.JSON, map[string]int{"a\xff": 1})
	refused(t, codec.CBOR, any(map[int]int{1: 1})) // a map in an interface is decoded with keys of text
	refused(t, codec.MsgPack, any(map[int]int{1: 1}))
	refused(t, codec.MsgPack, any(map[string]any{"a": []any{map[int]int{1: 1}}}))
	at(t, codec.CBOR, "a\xff")
	at(t, codec.MsgPack, map[string]int8{"a\xff": 1})
}

func refused[T any](t *testing.T, f codec.Format, v T) {
	t.Helper()
	out, err := must(codec.Of[T](f)).Append([]byte("kept"), v)
	if err == nil {
		t.Errorf("%s: %v was encoded: %q", f.Name(), v, out)
	}
	if string(out) != "kept" {
		t.Errorf("%s: the buffer became %q", f.Name(), out)
	}
}

// Every first byte of a value is followed by nothing, by too little, by too
// much.
func TestTruncatedAndTrailing(t *testing.T) {
	eachFormat(t, func(t *testing.T, f codec.Bounded) {
		c := must(codec.Of[everything](f))
		data, err := c.Append(nil, sample())
		if err != nil {
			t.Fatal(err)
		}
		var v everything
		for n := range data {
			if err := c.Decode(data[:n], &v); err == nil {
				t.Errorf("the first %d of %d bytes were decoded", n, len(data))
			}
		}
		for _, more := range [][]byte{{0}, {'x'}, data} {
			if err := c.Decode(append(bytes.Clone(data), more...), &v); err == nil {
				t.Errorf("%d bytes after the value were ignored", len(more))
			}
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	eachFormat(t, func(t *testing.T, f codec.Bounded) {
		c := must(codec.Union(f, cases))
		var wg sync.WaitGroup
		for n := range 8 {
			wg.Go(func() {
				for i := range 200 {
					v := moved{part{"a", int64(n)}, part{"b", int64(i)}}
					if got := roundTrip[event](t, c, v, nil); got != v {
						t.Errorf("%v became %v", v, got)
						return
					}
				}
			})
		}
		wg.Wait()
	})
}

// gobFormat is the format of another package.
type gobFormat struct{}

func (gobFormat) Name() string { return "gob" }

func (gobFormat) Append(dst []byte, v any) ([]byte, error) {
	b := bytes.NewBuffer(dst)
	err := gob.NewEncoder(b).Encode(v)
	return b.Bytes(), err
}

func (gobFormat) Decode(data []byte, v any) error {
	return gob.NewDecoder(bytes.NewReader(data)).Decode(v)
}

func TestFormatOfAnother(t *testing.T) {
	at(t, gobFormat{}, part{"a", 1})
	c := must(codec.Union(gobFormat{}, map[string]event{"noted": (*noted)(nil), "counted": counted(0)}))
	for _, v := range []event{&noted{"a\nb"}, counted(7)} {
		if got := roundTrip(t, c, v, nil); !reflect.DeepEqual(got, v) {
			t.Errorf("%#v became %#v", v, got)
		}
	}
	if err := c.Decode([]byte("counted"), new(event)); err == nil {
		t.Error("a name without a value was decoded")
	}
	if _, err := codec.Of[int](nil); err == nil {
		t.Error("no format was taken for one")
	}
}
