package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/edfsm/edfsm/examples/loadwatch/load"
	"github.com/edfsm/edfsm/machine"
	"github.com/edfsm/edfsm/machine/machinetest"
)

const series = `{"time":"2026-01-02T03:04:05Z","load":0.42,"memory":0.31}
{"time":"2026-01-02T03:04:06Z","load":0.95,"memory":0.31}
{"time":"2026-01-02T03:04:07Z","load":0.75,"memory":0.31}
{"time":"2026-01-02T03:04:08Z","load":0.75,"memory":0.97,"pressure":0.02}
{"time":"2026-01-02T03:04:09Z","load":0.50,"memory":0.31}
{"time":"2026-01-02T03:04:10Z","load":1.10,"memory":0.31}
`

const notices = `{"time":"2026-01-02T03:04:06Z","level":"warning","reading":{"time":"2026-01-02T03:04:06Z","load":0.95,"memory":0.31}}
{"time":"2026-01-02T03:04:08Z","level":"critical","reading":{"time":"2026-01-02T03:04:08Z","load":0.75,"memory":0.97,"pressure":0.02}}
{"time":"2026-01-02T03:04:09Z","level":"normal","reading":{"time":"2026-01-02T03:04:09Z","load":0.5,"memory":0.31}}
{"time":"2026-01-02T03:04:10Z","level":"warning","reading":{"time":"2026-01-02T03:04:10Z","load":1.1,"memory":0.31}}
`

// nowhere is where readings go that a test does not look at.
var nowhere = machine.Func(func(context.Context, []load.Reading) error { return nil })

// loadwatch runs the program over a series on standard input.
func loadwatch(t *testing.T, db, input string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	err = run(t.Context(), []string{"-db", db, "-in", "-"}, strings.NewReader(input), &out, &errs)
	return out.String(), errs.String(), err
}

func TestSeries(t *testing.T) {
	db := filepath.Join(t.TempDir(), "x.db")
	var stdout, stderr string
	var err error
	synctest.Test(t, func(t *testing.T) { stdout, stderr, err = loadwatch(t, db, series) }) // no second passes, with a status
	if err != nil || stdout != notices {
		t.Errorf("%v, notices:\n%s", err, stdout)
	}
	if want := "new log\nended: Warning since 03:04:10, 6 readings\n"; stderr != want {
		t.Errorf("%q, want %q", stderr, want)
	}
}

func TestSeriesInTwoRuns(t *testing.T) {
	readings := strings.SplitAfter(strings.TrimSuffix(series, "\n"), "\n")
	for cut := range len(readings) + 1 {
		db := filepath.Join(t.TempDir(), "x.db")
		first, _, err1 := loadwatch(t, db, strings.Join(readings[:cut], ""))
		second, stderr, err2 := loadwatch(t, db, strings.Join(readings[cut:], ""))
		if err := errors.Join(err1, err2); err != nil || first+second != notices {
			t.Errorf("cut at %d: %v, notices:\n%s\n%s", cut, err, first, second)
		}
		if !strings.Contains(stderr, "ended: Warning since 03:04:10") {
			t.Errorf("cut at %d: %s", cut, stderr)
		}
		if cut == 4 && !strings.HasPrefix(stderr, "resumed: Critical since 03:04:08, 2 events replayed in ") {
			t.Errorf("found %q", stderr)
		}
	}
}

func TestBrokenLineKeepsWhatCameBefore(t *testing.T) {
	db := filepath.Join(t.TempDir(), "x.db")
	stdout, _, err := loadwatch(t, db, series+"broken\n"+series)
	if err == nil || !strings.HasPrefix(err.Error(), "line 7: ") || stdout != notices {
		t.Errorf("%v, notices:\n%s", err, stdout)
	}
	_, stderr, err := loadwatch(t, db, "")
	if err != nil || !strings.HasPrefix(stderr, "resumed: Warning since 03:04:10, 4 events ") {
		t.Errorf("%v, %s", err, stderr)
	}
}

func TestEndedFromOutside(t *testing.T) {
	args := []string{"-db", filepath.Join(t.TempDir(), "x.db"), "-in", "-"}
	ctx, cancel := context.WithCancelCause(t.Context())
	in, feed := io.Pipe()
	out, stdout := io.Pipe()
	defer feed.Close()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, args, in, stdout, io.Discard)
		ended <- errors.Join(err, stdout.Close())
	}()
	go io.WriteString(feed, series)
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, out)
	cancel(errors.New("interrupted"))
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestEndsByItself(t *testing.T) {
	args := []string{"-db", filepath.Join(t.TempDir(), "x.db"), "-every", "2s", "-for", "4500ms"}
	synctest.Test(t, func(t *testing.T) {
		var stderr bytes.Buffer
		err := run(t.Context(), args, strings.NewReader(""), io.Discard, &stderr)
		if err != nil || !strings.HasSuffix(stderr.String(), ", 3 readings\n") {
			t.Errorf("%v: %s", err, stderr.String())
		}
		if lines := strings.Count(stderr.String(), "\n"); lines != 1+4+1 {
			t.Errorf("%d lines, want the start, the status each second and the end:\n%s", lines, stderr.String())
		}
	})
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		reason string
	}{
		{[]string{"-db", dir}, dir},
		{[]string{"-db", text}, text},
		{[]string{"-db", filepath.Join(dir, "none", "x.db")}, filepath.Join(dir, "none", "x.db")},
		{[]string{"-db", ""}, ""},
		{[]string{"-in", filepath.Join(dir, "none")}, filepath.Join(dir, "none")},
		{[]string{"-every", "0s"}, "-every 0s"},
		{[]string{"-for", "-1s"}, "-for -1s"},
		{[]string{"-report"}, "-report and -in"},
		{[]string{"-verbose"}, "-verbose"},
		{[]string{"now"}, `"now"`},
	} {
		args := append([]string{"-db", filepath.Join(dir, "x.db"), "-in", "-"}, c.args...)
		var stdout, stderr bytes.Buffer
		err := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
		if err == nil || !strings.Contains(err.Error(), c.reason) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", c.args, err)
		}
		if stdout.Len()+stderr.Len() > 0 {
			t.Errorf("%q: wrote %s%s", c.args, &stdout, &stderr)
		}
	}
}

func TestNoNoticeOfWhatIsNotLogged(t *testing.T) {
	var kept machine.Memory[load.Event]
	log := machinetest.Log(machinetest.FailIf(&kept, func(more []load.Event) error {
		if len(events(t, &kept))+len(more) > 1 {
			return errDisk
		}
		return nil
	}), &kept)
	var stdout, stderr bytes.Buffer
	in, feed := io.Pipe()
	defer feed.Close()
	go io.WriteString(feed, series)
	w := newWatch(log, nowhere, &stdout, newConsole(&stderr))
	if err := w.run(t.Context(), lines(in)); !errors.Is(err, errDisk) {
		t.Errorf("ended with %v", err)
	}
	if got := events(t, &kept); strings.Count(stdout.String(), "\n") != len(got) {
		t.Errorf("the log has %v, notices:\n%s", got, stdout.String())
	}
	if strings.Contains(stderr.String(), "ended") {
		t.Errorf("told a state that is not in the log: %s", stderr.String())
	}
}

func TestAcknowledgeByLine(t *testing.T) {
	var log machine.Memory[load.Event]
	if err := log.Notify(t.Context(), []load.Event{load.Raised{Level: load.Warning, Reading: load.Reading{Time: noon, Load: 1}}}); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	w := newWatch(&log, nowhere, io.Discard, newConsole(&stderr))
	err := w.run(t.Context(), func(yield func(load.Reading, error) bool) {
		w.acknowledge(t.Context(), strings.NewReader("\n\n"))
	})
	if err != nil {
		t.Fatal(err)
	}
	got := events(t, &log)
	if a, ok := got[len(got)-1].(load.Acknowledged); len(got) != 2 || !ok || a.Time.IsZero() {
		t.Errorf("logged %v", got)
	}
	text := stderr.String()
	if strings.Count(text, "not acknowledged: ") != 1 || !strings.Contains(text, "nothing to acknowledge: Warning since 12:00:00, acknowledged") {
		t.Errorf("told:\n%s", text)
	}
}
