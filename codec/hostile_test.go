package codec_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/edfsm/edfsm/codec"
	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"
)

// hostile is what hostile bytes are decoded to: its elements take at most 32
// bytes of memory each.
type hostile struct {
	Cells    []cell            `json:"cells"`
	Texts    []string          `json:"texts"`
	Bytes    []byte            `json:"bytes"`
	Small    []int8            `json:"small"`
	Addrs    []netip.Addr      `json:"addrs"`
	Named    map[string]int16  `json:"named"`
	Strings  map[string]string `json:"strings"`
	Numbered map[int32]uint8   `json:"numbered"`
	Moods    map[mood]bool     `json:"moods"`
	Array    [4]int16          `json:"array"`
	Digest   [4]byte           `json:"digest"`
	Float    float32           `json:"float"`
	Flag     bool              `json:"flag"`
	Text     string            `json:"text"`
	At       *time.Time        `json:"at"`
	For      time.Duration     `json:"for"`
	Sub      *hostile          `json:"sub"`
	Base
}

type cell struct {
	A, B uint64
	C    *cell
	D    int64
}

// bounded fails when f allocates more than 64 times the input and 1 MiB.
func bounded(t testing.TB, input []byte, f func() error) error {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := f()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 64*uint64(len(input))+1<<20 {
		t.Errorf("%d bytes made it allocate %d", len(input), n)
	}
	return err
}

// decodersOf decode bytes to types that react to them in different ways.
func decodersOf(f codec.Format) []func([]byte) error {
	return []func([]byte) error{
		into[hostile](f), into[any](f), into[[]any](f), into[[]cell](f), into[map[string]int](f), into[map[string]any](f),
		into[map[string]string](f), into[map[uint8]cell](f), into[map[int8]int8](f), into[string](f), into[[]string](f), into[[]byte](f), into[[8]byte](f),
		into[list](f), into[*tree](f), into[time.Time](f), into[[]time.Time](f), into[int8](f), into[float32](f), into[struct{}](f),
		into[struct{ Other int }](f), into[mood](f), into[netip.Addr](f),
	}
}

func into[T any](f codec.Format) func([]byte) error {
	c := must(codec.Of[T](f))
	return func(data []byte) error {
		var v T
		return c.Decode(data, &v)
	}
}

func repeat(s string, n int, end string) string { return strings.Repeat(s, n) + end }

// sameKey is a map with the key "k" a thousand times.
var sameKey = map[*codec.Bounded]string{
	&codec.JSON:    "{" + repeat(`"k":7,`, 999, `"k":8}`),
	&codec.CBOR:    "\xb9\x03\xe8" + repeat("\x61k\x07", 1000, ""),
	&codec.MsgPack: "\xde\x03\xe8" + repeat("\xa1k\x07", 1000, ""),
}

func TestBombs(t *testing.T) {
	const deep = 100_000
	bombs := map[*codec.Bounded]map[string]string{
		&codec.JSON: {
			"nested arrays":       repeat("[", deep, ""),
			"nested arrays, sane": repeat("[", deep, "") + repeat("]", deep, ""),
			"nested maps":         repeat(`{"sub":`, deep, "1") + repeat("}", deep, ""),
			"long number":         repeat("9", deep, ""),
			"strings":             "[" + repeat(`"`, deep, ""),
			"escapes":             `"` + repeat(`\u00`, deep, ""),
		},
		&codec.CBOR: {
			"nested arrays":                  repeat("\x81", deep, ""),
			"nested arrays, sane":            repeat("\x81", deep, "\x00"),
			"nested maps":                    repeat("\xa1\x63sub", deep, "\x00"),
			"nested tags":                    repeat("\xc1", deep, "\x00"),
			"nested tags in a key":           "\xa1" + repeat("\xc1", deep, "\x00\x00"),
			"nested arrays without end":      repeat("\x9f", deep, ""),
			"two billion elements":           "\x9a\x77\x35\x94\x00",
			"two billion pairs":              "\xba\x77\x35\x94\x00",
			"2^63 elements":                  "\x9b\x80\x00\x00\x00\x00\x00\x00\x00",
			"2^63 pairs":                     "\xbb\x80\x00\x00\x00\x00\x00\x00\x00",
			"2^63 characters":                "\x7b\x80\x00\x00\x00\x00\x00\x00\x00",
			"2^63 bytes":                     "\x5b\x80\x00\x00\x00\x00\x00\x00\x00",
			"2^63-1 bytes":                   "\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
			"two billion cells in a struct":  "\xa1\x65cells\x9a\x77\x35\x94\x00",
			"two billion cells of a million": "\x9a\x77\x35\x94\x00" + repeat("\xa0", 1_000_000, ""),
			"the same key":                   sameKey[&codec.CBOR],
			"a key twice, ways apart":        "\xa3\x61a\x01\x61b\x02\x61a\x03",
			"NaN":                            "\xfb\x7f\xf8\x00\x00\x00\x00\x00\x00",
			"infinity":                       "\xf9\x7c\x00",
			"array without length":           "\x9f\xff",
			"text without length":            "\x7f\xff",
		},
		&codec.MsgPack: {
			"nested arrays":                  repeat("\x91", deep, ""),
			"nested arrays, sane":            repeat("\x91", deep, "\x00"),
			"nested maps":                    repeat("\x81\xa3sub", deep, "\x00"),
			"two billion elements":           "\xdd\x77\x35\x94\x00",
			"two billion pairs":              "\xdf\x77\x35\x94\x00",
			"two billion characters":         "\xdb\x77\x35\x94\x00",
			"two billion bytes":              "\xc6\x77\x35\x94\x00",
			"extension of two billion bytes": "\xc9\x77\x35\x94\x00\xff",
			"two billion cells in a struct":  "\x81\xa5cells\xdd\x77\x35\x94\x00",
			"two billion cells of a million": "\xdd\x77\x35\x94\x00" + repeat("\x80", 1_000_000, ""),
			// The library skips an extension where it looks for a map, and
			// reads on inside it.
			"map in an extension":     "\xc7\x05\x00\xdf\x77\x35\x94\x00",
			"time that is too long":   "\xc7\x05\xff\xdf\x77\x35\x94\x00",
			"the same key":            sameKey[&codec.MsgPack],
			"a key twice, ways apart": "\x83\xa1a\x01\xa1b\x02\xa1a\x03",
			"a number twice":          "\x82\x01\x01\xd3\x00\x00\x00\x00\x00\x00\x00\x01\x02",
			"a negative number twice": "\x82\xff\x01\xd0\xff\x02",
			"a byte without meaning":  "\xc1",
			"NaN":                     "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",
			"infinity":                "\xca\x7f\x80\x00\x00",
		},
	}
	for f, named := range bombs {
		decoders := decodersOf(*f)
		for name, bomb := range named {
			for i, decode := range decoders {
				if err := bounded(t, []byte(bomb), func() error { return decode([]byte(bomb)) }); err == nil {
					t.Errorf("%s: %s was decoded by decoder %d", f.Name(), name, i)
				}
			}
		}
	}
}

// Values that are small in bytes and large in memory.
func TestDenseValues(t *testing.T) {
	const most = 1 << 18 // the default limit
	for _, test := range []struct {
		what   string
		data   string
		decode func([]byte) error
	}{
		{"cells in JSON", "[" + repeat("{},", most-1, "{}]"), into[[]cell](codec.JSON)},
		{"cells in JSON, just after the slice has grown", "[" + repeat("{},", 210_432, "{}]"), into[[]cell](codec.JSON)},
		{"cells in CBOR", "\x9a\x00\x04\x00\x00" + repeat("\xa0", most, ""), into[[]cell](codec.CBOR)},
		{"null cells in CBOR", "\x9a\x00\x04\x00\x00" + repeat("\xf6", most, ""), into[[]cell](codec.CBOR)},
		{"cells in msgpack", "\xdd\x00\x04\x00\x00" + repeat("\x80", most, ""), into[[]cell](codec.MsgPack)},
		{"null cells in msgpack", "\xdd\x00\x04\x00\x00" + repeat("\xc0", most, ""), into[[]cell](codec.MsgPack)},
		{"texts in msgpack", "\xdd\x00\x04\x00\x00" + repeat("\xa0", most, ""), into[[]string](codec.MsgPack)},
		{"map in msgpack", "\xdf\x00\x01\x00\x00" + numberedKeys("\xa4%04x\x00"), into[map[string]int16](codec.MsgPack)},
		{"map in CBOR", "\xba\x00\x01\x00\x00" + numberedKeys("\x64%04x\xf6"), into[map[string]cell](codec.CBOR)},
		{"map in JSON", "{" + numberedKeys(`"%04x":0,`) + `"":0}`, into[map[string]int16](codec.JSON)},
	} {
		data := []byte(test.data)
		if err := bounded(t, data, func() error { return test.decode(data) }); err != nil {
			t.Errorf("%s: %v", test.what, err)
		}
	}
}

// numberedKeys are 65,536 pairs of a map.
func numberedKeys(pair string) string {
	var b strings.Builder
	for i := range 1 << 16 {
		fmt.Fprintf(&b, pair, i)
	}
	return b.String()
}

// Bytes that say something, but not what is asked for: an error for each
// element costs more than the element.
func TestWrongElements(t *testing.T) {
	const many = 100_000
	for f, data := range map[*codec.Bounded]string{
		&codec.JSON:    "[" + repeat("0,", many-1, "0]"),
		&codec.CBOR:    "\x9a\x00\x01\x86\xa0" + repeat("\x00", many, ""),
		&codec.MsgPack: "\xdd\x00\x01\x86\xa0" + repeat("\x00", many, ""),
	} {
		refuses(t, into[[]cell](*f), data)
		refuses(t, into[[]string](*f), data)
		refuses(t, into[list](*f), data)
	}
	refuses(t, into[hostile](codec.JSON), `{"CELLS":[`+repeat("0,", many, "0]}")) // which encoding/json takes for cells
	refuses(t, into[map[string]int8](codec.MsgPack), "\x81\xa1a\xcd\x01\x2c")
	refuses(t, into[hostile](codec.MsgPack), "\x81\xa5named\xc7\x05\x00\xdf\x77\x35\x94\x00")
}

func refuses(t *testing.T, decode func([]byte) error, data string) {
	t.Helper()
	if err := bounded(t, []byte(data), func() error { return decode([]byte(data)) }); err == nil {
		t.Errorf("%.20q was decoded", data)
	}
}

// A large integer of other programs, which we would not write.
func TestIntegerAsBytes(t *testing.T) {
	var n int64
	for _, f := range []codec.Bounded{codec.CBOR, codec.CBOR.With(codec.Limits{Depth: 9})} {
		if err := must(codec.Of[int64](f)).Decode([]byte("\xc2\x42\x01\x00"), &n); err != nil || n != 256 {
			t.Errorf("%d, %v", n, err)
		}
	}
}

// A text is a time with the tag of a time or without one.
func TestTimeWithAnotherTag(t *testing.T) {
	decode := into[time.Time](codec.CBOR)
	for tag, want := range map[string]bool{"": true, "\xc0": true, "\xc5": false} {
		if err := decode([]byte(tag + "\x742026-01-02T03:04:05Z")); (err == nil) != want {
			t.Errorf("tag %q: %v", tag, err)
		}
	}
}

// The first of several tags is free.
func TestNestedTags(t *testing.T) {
	decode, few := into[any](codec.CBOR), into[any](codec.CBOR.With(codec.Limits{Depth: 6}))
	limited(t, "65 tags", decode([]byte(repeat("\xc6", 65, "\x00"))), "")
	limited(t, "66 tags", decode([]byte(repeat("\xc6", 66, "\x00"))), "depth")
	limited(t, "7 tags", few([]byte(repeat("\xc6", 7, "\x00"))), "")
	limited(t, "8 tags", few([]byte(repeat("\xc6", 8, "\x00"))), "depth")
}

// meddling changes the library's encoder and decoder for all that comes later.
type meddling struct{ N int }

func (meddling) EncodeMsgpack(enc *msgpack.Encoder) error {
	enc.UseArrayEncodedStructs(true)
	return enc.EncodeInt(1)
}

func (v *meddling) DecodeMsgpack(dec *msgpack.Decoder) error {
	dec.DisallowUnknownFields(true)
	return dec.Decode(&v.N)
}

func TestTypeThatMeddles(t *testing.T) {
	for range 10 {
		at(t, codec.MsgPack, meddling{1})
		at(t, codec.MsgPack, part{"a", 1})
		if err := into[struct{}](codec.MsgPack)([]byte("\x81\xa1a\x01")); err != nil {
			t.Fatal(err)
		}
	}
}

// talkative writes two values where one is due.
type talkative struct{ N int }

func (talkative) EncodeMsgpack(enc *msgpack.Encoder) error { return enc.EncodeMulti(1, 2) }

func (v *talkative) DecodeMsgpack(dec *msgpack.Decoder) error { return dec.Decode(&v.N) }

func TestTypeThatWritesTwoValues(t *testing.T) {
	refused(t, codec.MsgPack, talkative{})
	refuses(t, into[talkative](codec.MsgPack), "\x01\x02")
}

func TestIntegersFitOrAreRefused(t *testing.T) {
	eachFormat(t, func(t *testing.T, f codec.Bounded) {
		signed, unsigned := must(codec.Of[int64](f)), must(codec.Of[uint64](f))
		signedKeys, unsignedKeys := must(codec.Of[map[int64]bool](f)), must(codec.Of[map[uint64]bool](f))
		fits := []func(t *rapid.T, data, asKey []byte, n int64, u uint64){
			fit[int](f), fit[int8](f), fit[int16](f), fit[int32](f), fit[int64](f),
			fit[uint](f), fit[uint8](f), fit[uint16](f), fit[uint32](f), fit[uint64](f),
		}
		rapid.Check(t, func(t *rapid.T) {
			n, u := genBoundary.Draw(t, "n"), uint64(0)
			data, err := signed.Append(nil, n)
			asKey, err2 := signedKeys.Append(nil, map[int64]bool{n: true})
			if n >= 0 && rapid.Bool().Draw(t, "large") {
				u = uint64(n) | 1<<63
				data, err = unsigned.Append(nil, u)
				asKey, err2 = unsignedKeys.Append(nil, map[uint64]bool{u: true})
			}
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			for _, fit := range fits {
				fit(t, data, asKey, n, u)
			}
		})
	})
}

// genBoundary generates integers, many of them near the ends of a type.
var genBoundary = rapid.OneOf(rapid.Int64(), rapid.Custom(func(t *rapid.T) int64 {
	n := int64(1) << rapid.SampledFrom([]int{7, 8, 15, 16, 31, 32, 62, 63}).Draw(t, "bits")
	return (n + rapid.Int64Range(-1, 1).Draw(t, "beside")) * rapid.SampledFrom([]int64{1, -1}).Draw(t, "sign")
}))

// fit checks that bytes which say n, or u if that is not 0, become a T exactly
// if there is such a T, by themselves and as the key of a map.
func fit[T int | int8 | int16 | int32 | int64 | uint | uint8 | uint16 | uint32 | uint64](f codec.Format) func(t *rapid.T, data, asKey []byte, n int64, u uint64) {
	c, keys := must(codec.Of[T](f)), must(codec.Of[map[T]bool](f))
	return func(t *rapid.T, data, asKey []byte, n int64, u uint64) {
		want := T(n)
		exists := int64(want) == n && (want < 0) == (n < 0)
		if u != 0 {
			want = T(u)
			exists = uint64(want) == u && want > 0
		}
		var got T
		var gotKey map[T]bool
		err, errKey := c.Decode(data, &got), keys.Decode(asKey, &gotKey)
		switch {
		case !exists && (err == nil || errKey == nil):
			t.Fatalf("%d, %d became the %T %d, %v and %v, %v", n, u, got, got, err, gotKey, errKey)
		case exists && (err != nil || errKey != nil || got != want || !gotKey[want]):
			t.Fatalf("%d, %d became the %T %d, %v and %v, %v", n, u, got, got, err, gotKey, errKey)
		}
	}
}

// Surrogates that are no pair and bytes that are no UTF-8 would come back as
// something else.
func TestJSONText(t *testing.T) {
	decode := into[map[string]string](codec.JSON)
	for _, bad := range []string{"\xff", "é\xc3", `\ud800`, `\ud800x`, `\ud800\u0041`, `\udc00\ud800`, `\udc00`,
		`\udc00\udc00`, `\ud800\ud800`, `\ud800\ue000`, `\ud800\n`} {
		for _, form := range []string{`{"a":"%s"}`, `{"%s":"a"}`} {
			if err := decode(fmt.Appendf(nil, form, bad)); err == nil {
				t.Errorf("%q was decoded in %s", bad, form)
			}
		}
	}
	c := must(codec.Of[map[string]string](codec.JSON))
	for _, good := range []string{"\ufffd", `\ufffd`, `\\ufffd`, `\\\ufffd`, "😀\u2028", "\x00\x1f\x7f", "<&>"} {
		at(t, codec.JSON, map[string]string{good: good})
		at(t, codec.JSON, []string{good, `"`})
		if _, err := c.Append(nil, map[string]string{"a": good + "\xff"}); err == nil {
			t.Errorf("%q with a wrong byte was encoded", good)
		}
	}
	if err := decode([]byte(`{"\ud83d\ude00":"\uD83D\uDE00"}`)); err != nil {
		t.Error(err)
	}
}
