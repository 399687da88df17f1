package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/edfsm/edfsm/examples/loadwatch/load"
	"pgregory.net/rapid"
)

func TestBrokenLine(t *testing.T) {
	const good = `{"time":"2026-01-02T03:04:05Z","load":0.42,"memory":0.31}`
	for line, reason := range map[string]string{
		``:          "empty line",
		`x`:         "invalid character",
		`[]`:        "cannot unmarshal array",
		`{}`:        "no time",
		`null`:      "no time",
		good[:9]:    "unexpected EOF",
		good + good: "more than one value",
		`{"time":"yesterday","load":0.42,"memory":0.31}`:                                                   "parsing time",
		`{"time":"0001-01-01T00:00:00Z","load":0.42,"memory":0.31}`:                                        "no time",
		`{"time":"0000-12-31T23:59:59Z","load":0.42,"memory":0.31}`:                                        "out of range",
		`{"time":"9999-12-31T23:59:59-01:00","load":0.42,"memory":0.31}`:                                   "out of range",
		`{"load":0.42,"memory":0.31}`:                                                                      "no time",
		`{"time":"2026-01-02T03:04:05Z","memory":0.31}`:                                                    "no load",
		`{"time":"2026-01-02T03:04:05Z","load":0.42}`:                                                      "no memory",
		`{"time":"2026-01-02T03:04:05Z","load":-0.1,"memory":0.31}`:                                        "load -0.1 is out of range",
		`{"time":"2026-01-02T03:04:05Z","load":NaN,"memory":0.31}`:                                         "invalid character 'N'",
		`{"time":"2026-01-02T03:04:05Z","load":1e999,"memory":0.31}`:                                       "cannot unmarshal number 1e999",
		`{"time":"2026-01-02T03:04:05Z","load":"high","memory":0.31}`:                                      "cannot unmarshal string",
		`{"time":"2026-01-02T03:04:05Z","load":0.42,"memory":1.01}`:                                        "memory 1.01 is not between 0 and 1",
		`{"time":"2026-01-02T03:04:05Z","load":0.42,"memory":-1}`:                                          "memory -1 is not between 0 and 1",
		`{"time":"2026-01-02T03:04:05Z","load":0.42,"memory":0.31,"pressure":2}`:                           "pressure 2 is not between 0 and 1",
		`{"time":"2026-01-02T03:04:05Z","load":0.42,"memory":0.31,"humidity":0.5}`:                         `unknown field "humidity"`,
		`{"time":"2026-01-02T03:04:05Z","load":0.42,"memory":0.31,"` + strings.Repeat(" ", 1<<16) + `":1}`: "token too long",
	} {
		var got []load.Reading
		var errs []error
		for r, err := range lines(strings.NewReader(good + "\n" + good + "\r\n" + line + "\n" + good)) {
			if err != nil {
				errs = append(errs, err)
				continue
			}
			got = append(got, r)
		}
		if len(got) != 2 || len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), "line 3: ") || !strings.Contains(errs[0].Error(), reason) {
			t.Errorf("%.80q: %d readings, errors %v; want line 3: … %s …", line, len(got), errs, reason)
		}
	}
}

func TestLinesGiveTheReadingsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		enc := json.NewEncoder(&text)
		var want []load.Reading
		for i := range rapid.IntRange(0, 5).Draw(t, "readings") {
			r := load.Reading{
				Time:     noon.Add(time.Duration(i) * time.Millisecond),
				Load:     rapid.Float64Range(0, 3).Draw(t, "load"),
				Memory:   rapid.Float64Range(0, 1).Draw(t, "memory"),
				Pressure: rapid.Float64Range(0, 1).Draw(t, "pressure"),
			}
			want = append(want, r)
			if err := enc.Encode(r); err != nil {
				t.Fatal(err)
			}
		}
		var got []load.Reading
		for r, err := range lines(strings.NewReader(strings.TrimSuffix(text.String(), "\n"))) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}
