package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/edfsm/edfsm/bench/internal/device"
	"github.com/edfsm/edfsm/bench/internal/measure"
)

var update = flag.Bool("update", false, "write the golden files")

func sample() Report {
	appends := func(log string, callers int) Dims { return Dims{"log": log, "codec": "cbor", "callers": callers} }
	steady, wild := measure.Series{1000, 1100, 1200}, measure.Series{100, 900, 250}
	var r Report
	r.Device = device.Info{
		FileSystem: "ext4", Mount: "/data", Block: "/dev/sda1", Model: "Flash <9000>", Rotational: new(false),
		System: "Linux 6.18", CPU: "Fast CPU", Cores: 8, Go: "go1.26", SQLite: "3.54.1", Durability: "all of it", Load: "0.25",
		Date: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		Speed: device.Speed{
			Append: device.Sync{P50: 0.2, P99: 0.4}, Overwrite: device.Sync{P50: 0.1, P99: 0.3}, WriteMBs: 500, ReadMBs: 700,
		},
	}
	r.Results = []Result{
		Compared("append", appends("sqlite", 64), "events/s", measure.Series{50_000, 60_000, 70_000}, "mutex", steady),
		Compared("append", appends("sqlite", 64), "events/s", measure.Series{50_000, 60_000, 70_000}, "plainfile", measure.Series{200_000, 60_000, 60_000}),
		Compared("append", appends("sqlite", 64).With("quantile", "p99"), "ms", measure.Series{1, 1.5, 4}, "device", measure.Series{0.1, 0.1, 0.1}),
		Figure("append", appends("sqlite", 64), "events/commit", measure.Series{60, 61, 62}),
		Figure("append", appends("mutex", 64), "events/s", wild),
		Compared("latest", Dims{"records": 50, "rows": 10_000, "n": 1}, "ms", measure.Series{0.3, 0.3, 0.3}, "plainquery", measure.Series{1000, 1100, 900}),
		Figure("compaction", Dims{"live": "all", "moment": "during", "quantile": "p99"}, "+ms", measure.Series{6, 7, 8}),
	}
	return r
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := "testdata/" + name
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))) {
		t.Errorf("%s should be, as it was,\n%s\nbut is\n%s", name, want, got)
	}
}

// Other programs read the JSON: its names are pinned.
func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := sample().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", b.Bytes())
}

func TestText(t *testing.T) {
	for name, judge := range map[string]bool{"report.txt": true, "quick.txt": false} {
		var b bytes.Buffer
		r := sample()
		r.Device.Quick = !judge
		if err := r.WriteText(&b, judge); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
}

// What was written is read back, and says the same.
func TestJSONIsReadBack(t *testing.T) {
	want := sample()
	want.Results = append(want.Results, Figure("replay", Dims{"codec": "bytes", "events": 1_000_000}, "MiB", measure.Series{7}))
	var b bytes.Buffer
	if err := want.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(&b)
	dec.DisallowUnknownFields()
	var got Report
	if err := dec.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Device, want.Device) || len(got.Results) != len(want.Results) {
		t.Fatalf("read back as %+v", got)
	}
	for i, r := range got.Results {
		if r.Key() != want.Results[i].Key() {
			t.Errorf("%s is read back as %s", want.Results[i].Key(), r.Key())
		}
	}
	for _, n := range Numbers {
		before, measured := n.Figure(want.Results)
		if after, ok := n.Figure(got.Results); after != before || ok != measured {
			t.Errorf("%s: %v before, %v after", n.What, before, after)
		}
	}
}

func TestCheck(t *testing.T) {
	r := sample()
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	for what, bad := range map[string]Result{
		"a value": Figure("replay", nil, "MiB", measure.Series{math.NaN()}),
		"a ratio": Compared("replay", nil, "ms", measure.Series{1, 2}, "raw", measure.Series{1, 0}),
	} {
		r := Report{Results: append(sample().Results, bad)}
		if err := r.Check(); err == nil || !strings.Contains(err.Error(), "replay") {
			t.Errorf("%s is no number: %v", what, err)
		}
	}
}

func TestVerdict(t *testing.T) {
	more := Number{Floor: 10, Aim: 20}
	less := Number{Floor: 2, Aim: 1, AtMost: true}
	for _, c := range []struct {
		n      Number
		figure float64
		want   string
	}{
		{more, 25, "met"},
		{more, 20, "met"},
		{more, 15, "floor met, aim missed by 25 %"},
		{more, 10, "floor met, aim missed by 50 %"},
		{more, 4, "FLOOR MISSED by 60 %"},
		{more, 9.99, "FLOOR MISSED by 1 %"},
		{less, -3, "met"},
		{less, 1, "met"},
		{less, 1.5, "floor met, aim missed by 50 %"},
		{less, 5, "FLOOR MISSED by 150 %"},
	} {
		if got := c.n.Verdict(c.figure); got != c.want {
			t.Errorf("%v with floor %v and aim %v: %s, want %s", c.figure, c.n.Floor, c.n.Aim, got, c.want)
		}
	}
}

func TestFigureIsTheOneAskedFor(t *testing.T) {
	n := appends(64, "mutex", 45, 60)
	ratio := func(dims Dims, unit, versus string, factor float64) Result {
		return Compared("append", dims, unit, measure.Series{factor}, versus, measure.Series{1})
	}
	right := Dims{"log": "sqlite", "codec": "cbor", "callers": 64}
	others := []Result{
		ratio(right, "ms", "mutex", 1),
		ratio(right, "events/s", "device", 2),
		ratio(right.With("callers", 16), "events/s", "mutex", 3),
		ratio(right.With("log", "other"), "events/s", "mutex", 4),
		Figure("append", right, "events/s", measure.Series{5}),
	}
	if got, ok := n.Figure(others); ok {
		t.Errorf("%v was taken for what is asked for", got)
	}
	if got, ok := n.Figure(append(others, ratio(right, "events/s", "mutex", 50))); !ok || got != 50 {
		t.Errorf("the figure is %v", got)
	}
}

func TestNumberAsText(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0", 1.234: "1.23", 12.34: "12.3", 123.4: "123", 1234: "1,230", 123456: "123,000", 1234567: "1,230,000",
		0.1234: "0.123", 0.01234: "0.0123", 0.001234: "0.00123", -12.34: "-12.3", -1234: "-1,230", 999.6: "1,000",
	} {
		if got := number(f); got != want {
			t.Errorf("%v is written %s, want %s", f, got, want)
		}
	}
	for f, want := range map[float64]string{0.5: "0.500", 0.01: "0.0100", 1. / 3570: "1/3,570", 60: "60.0"} {
		if got := times(f); got != want {
			t.Errorf("the ratio %v is written %s, want %s", f, got, want)
		}
	}
}
