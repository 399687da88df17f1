package codec_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/edfsm/edfsm/codec"
)

type event interface{ isEvent() }

type raised struct {
	Level string    `json:"level"`
	At    time.Time `json:"at"`
}

type cleared struct{}

type noted struct {
	Text string `json:"text"`
}

type unlisted struct{}

func (raised) isEvent()   {}
func (cleared) isEvent()  {}
func (*noted) isEvent()   {}
func (unlisted) isEvent() {}

func must[T any](c codec.Codec[T], err error) codec.Codec[T] {
	if err != nil {
		panic(err)
	}
	return c
}

func TestUnionInJSONIsReadable(t *testing.T) {
	c := must(codec.Union(codec.JSON, map[string]event{"raised": raised{}, "cleared": cleared{}, "noted": (*noted)(nil)}))
	got, err := c.Append([]byte("log: "), &noted{Text: "<a>"})
	if err != nil || string(got) != `log: {"noted":{"text":"<a>"}}` {
		t.Fatalf("%s, %v", got, err)
	}
	var e event
	if err := c.Decode([]byte(` { "noted" : {"text":"x"} } `), &e); err != nil {
		t.Fatal(err)
	}
	if n, ok := e.(*noted); !ok || n.Text != "x" {
		t.Fatalf("%#v", e)
	}
	if err := c.Decode([]byte(`{"cleared":{}}`), &e); err != nil || e != (cleared{}) {
		t.Fatalf("%#v, %v", e, err)
	}
}

func TestUnionNamesWhatItRefuses(t *testing.T) {
	c := must(codec.Union(codec.JSON, map[string]event{"raised": raised{}, "noted": (*noted)(nil)}))
	_, err := c.Append(nil, unlisted{})
	if e, ok := errors.AsType[*codec.UnlistedError](err); !ok || e.Type.Name() != "unlisted" {
		t.Errorf("unlisted type: %v", err)
	}
	if _, err := c.Append(nil, nil); err == nil {
		t.Error("nil was encoded")
	}
	if _, err := c.Append(nil, (*noted)(nil)); err == nil {
		t.Error("nil pointer was encoded")
	}
	var e event
	err = c.Decode([]byte(`{"lowered":{}}`), &e)
	if e, ok := errors.AsType[*codec.UnknownError](err); !ok || e.Name != "lowered" {
		t.Errorf("unknown name: %v", err)
	}
	for _, bad := range []string{``, `{`, `{}`, `[]`, `{"raised"}`, `{"raised":}`, `{"raised":{}`, `{"raised":{},"noted":{}}`, `{"raised":{}} x`, `"raised"`} {
		if err := c.Decode([]byte(bad), &e); err == nil {
			t.Errorf("%s was decoded", bad)
		}
	}
}

func TestJSONRefuses(t *testing.T) {
	c := must(codec.Of[map[string]float64](codec.JSON))
	var v map[string]float64
	for _, bad := range []string{`{} {}`, `{"a":1}x`, `{"a":1e999}`, "{\"a\xff\":1}", `{"\ud800":1}`, `{"\ud800\u0041":1}`} {
		if err := c.Decode([]byte(bad), &v); err == nil {
			t.Errorf("%q was decoded", bad)
		}
	}
	for _, bad := range []map[string]float64{{"a": math.NaN()}, {"a": math.Inf(1)}, {"a\xff": 1}} {
		if _, err := c.Append(nil, bad); err == nil {
			t.Errorf("%v was encoded", bad)
		}
	}
	for _, good := range []map[string]float64{{"\ufffd": 1}, {`\ufffd`: 1}, {`\\ufffd`: 1}, {"😀": 1}} {
		b, err := c.Append(nil, good)
		if err != nil {
			t.Errorf("%v: %v", good, err)
		}
		if err := c.Decode(b, &v); err != nil || len(v) != 1 {
			t.Errorf("%s: %v", b, err)
		}
	}
}

func TestLimits(t *testing.T) {
	type tree struct{ Sub []tree }
	c := must(codec.Of[tree](codec.JSON.With(codec.Limits{Depth: 6, Elements: 16, Size: 300})))
	deep := tree{[]tree{{[]tree{{[]tree{}}}}}}
	wide := tree{make([]tree, 17)}
	for v, limit := range map[*tree]string{&deep: "", {[]tree{deep}}: "depth", &wide: "elements", {make([]tree, 16)}: "", {[]tree{{make([]tree, 16)}, {make([]tree, 16)}}}: "size"} {
		_, err := c.Append(nil, *v)
		e, _ := errors.AsType[*codec.LimitError](err)
		if limit == "" && err != nil || limit != "" && (e == nil || e.Limit != limit) {
			t.Errorf("%v: %v, want %q", *v, err, limit)
		}
	}
	var v tree
	if err := c.Decode([]byte(strings.Repeat(" ", 301)+"{}"), &v); err == nil {
		t.Error("size was not limited")
	}
	if _, err := codec.Of[tree](codec.JSON.With(codec.Limits{Depth: -1})); err == nil {
		t.Error("limits out of range were taken")
	}
}
