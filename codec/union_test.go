package codec_test

import (
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/edfsm/edfsm/codec"
	"pgregory.net/rapid"
)

func TestUnionRoundTrip(t *testing.T) {
	eachFormat(t, func(t *testing.T, f codec.Bounded) {
		c := must(codec.Union(f, cases))
		rapid.Check(t, func(t *rapid.T) {
			v, used := genEvent.Draw(t, "v"), genEvent.Draw(t, "used")
			got := roundTrip(t, c, v, used)
			if r, ok := got.(raised); ok {
				got = raised{r.Level, r.At.UTC()}
			}
			if !reflect.DeepEqual(got, v) {
				t.Fatalf("%#v became %#v", v, got)
			}
		})
	})
}

func TestUnionTakesAnyPrintableName(t *testing.T) {
	printable := rapid.StringOf(rapid.Rune().Filter(func(r rune) bool { return !unicode.IsControl(r) })).Filter(func(s string) bool { return s != "" })
	rapid.Check(t, func(t *rapid.T) {
		name := printable.Draw(t, "name")
		f := rapid.SampledFrom([]codec.Format{codec.JSON, codec.CBOR, codec.MsgPack, gobFormat{}}).Draw(t, "format")
		c := must(codec.Union(f, map[string]event{name: counted(0)}))
		if got := roundTrip[event](t, c, counted(5), nil); got != counted(5) {
			t.Fatalf("under the name %q, 5 became %v", name, got)
		}
	})
}

func TestUnionInJSONIsReadable(t *testing.T) {
	c := must(codec.Union(codec.JSON, cases))
	got, err := c.Append([]byte("log: "), &noted{Text: "<a>"})
	if err != nil || string(got) != `log: {"noted":{"text":"<a>"}}` {
		t.Errorf("%s, %v", got, err)
	}
	var e event
	if err := c.Decode([]byte(" { \"n\\u006fted\" :\n{\"text\":\"by hand\"} } "), &e); err != nil {
		t.Fatal(err)
	}
	if n, ok := e.(*noted); !ok || n.Text != "by hand" {
		t.Errorf("%#v", e)
	}
}

func TestUnionNamesWhatItRefuses(t *testing.T) {
	eachFormat(t, func(t *testing.T, f codec.Bounded) {
		c := must(codec.Union(f, cases))
		for _, v := range []event{unlisted{}, nil, (*raised)(nil), noted{}} {
			_, err := c.Append(nil, v)
			if e, ok := errors.AsType[*codec.UnlistedError](err); !ok || e.Type != reflect.TypeOf(v) {
				t.Errorf("%T: %v", v, err)
			}
		}
		if _, err := c.Append(nil, (*noted)(nil)); err == nil || !strings.Contains(err.Error(), `"noted"`) {
			t.Errorf("nil pointer: %v", err)
		}

		newer := maps.Clone(cases)
		newer["lowered"] = unlisted{}
		data, err := must(codec.Union(f, newer)).Append(nil, unlisted{})
		if err != nil {
			t.Fatal(err)
		}
		err = c.Decode(data, new(event))
		if e, ok := errors.AsType[*codec.UnknownError](err); !ok || e.Name != "lowered" {
			t.Errorf("unknown name: %v", err)
		}
	})
}

func TestUnionRefusesOtherRecords(t *testing.T) {
	for f, records := range map[*codec.Bounded][]string{
		&codec.JSON: {``, ` `, `{`, `{}`, `[]`, `"raised"`, `{"raised"}`, `{"raised":}`, `{"raised":{}`, `{"raised":{}]`,
			`{"raised":{},"cleared":{}}`, `{"raised":{}} x`, `{raised:{}}`, `{"raised`, `{"raised\`, `{"raised":{}}}`, `{"raised":{"at":"x"}}`},
		&codec.CBOR: {"", "\xa0", "\xa1", "\xa2\x66raised\xa0\x67cleared\xa0", "\x81\x66raised", "\xa1\x66rais", "\xa1\x66raised",
			"\xa1\x66raised\xa0\xa0", "\xbf\x66raised\xa0\xff", "\xa1\x46raised\xa0", "\xa1\x01\xa0", "\xd9\xd9\xf7\xa1\x66raised\xa0"},
		&codec.MsgPack: {"", "\x80", "\x81", "\x82\xa6raised\x80\xa7cleared\x80", "\x91\xa6raised", "\x81\xa6rais", "\x81\xa6raised",
			"\x81\xa6raised\x80\x80", "\x81\xc4\x06raised\x80", "\x81\x01\x80", "\xc0"},
	} {
		c := must(codec.Union(*f, cases))
		for _, r := range records {
			if err := c.Decode([]byte(r), new(event)); err == nil {
				t.Errorf("%s: %q was decoded", f.Name(), r)
			}
		}
	}
}

func TestUnionIsCheckedWhenBuilt(t *testing.T) {
	type events = map[string]event
	if _, err := codec.Union(codec.JSON, events{}); err == nil {
		t.Error("no cases")
	}
	for _, bad := range []events{
		{"": counted(0)}, {"a\nb": counted(0)}, {"\xff": counted(0)}, {"nil": nil}, {"a": counted(0), "b": counted(0)},
	} {
		if _, err := codec.Union(codec.JSON, bad); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
	_, err := codec.Union(codec.JSON, map[string]any{"ok": counted(0), "bad": struct{ Err error }{}})
	if e, ok := errors.AsType[*codec.TypeError](err); !ok || !strings.HasSuffix(e.Path, ".Err") || !strings.Contains(err.Error(), `"bad"`) {
		t.Errorf("a case that cannot be carried: %v", err)
	}
	if _, err := codec.Union(codec.JSON.With(codec.Limits{Depth: -1}), cases); err == nil {
		t.Error("limits out of range")
	}
}
