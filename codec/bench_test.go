package codec_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/internal/race"
	"github.com/fxamacker/cbor/v2"
	"github.com/vmihailenco/msgpack/v5"
)

// alarm is a small event, survey one that takes 4 KiB as JSON.
type (
	alarm struct {
		Sensor string    `json:"sensor"`
		Level  int       `json:"level"`
		Value  float64   `json:"value"`
		At     time.Time `json:"at"`
		Muted  bool      `json:"muted"`
	}
	survey struct {
		Site     string    `json:"site"`
		At       time.Time `json:"at"`
		Readings []reading `json:"readings"`
	}
	reading struct {
		Sensor string  `json:"sensor"`
		Value  float64 `json:"value"`
		Count  uint32  `json:"count"`
		OK     bool    `json:"ok"`
	}
)

func (alarm) isEvent() {}

var anAlarm = alarm{"boiler-7", 3, 21.75, time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC), true}

func aSurvey() survey {
	s := survey{Site: "north hall", At: anAlarm.At}
	for i := range 59 {
		s.Readings = append(s.Readings, reading{fmt.Sprintf("sensor-%d", i), 20 + float64(i)/3, uint32(i * 1000), i%7 > 0})
	}
	return s
}

// byHand is a library as a careful program would call it itself: with the
// options of this package, and with state that is kept.
type byHand[T any] struct {
	encode func(*T) []byte
	decode func([]byte, *T) error
}

func handsOf[T any](f codec.Bounded) byHand[T] {
	switch f {
	case codec.JSON:
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		return byHand[T]{
			func(v *T) []byte { b.Reset(); enc.Encode(v); return b.Bytes() },
			func(data []byte, v *T) error { return json.Unmarshal(data, v) },
		}
	case codec.CBOR:
		var b bytes.Buffer
		o := cbor.CoreDetEncOptions()
		o.Time, o.TimeTag = cbor.TimeRFC3339NanoUTC, cbor.EncTagRequired
		enc, _ := o.UserBufferEncMode()
		dec, _ := cbor.DecOptions{
			DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TimeTag: cbor.DecTagOptional,
			UTF8: cbor.UTF8DecodeInvalid, FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		}.DecMode()
		return byHand[T]{
			func(v *T) []byte { b.Reset(); enc.MarshalToBuffer(v, &b); return b.Bytes() },
			func(data []byte, v *T) error { return dec.Unmarshal(data, v) },
		}
	}
	var b bytes.Buffer
	var in bytes.Reader
	enc, dec := msgpack.NewEncoder(&b), msgpack.NewDecoder(&in)
	enc.SetCustomStructTag("json")
	enc.UseCompactInts(true)
	enc.SetSortMapKeys(true)
	dec.SetCustomStructTag("json")
	return byHand[T]{
		func(v *T) []byte { b.Reset(); enc.Encode(v); return b.Bytes() },
		func(data []byte, v *T) error { in.Reset(data); return dec.Decode(v) },
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, f := range formats {
		b.Run("format="+f.Name()+"/event=small", func(b *testing.B) { benchEncode(b, f, anAlarm) })
		b.Run("format="+f.Name()+"/event=4KiB", func(b *testing.B) { benchEncode(b, f, aSurvey()) })
		b.Run("format="+f.Name()+"/event=union", func(b *testing.B) {
			c, hand := must(codec.Union(f, map[string]event{"alarm": alarm{}})), handsOf[alarm](f)
			var buf []byte
			var e event = anAlarm
			compare(b,
				func() { buf, _ = c.Append(buf[:0], e) },
				func() { v := e.(alarm); hand.encode(&v) })
			b.ReportMetric(float64(len(buf)), "bytes")
		})
	}
}

func benchEncode[T any](b *testing.B, f codec.Bounded, v T) {
	c, hand := must(codec.Of[T](f)), handsOf[T](f)
	var buf []byte
	compare(b,
		func() { buf, _ = c.Append(buf[:0], v) },
		func() { hand.encode(&v) })
	b.ReportMetric(float64(len(buf)), "bytes")
}

func BenchmarkDecode(b *testing.B) {
	for _, f := range formats {
		b.Run("format="+f.Name()+"/event=small", func(b *testing.B) { benchDecode(b, f, anAlarm) })
		b.Run("format="+f.Name()+"/event=4KiB", func(b *testing.B) { benchDecode(b, f, aSurvey()) })
		b.Run("format="+f.Name()+"/event=union", func(b *testing.B) {
			c, hand := must(codec.Union(f, map[string]event{"alarm": alarm{}})), handsOf[alarm](f)
			named, _ := c.Append(nil, anAlarm)
			bare := bytes.Clone(hand.encode(&anAlarm))
			var e event
			compare(b,
				func() { c.Decode(named, &e) },
				func() { var v alarm; hand.decode(bare, &v); e = v })
		})
	}
}

func benchDecode[T any](b *testing.B, f codec.Bounded, v T) {
	c, hand := must(codec.Of[T](f)), handsOf[T](f)
	data, _ := c.Append(nil, v)
	var zero T
	compare(b,
		func() { c.Decode(data, &v) },
		func() { v = zero; hand.decode(data, &v) })
}

// compare runs the two in turns, so that what else the machine does hits both,
// and reports the median of their ratios.
func compare(b *testing.B, codec, hand func()) {
	const turn = 50
	var ratios, codecs, hands []float64
	for b.Loop() {
		start := time.Now()
		for range turn {
			codec()
		}
		middle := time.Now()
		for range turn {
			hand()
		}
		end := time.Now()
		codecs = append(codecs, float64(middle.Sub(start))/turn)
		hands = append(hands, float64(end.Sub(middle))/turn)
		ratios = append(ratios, float64(middle.Sub(start))/float64(end.Sub(middle)))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(codecs), "ns/codec")
	b.ReportMetric(median(hands), "ns/hand")
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(testing.AllocsPerRun(100, codec), "allocs/codec")
	b.ReportMetric(testing.AllocsPerRun(100, hand), "allocs/hand")
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// Beyond what the library needs, encoding into a buffer that is large enough
// allocates nothing.
func TestEncodeAllocatesOnce(t *testing.T) {
	if race.Enabled {
		t.Skip("pools drop items under the race detector")
	}
	eachFormat(t, func(t *testing.T, f codec.Bounded) {
		allocates(t, must(codec.Of[alarm](f)), anAlarm)
		allocates(t, must(codec.Of[survey](f)), aSurvey())
		allocates[event](t, must(codec.Union(f, map[string]event{"alarm": alarm{}})), anAlarm)
	})
}

func allocates[T any](t *testing.T, c codec.Codec[T], v T) {
	t.Helper()
	buf := make([]byte, 0, 8<<10)
	n := testing.AllocsPerRun(100, func() {
		if _, err := c.Append(buf, v); err != nil {
			t.Fatal(err)
		}
	})
	if n > 1 {
		t.Errorf("%T: %v allocations", v, n)
	}
}
