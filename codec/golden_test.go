package codec_test

import (
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/edfsm/edfsm/codec"
)

var update = flag.Bool("update", false, "write the golden files")

// Records in a log are read years later by other versions of this package and
// of the libraries: what they look like is pinned.
func TestGolden(t *testing.T) {
	eachFormat(t, func(t *testing.T, f codec.Bounded) {
		file := filepath.Join("testdata", f.Name()+".golden")
		everythings, events := must(codec.Of[everything](f)), must(codec.Union(f, cases))
		if *update {
			writeGolden(t, file, everythings, events)
		}
		golden, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(golden)), "\n")
		if len(lines) != 1+len(goldenEvents) {
			t.Fatalf("%s has %d lines", file, len(lines))
		}
		v := sample()
		if got := pinned(t, everythings, lines[0], v); !same(&got, &v) {
			t.Errorf("%s\nis read as %+v", lines[0], got)
		}
		for i, v := range goldenEvents {
			if got := pinned(t, events, lines[i+1], v); !reflect.DeepEqual(got, v) {
				t.Errorf("%s\nis read as %#v", lines[i+1], got)
			}
		}
	})
}

var goldenEvents = []event{
	raised{Level: "high"}, cleared{}, &noted{"a"}, measured{[]float64{0, -1.5, 1e100, 65504, 3.4e38}}, renamed("<b>"), counted(-1 << 40),
	tagged{"k": "v"}, &tree{"root", []*tree{{Label: "leaf"}, nil}}, moved{part{"from", 1}, part{"to", 2}}, stamped(time.Second),
}

// pinned compares the encoding of v with a line and returns what the line is
// read as.
func pinned[T any](t *testing.T, c codec.Codec[T], line string, v T) T {
	data, err := c.Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	if got := goldenLine(c.Name(), data); got != line {
		t.Errorf("%#v is written as\n%s\nand was\n%s", v, got, line)
	}
	if c.Name() == "json" {
		data = []byte(line)
	} else if data, err = hex.DecodeString(line); err != nil {
		t.Fatal(err)
	}
	var got T
	if err := c.Decode(data, &got); err != nil {
		t.Errorf("%s: %v", line, err)
	}
	return got
}

func goldenLine(format string, data []byte) string {
	if format == "json" {
		return string(data)
	}
	return hex.EncodeToString(data)
}

func writeGolden(t *testing.T, file string, everythings codec.Codec[everything], events codec.Codec[event]) {
	data, err := everythings.Append(nil, sample())
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{goldenLine(events.Name(), data)}
	for _, v := range goldenEvents {
		data, err := events.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, goldenLine(events.Name(), data))
	}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}
