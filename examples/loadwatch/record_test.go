package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edfsm/edfsm/examples/loadwatch/load"
	"github.com/edfsm/edfsm/history"
	"github.com/edfsm/edfsm/machine"
)

// openRecords opens the readings of a file, to be read by a test.
func openRecords(t *testing.T, db string) *history.Records[float64] {
	t.Helper()
	h, err := history.Open(t.Context(), db, history.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	records, err := recordsOf(h)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// recorded is the rows of a file, the oldest first.
func recorded(t *testing.T, db, pattern string) (rows []string) {
	t.Helper()
	for row, err := range openRecords(t, db).Query(t.Context(), pattern, history.Window{}) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, fmt.Sprintf("%s %s %v", row.Record, row.At.Format(time.TimeOnly), row.Value))
	}
	slices.Reverse(rows)
	return rows
}

func TestSeriesIsRecorded(t *testing.T) {
	db := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) { // in 2000, when the series is not old
		for range 2 {
			if _, _, err := loadwatch(t, db, series); err != nil {
				t.Fatal(err)
			}
		}
	})
	for record, values := range map[string][]float64{
		"reading/load":     {0.42, 0.95, 0.75, 0.75, 0.5, 1.1},
		"reading/memory":   {0.31, 0.31, 0.31, 0.97, 0.31, 0.31},
		"reading/pressure": {0, 0, 0, 0.02, 0, 0},
	} {
		var want []string
		for i, value := range values {
			row := fmt.Sprintf("%s 03:04:%02d %v", record, 5+i, value)
			want = append(want, row, row) // as it was fed twice
		}
		if got := recorded(t, db, record); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestReadingsGoAfterAWeek(t *testing.T) {
	db := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		record := func(at time.Time) {
			file, err := openFile(t.Context(), db)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // for the retention
			if err := file.readings.Notify(t.Context(), []load.Reading{{Time: at}}); err != nil {
				t.Fatal(err)
			}
			if err := file.Close(); err != nil {
				t.Fatal(err)
			}
		}
		record(start)
		record(start.Add(time.Minute))
		<-time.After(week + time.Minute)
		record(start.Add(time.Hour))
	})
	want := []string{"reading/load 00:01:00 0", "reading/load 01:00:00 0"}
	if got := recorded(t, db, "reading/load"); !slices.Equal(got, want) {
		t.Errorf("left: %q, want %q", got, want)
	}
}

// calls remembers what it was called with.
type calls [][]load.Reading

func (c *calls) Notify(ctx context.Context, readings []load.Reading) error {
	*c = append(*c, slices.Clone(readings))
	return ctx.Err()
}

func TestWhatWaitsIsStoredTogether(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, n := range []int{0, 1, 2, atOnce} {
		for _, ctx := range []context.Context{t.Context(), ended} {
			var stored calls
			r := newRecorder(&stored)
			var want []load.Reading
			for i := range n {
				want = append(want, load.Reading{Load: float64(i)})
				if err := r.add(t.Context(), want[i]); err != nil {
					t.Fatal(err)
				}
			}
			if ctx != ended {
				r.close()
			}
			if err := r.run(ctx); err != nil {
				t.Fatal(err)
			}
			if len(stored) != min(n, 1) || !slices.Equal(slices.Concat(stored...), want) {
				t.Errorf("%d readings, ended %v: %d calls with %d readings", n, ctx == ended, len(stored), len(slices.Concat(stored...)))
			}
		}
	}
}

func TestNoPlaceForAReading(t *testing.T) {
	r := newRecorder(nowhere)
	for range atOnce {
		if err := r.add(t.Context(), load.Reading{}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.add(ctx, load.Reading{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

var errDisk = errors.New("disk on fire")

// The program ends with the error, whether there are more readings or not.
func TestReadingThatIsNotStored(t *testing.T) {
	broken := machine.Func(func(context.Context, []load.Reading) error { return errDisk })
	open, feed := io.Pipe()
	defer feed.Close()
	go io.WriteString(feed, series)
	for name, input := range map[string]io.Reader{"open": open, "at its end": strings.NewReader(series)} {
		var log machine.Memory[load.Event]
		w := newWatch(&log, broken, io.Discard, newConsole(io.Discard))
		if err := w.run(t.Context(), lines(input)); !errors.Is(err, errDisk) {
			t.Errorf("input %s: ended with %v", name, err)
		}
	}
}

// A history that hangs holds up neither the log nor the notices.
func TestNoticesWhileNothingIsStored(t *testing.T) {
	free := make(chan struct{})
	stuck := machine.Func(func(context.Context, []load.Reading) error {
		<-free
		return nil
	})
	var log machine.Memory[load.Event]
	out, stdout := io.Pipe()
	w := newWatch(&log, stuck, stdout, newConsole(io.Discard))
	ended := make(chan error, 1)
	go func() { ended <- w.run(t.Context(), lines(strings.NewReader(series))) }()
	in := bufio.NewReader(out)
	var got bytes.Buffer
	for range strings.Count(notices, "\n") {
		line, err := in.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		got.Write(line)
	}
	if got.String() != notices {
		t.Errorf("notices:\n%s", &got)
	}
	close(free)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
