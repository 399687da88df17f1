package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/edfsm/edfsm/examples/loadwatch/load"
	"github.com/edfsm/edfsm/history"
	"github.com/edfsm/edfsm/sqlitelog"
	"pgregory.net/rapid"
)

func TestSparkline(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   string
	}{
		{nil, ""},
		{[]float64{5}, "▁"},
		{[]float64{0, 0, 0}, "▁▁▁"},
		{[]float64{0.3, 0.3}, "▁▁"},
		{[]float64{1, 2}, "▁█"},
		{[]float64{2, 1}, "█▁"},
		{[]float64{0, 1, 2, 3, 4, 5, 6, 7}, "▁▂▃▄▅▆▇█"},
		{[]float64{0, 0.49, 0.51, 6.49, 6.51, 7}, "▁▁▂▇██"},
		{[]float64{-1, 0, 1}, "▁▅█"},
		{[]float64{-math.MaxFloat64, 0, math.MaxFloat64}, "▁▅█"},
		{[]float64{0, math.SmallestNonzeroFloat64}, "▁▁"},
	} {
		if got := sparkline(c.values); got != c.want {
			t.Errorf("%v: %s, want %s", c.values, got, c.want)
		}
	}
}

func TestSparklineOfAnyValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64(), 1, 50).Draw(t, "values")
		line := []rune(sparkline(values))
		if len(line) != len(values) {
			t.Fatalf("%d bars for %d values", len(line), len(values))
		}
		for i, v := range values {
			for j, w := range values {
				if v < w && line[i] > line[j] {
					t.Fatalf("%v is drawn higher than %v: %s", v, w, string(line))
				}
			}
		}
		if m := mean(values); math.IsNaN(m) || math.IsInf(m, 0) {
			t.Fatalf("the mean is %v", m)
		}
	})
}

// runReport is the program with -report.
func runReport(t *testing.T, db string) (string, error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	err := run(t.Context(), []string{"-db", db, "-report"}, strings.NewReader(""), &stdout, &stderr)
	if stderr.Len() > 0 {
		t.Errorf("told %s", &stderr)
	}
	return stdout.String(), err
}

const reported = `record            latest  at                   oldest to newest  min   mean      max   values
reading/load      1.1     TIME  ▁▆▄▄▂█            0.42  0.745     1.1   6
reading/memory    0.31    TIME  ▁▁▁█▁▁            0.31  0.42      0.97  6
reading/pressure  0       TIME  ▁▁▁█▁▁            0     0.003333  0.02  6
`

func TestReport(t *testing.T) {
	db := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) { // in 2000, when the series is not old
		if _, _, err := loadwatch(t, db, series); err != nil {
			t.Fatal(err)
		}
	})
	last := time.Date(2026, 1, 2, 3, 4, 10, 0, time.UTC).Local().Format(time.DateTime)
	want := strings.ReplaceAll(reported, "TIME", last)
	if got, err := runReport(t, db); err != nil || got != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}

func TestReportOfTheNewest(t *testing.T) {
	db := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		file, err := openFile(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		var readings []load.Reading
		for i := range 3 * shown {
			readings = append(readings, load.Reading{Time: noon.Add(time.Duration(i) * time.Second), Load: float64(i)})
		}
		if err := file.readings.Notify(t.Context(), readings); err != nil {
			t.Fatal(err)
		}
		got, err := runReport(t, db)
		if err != nil {
			t.Fatal(err)
		}
		row := strings.Fields(strings.Split(got, "\n")[1])
		if want := []string{"80", "99.5", "119", "40"}; !slices.Equal(row[5:], want) || utf8.RuneCountInString(row[4]) != shown {
			t.Errorf("%q, want %d bars and %q", row, shown, want)
		}
	})
}

func TestNothingToReport(t *testing.T) {
	dir := t.TempDir()
	none := filepath.Join(dir, "none.db")
	if out, err := runReport(t, none); err == nil || !strings.Contains(err.Error(), none) || out != "" {
		t.Errorf("no file: %v, %s", err, out)
	}
	if _, err := os.Stat(none); !os.IsNotExist(err) {
		t.Errorf("the report has made a file: %v", err)
	}

	old := filepath.Join(dir, "old.db") // of a time when only events were kept
	log, err := sqlitelog.Open(t.Context(), old, sqlitelog.Config[string]{})
	if err == nil {
		err = log.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty.db")
	if _, _, err := loadwatch(t, empty, ""); err != nil {
		t.Fatal(err)
	}
	for _, db := range []string{old, empty} {
		out, err := runReport(t, db)
		if want := db + " has no readings"; err == nil || err.Error() != want || out != "" {
			t.Errorf("%v, want %s; %s", err, want, out)
		}
	}
}

// What cannot be read does not hide the rest.
func TestReportWithABadRow(t *testing.T) {
	db := filepath.Join(t.TempDir(), "x.db")
	h, err := history.Open(t.Context(), db, history.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	records, err := recordsOf(h)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"reading/a", "reading/c", "other"} {
		if err := records.Store(t.Context(), name, float64(i), noon); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Store(t.Context(), "reading/b", []byte("high"), noon); err != nil {
		t.Fatal(err)
	}
	out, err := runReport(t, db)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("record %q", "reading/b")) {
		t.Errorf("%v", err)
	}
	if strings.Count(out, "\n") != 3 || !strings.Contains(out, "\nreading/a ") || !strings.Contains(out, "\nreading/c ") {
		t.Errorf("%s", out)
	}
}
