package suite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/edfsm/edfsm/bench/internal/measure"
	"github.com/edfsm/edfsm/bench/internal/report"
	"github.com/edfsm/edfsm/codec"
	"github.com/fxamacker/cbor/v2"
	"github.com/vmihailenco/msgpack/v5"
)

// Codec encodes and decodes a small event and one of 4 KiB in each format, and
// beside that with the library that is behind the format, as it comes.
func (r *Run) Codec(ctx context.Context) error {
	for _, f := range formats {
		r.say("codec: %s", f.Name())
		if err := compareCodec(ctx, r, f, "small", readingAt(12345)); err != nil {
			return err
		}
		if err := compareCodec(ctx, r, f, "4KiB", aSurvey()); err != nil {
			return err
		}
	}
	return nil
}

// survey takes 4 KiB as JSON.
type survey struct {
	Site     string    `json:"site"`
	At       time.Time `json:"at"`
	Readings []Reading `json:"readings"`
}

func aSurvey() survey {
	s := survey{Site: "north hall", At: moment(1)}
	for n := range 85 {
		s.Readings = append(s.Readings, readingAt(int64(n)*1000))
	}
	return s
}

// library is a format without this framework.
type library struct {
	encode func(v any) ([]byte, error)
	decode func(data []byte, v any) error
}

var libraries = map[string]library{
	"json":    {json.Marshal, json.Unmarshal},
	"cbor":    {cbor.Marshal, cbor.Unmarshal},
	"msgpack": {msgpack.Marshal, msgpack.Unmarshal},
}

func compareCodec[T any](ctx context.Context, r *Run, f codec.Format, event string, v T) error {
	c, err := codec.Of[T](f)
	if err != nil {
		return err
	}
	raw := libraries[f.Name()]
	bytes, err1 := c.Append(nil, v)
	rawBytes, err2 := raw.encode(v)
	if err1 != nil || err2 != nil {
		return fmt.Errorf("%s: %w", f.Name(), firstOf(err1, err2))
	}
	var buf []byte
	for _, op := range []struct {
		name      string
		ours, raw func() error
	}{
		{"encode",
			func() (err error) { buf, err = c.Append(buf[:0], v); return err },
			func() error { _, err := raw.encode(v); return err }},
		{"decode",
			func() error { var v T; return c.Decode(bytes, &v) },
			func() error { var v T; return raw.decode(rawBytes, &v) }},
	} {
		var ours, theirs measure.Series
		err := measure.Rounds(ctx, r.Scale.Rounds, r.spin(&ours, op.ours), r.spin(&theirs, op.raw))
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
		r.add(report.Compared("codec", report.Dims{"op": op.name, "codec": f.Name(), "event": event}, "ns", ours, "raw", theirs))
	}
	r.add(report.Figure("codec", report.Dims{"codec": f.Name(), "event": event}, "B", measure.Series{float64(len(bytes))}))
	return nil
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// spin adds to a series the ns of one of many calls of f.
func (r *Run) spin(s *measure.Series, f func() error) measure.Turn {
	return func(context.Context) error {
		calls := 0
		begun := time.Now()
		for time.Since(begun) < r.Scale.Turn/10 {
			for range 50 { // looking at the clock takes time
				if err := f(); err != nil {
					return err
				}
			}
			calls += 50
		}
		*s = append(*s, float64(time.Since(begun).Nanoseconds())/float64(calls))
		return nil
	}
}
