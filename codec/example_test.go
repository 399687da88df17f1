package codec_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"

	"github.com/edfsm/edfsm/codec"
)

func ExampleOf() {
	type Reading struct {
		Sensor string  `json:"sensor"`
		Value  float64 `json:"value"`
	}
	readings, err := codec.Of[Reading](codec.JSON)
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := readings.Append(nil, Reading{"boiler", 71.5})
	fmt.Printf("%s %v\n", data, err)

	var r Reading
	err = readings.Decode(data, &r)
	fmt.Println(r.Sensor, r.Value, err)
	// Output:
	// {"sensor":"boiler","value":71.5} <nil>
	// boiler 71.5 <nil>
}

// A type that would not come back is found when its codec is built.
func ExampleOf_refused() {
	type Failure struct{ Cause error }
	_, err := codec.Of[[]Failure](codec.CBOR)
	fmt.Println(err)
	// Output:
	// codec: cbor cannot carry []codec_test.Failure[].Cause: decoding cannot know the type in interface error (see Union)
}

type Event interface{ event() }

type Raised struct {
	Level string `json:"level"`
}

type Cleared struct{}

func (Raised) event()  {}
func (Cleared) event() {}

func ExampleUnion() {
	events, err := codec.Union(codec.JSON, map[string]Event{
		"raised":  Raised{},
		"cleared": Cleared{},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := events.Append(nil, Raised{"high"})
	fmt.Printf("%s %v\n", data, err)

	var e Event
	err = events.Decode([]byte(`{"cleared":{}}`), &e)
	fmt.Printf("%T %v\n", e, err)

	err = events.Decode([]byte(`{"lowered":{}}`), &e)
	if unknown, ok := errors.AsType[*codec.UnknownError](err); ok {
		fmt.Println("written by newer code:", unknown.Name)
	}
	// Output:
	// {"raised":{"level":"high"}} <nil>
	// codec_test.Cleared <nil>
	// written by newer code: lowered
}

// Alarms once came in batches, and were cleared under another name.
func ExampleUpcast() {
	type Batch struct {
		Levels []string `json:"levels"`
	}
	events, err := codec.Union(codec.JSON,
		map[string]Event{"raised": Raised{}, "cleared": Cleared{}},
		codec.Former[Event]("reset", "cleared"),
		codec.Upcast("alarms", func(old Batch) []Event {
			var events []Event
			for _, level := range old.Levels {
				events = append(events, Raised{level})
			}
			return events
		}),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	reader := events.(interface {
		DecodeAll(data []byte, emit func(Event)) error
	})
	for _, record := range []string{`{"alarms":{"levels":["low","high"]}}`, `{"reset":{}}`, `{"alarms":{}}`} {
		err := reader.DecodeAll([]byte(record), func(e Event) { fmt.Printf("%T%v ", e, e) })
		fmt.Println(err)
	}
	var e Event
	err = events.Decode([]byte(`{"alarms":{"levels":["low","high"]}}`), &e)
	fmt.Println(errors.Is(err, codec.ErrSplit), err)
	// Output:
	// codec_test.Raised{low} codec_test.Raised{high} <nil>
	// codec_test.Cleared{} <nil>
	// <nil>
	// true codec: decode case "alarms" from json: record is not one event but 2
}

func ExampleBounded_With() {
	type Tree struct{ Sub []Tree }
	small, err := codec.Of[Tree](codec.CBOR.With(codec.Limits{Depth: 4, Size: 1 << 10}))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = small.Append(nil, Tree{[]Tree{{[]Tree{{}}}}})
	if over, ok := errors.AsType[*codec.LimitError](err); ok {
		fmt.Println(over.Limit, over.Max)
	}
	// Output:
	// depth 4
}

// deflated compresses what CBOR writes.
type deflated struct{}

func (deflated) Name() string { return "cbor+deflate" }

func (deflated) Append(dst []byte, v any) ([]byte, error) {
	plain, err := codec.CBOR.Append(nil, v)
	if err != nil {
		return dst, err
	}
	b := bytes.NewBuffer(dst)
	w, err := flate.NewWriter(b, flate.BestSpeed)
	if err != nil {
		return dst, err
	}
	if _, err := w.Write(plain); err != nil {
		return dst, err
	}
	err = w.Close()
	return b.Bytes(), err
}

func (deflated) Decode(data []byte, v any) error {
	r := flate.NewReader(bytes.NewReader(data))
	defer r.Close()
	plain, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		return err
	}
	return codec.CBOR.Decode(plain, v)
}

// A format of one's own takes three methods.
func ExampleFormat() {
	texts, err := codec.Of[[]string](deflated{})
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := texts.Append(nil, make([]string, 1000))
	fmt.Println(texts.Name(), len(data) < 50, err)

	var got []string
	err = texts.Decode(data, &got)
	fmt.Println(len(got), err)
	// Output:
	// cbor+deflate true <nil>
	// 1000 <nil>
}
