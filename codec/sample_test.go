package codec_test

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/edfsm/edfsm/codec"
	"pgregory.net/rapid"
)

var formats = []codec.Bounded{codec.JSON, codec.CBOR, codec.MsgPack}

// everything has a field of every kind that the formats carry.
type everything struct {
	Bool bool   `json:"bool"`
	Text string `json:"text,omitempty"`

	Int   int   `json:"int"`
	Int8  int8  `json:"int8"`
	Int16 int16 `json:"int16"`
	Int32 int32 `json:"int32"`
	Int64 int64 `json:"int64"`

	Uint   uint   `json:"uint"`
	Uint8  uint8  `json:"uint8"`
	Uint16 uint16 `json:"uint16"`
	Uint32 uint32 `json:"uint32"`
	Uint64 uint64 `json:"uint64"`

	Float32 float32 `json:"float32"`
	Float64 float64 `json:"float64"`

	Bytes []byte        `json:"bytes"`
	At    time.Time     `json:"at"`
	For   time.Duration `json:"for"`

	Pointer  *int32     `json:"pointer"`
	Later    *time.Time `json:"later,omitempty"`
	Optional *part      `json:"optional,omitempty"`

	Ints   []int16     `json:"ints"`
	Texts  []string    `json:"texts"`
	Times  []time.Time `json:"times"`
	Parts  []part      `json:"parts"`
	Array  [3]uint16   `json:"array"`
	Digest [4]byte     `json:"digest"`

	Named    map[string]int16    `json:"named"`
	Strings  map[string]string   `json:"strings"`
	Numbered map[int8]string     `json:"numbered"`
	Wide     map[uint64][]part   `json:"wide"`
	ByAddr   map[netip.Addr]bool `json:"byAddr"`

	Nested part       `json:"nested"`
	Mood   mood       `json:"mood"`
	Addr   netip.Addr `json:"addr"`
	Big    *big.Int   `json:"big"`
	NoTag  float64
	Moods  map[mood]mood `json:"moods"`

	Base
	*Origin

	Skipped  int `json:"-"`
	unwanted int
}

type part struct {
	Name string `json:"name"`
	N    int64  `json:"n"`
}

type Base struct {
	ID uint32 `json:"id"`
}

type Origin struct {
	Site string `json:"site"`
}

// mood encodes itself as text.
type mood uint8

var moods = []string{"calm", "wary", "upset"}

func (m mood) MarshalText() ([]byte, error) {
	if int(m) >= len(moods) {
		return nil, fmt.Errorf("no mood %d", m)
	}
	return []byte(moods[m]), nil
}

func (m *mood) UnmarshalText(text []byte) error {
	for i, s := range moods {
		if s == string(text) {
			*m = mood(i)
			return nil
		}
	}
	return fmt.Errorf("no mood %q", text)
}

// The ten cases of event.
type (
	event interface{ isEvent() }

	raised struct {
		Level string    `json:"level"`
		At    time.Time `json:"at"`
	}
	cleared struct{}
	noted   struct {
		Text string `json:"text"`
	}
	measured struct {
		Values []float64 `json:"values"`
	}
	renamed string
	counted int64
	tagged  map[string]string
	tree    struct {
		Label string  `json:"label,omitempty"`
		Sub   []*tree `json:"sub,omitempty"`
	}
	moved   struct{ From, To part }
	stamped time.Duration

	unlisted struct{}
)

func (raised) isEvent()   {}
func (cleared) isEvent()  {}
func (noted) isEvent()    {}
func (measured) isEvent() {}
func (renamed) isEvent()  {}
func (counted) isEvent()  {}
func (tagged) isEvent()   {}
func (*tree) isEvent()    {}
func (moved) isEvent()    {}
func (stamped) isEvent()  {}
func (unlisted) isEvent() {}

var cases = map[string]event{
	"raised": raised{}, "cleared": cleared{}, "noted": (*noted)(nil), "measured": measured{},
	"renamed": renamed(""), "counted": counted(0), "tagged": tagged(nil), "tree": (*tree)(nil),
	"moved": moved{}, "stamped": stamped(0),
}

// must is for codecs whose making is not what a test is about.
func must[T any](c codec.Codec[T], err error) codec.Codec[T] {
	if err != nil {
		panic(err)
	}
	return c
}

// there and back: the bytes of v are destroyed before what was decoded is
// looked at, and the target was in use before.
func roundTrip[T any](t interface{ Fatalf(string, ...any) }, c codec.Codec[T], v, used T) T {
	const prefix = "before"
	data, err := c.Append([]byte(prefix), v)
	if err != nil {
		t.Fatalf("%s: encode %#v: %v", c.Name(), v, err)
	}
	rest, ok := bytes.CutPrefix(data, []byte(prefix))
	if !ok {
		t.Fatalf("%s: Append changed what was in the buffer: %q", c.Name(), data)
	}
	wrote := bytes.Clone(rest)
	if err := c.Decode(rest, &used); err != nil {
		t.Fatalf("%s: decode %q: %v", c.Name(), wrote, err)
	}
	if !bytes.Equal(rest, wrote) {
		t.Fatalf("%s: Decode changed its input", c.Name())
	}
	clear(data)
	return used
}

// utc replaces the times in v by the same instants in UTC, so that
// reflect.DeepEqual can compare.
func utc(v *everything) *everything {
	v.At = v.At.UTC()
	if v.Later != nil {
		later := v.Later.UTC()
		v.Later = &later
	}
	for i := range v.Times {
		v.Times[i] = v.Times[i].UTC()
	}
	return v
}

func same(a, b *everything) bool { return reflect.DeepEqual(utc(a), utc(b)) }

var genTime = rapid.Custom(func(t *rapid.T) time.Time {
	zone := time.FixedZone("", 60*rapid.IntRange(-14*60, 14*60).Draw(t, "zone"))
	sec := rapid.Int64Range(-62135596800+86400, 253402300799-86400).Draw(t, "seconds") // years 1 to 9999
	return time.Unix(sec, rapid.Int64Range(0, 999999999).Draw(t, "nanoseconds")).In(zone)
})

var genAddr = rapid.Map(rapid.Uint32(), func(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
})

var genMood = rapid.Map(rapid.IntRange(0, len(moods)-1), func(n int) mood { return mood(n) })

var genPart = rapid.Custom(func(t *rapid.T) part {
	return part{rapid.String().Draw(t, "name"), rapid.Int64().Draw(t, "n")}
})

func genFloat() *rapid.Generator[float64] {
	return rapid.Float64().Filter(func(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) })
}

// slice generates nil, empty and other slices.
func slice[T any](elem *rapid.Generator[T]) *rapid.Generator[[]T] {
	return rapid.OneOf(rapid.Just[[]T](nil), rapid.SliceOfN(elem, 0, 5))
}

func dict[K comparable, V any](key *rapid.Generator[K], value *rapid.Generator[V]) *rapid.Generator[map[K]V] {
	return rapid.OneOf(rapid.Just[map[K]V](nil), rapid.MapOfN(key, value, 0, 5))
}

var genEverything = rapid.Custom(func(t *rapid.T) everything {
	return everything{
		Bool: rapid.Bool().Draw(t, "bool"), Text: rapid.String().Draw(t, "text"),
		Int: rapid.Int().Draw(t, "int"), Int8: rapid.Int8().Draw(t, "int8"), Int16: rapid.Int16().Draw(t, "int16"),
		Int32: rapid.Int32().Draw(t, "int32"), Int64: rapid.Int64().Draw(t, "int64"),
		Uint: rapid.Uint().Draw(t, "uint"), Uint8: rapid.Uint8().Draw(t, "uint8"), Uint16: rapid.Uint16().Draw(t, "uint16"),
		Uint32: rapid.Uint32().Draw(t, "uint32"), Uint64: rapid.Uint64().Draw(t, "uint64"),
		Float32: float32(rapid.Int32().Draw(t, "float32")) / 8, Float64: genFloat().Draw(t, "float64"),
		Bytes: slice(rapid.Byte()).Draw(t, "bytes"), At: genTime.Draw(t, "at"),
		For:      time.Duration(rapid.Int64().Draw(t, "for")),
		Pointer:  rapid.Ptr(rapid.Int32(), true).Draw(t, "pointer"),
		Later:    rapid.Ptr(genTime, true).Draw(t, "later"),
		Optional: rapid.Ptr(genPart, true).Draw(t, "optional"),
		Ints:     slice(rapid.Int16()).Draw(t, "ints"), Texts: slice(rapid.String()).Draw(t, "texts"),
		Times: slice(genTime).Draw(t, "times"), Parts: slice(genPart).Draw(t, "parts"),
		Array:    [3]uint16{rapid.Uint16().Draw(t, "array"), 2},
		Digest:   [4]byte{rapid.Byte().Draw(t, "digest"), 0xff},
		Named:    dict(rapid.String(), rapid.Int16()).Draw(t, "named"),
		Strings:  dict(rapid.String(), rapid.String()).Draw(t, "strings"),
		Numbered: dict(rapid.Int8(), rapid.String()).Draw(t, "numbered"),
		Wide:     dict(rapid.Uint64(), slice(genPart)).Draw(t, "wide"),
		ByAddr:   dict(genAddr, rapid.Bool()).Draw(t, "byAddr"),
		Nested:   genPart.Draw(t, "nested"), Mood: genMood.Draw(t, "mood"), Addr: genAddr.Draw(t, "addr"),
		Big:    rapid.Ptr(rapid.Map(rapid.Int64(), func(n int64) big.Int { return *new(big.Int).Mul(big.NewInt(n), big.NewInt(n)) }), true).Draw(t, "big"),
		NoTag:  genFloat().Draw(t, "noTag"),
		Moods:  dict(genMood, genMood).Draw(t, "moods"),
		Base:   Base{rapid.Uint32().Draw(t, "id")},
		Origin: &Origin{rapid.String().Draw(t, "site")},
	}
})

func genTree(depth int) *rapid.Generator[*tree] {
	return rapid.Custom(func(t *rapid.T) *tree {
		n := &tree{Label: rapid.String().Draw(t, "label")}
		for range rapid.IntRange(0, min(2, depth)).Draw(t, "sub") {
			n.Sub = append(n.Sub, genTree(depth-1).Draw(t, "tree"))
		}
		return n
	})
}

func as[T event](g *rapid.Generator[T]) *rapid.Generator[event] {
	return rapid.Map(g, func(v T) event { return v })
}

var genEvent = rapid.OneOf(
	as(rapid.Map(genTime, func(at time.Time) raised { return raised{"high", at.UTC()} })),
	as(rapid.Just(cleared{})),
	as(rapid.Map(rapid.String(), func(s string) *noted { return &noted{s} })),
	as(rapid.Map(slice(genFloat()), func(v []float64) measured { return measured{v} })),
	as(rapid.Map(rapid.String(), func(s string) renamed { return renamed(s) })),
	as(rapid.Map(rapid.Int64(), func(n int64) counted { return counted(n) })),
	as(rapid.Map(dict(rapid.String(), rapid.String()), func(m map[string]string) tagged { return m })),
	as(genTree(5)),
	as(rapid.Map(genPart, func(p part) moved { return moved{p, p} })),
	as(rapid.Map(rapid.Int64(), func(n int64) stamped { return stamped(n) })),
)

// sample is a value without luck: the same on every run.
func sample() everything {
	n, later := int32(-7), time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC)
	return everything{
		Bool: true, Text: "<Grüße> \"quoted\"\n", Int: -1, Int8: math.MinInt8, Int16: -300, Int32: 70_000, Int64: math.MinInt64,
		Uint: 1, Uint8: 200, Uint16: 65535, Uint32: 1 << 31, Uint64: math.MaxUint64, Float32: 0.5, Float64: -1.1e300,
		Bytes: []byte{0, 1, 0xff}, At: time.Date(2026, 3, 1, 12, 30, 0, 123456789, time.FixedZone("", -3*3600)), For: 90 * time.Second,
		Pointer: &n, Later: &later, Optional: &part{"p", 1}, Ints: []int16{1, -2}, Texts: []string{"", "b"}, Times: []time.Time{},
		Parts: []part{{"q", 2}}, Array: [3]uint16{1, 2, 3}, Digest: [4]byte{0xde, 0xad}, Named: map[string]int16{"k": 1},
		Strings: map[string]string{"a": "1", "bb": "2", "c": "3"}, Numbered: map[int8]string{-1: "m"}, Wide: map[uint64][]part{1 << 40: nil},
		ByAddr: map[netip.Addr]bool{netip.MustParseAddr("10.0.0.1"): true}, Nested: part{"r", 3}, Mood: 2,
		Addr: netip.MustParseAddr("::1"), Big: new(big.Int).Lsh(big.NewInt(1), 70), NoTag: 3, Moods: map[mood]mood{1: 2},
		Base: Base{9}, Origin: &Origin{"north"},
	}
}

// eachFormat runs a test in every format of the package.
func eachFormat(t *testing.T, test func(*testing.T, codec.Bounded)) {
	for _, f := range formats {
		t.Run(f.Name(), func(t *testing.T) { test(t, f) })
	}
}
