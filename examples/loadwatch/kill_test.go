//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/edfsm/edfsm/examples/loadwatch/load"
	"github.com/edfsm/edfsm/history"
	"github.com/edfsm/edfsm/internal/race"
	"github.com/edfsm/edfsm/machine"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

var seed = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the kill test")

// TestKill ends the program with SIGKILL over and over, while readings stream
// into one file, and compares the file with what the program had announced.
func TestKill(t *testing.T) {
	kills := 32
	if race.Enabled {
		kills = 8
	}
	t.Logf("to choose the same moments: -run TestKill -seed %d", *seed)
	rnd := rand.New(rand.NewPCG(*seed, 0))
	program := build(t)
	db := filepath.Join(t.TempDir(), "killed.db")
	var logged []load.Event
	var head int64
	announced := 0
	for kill := range kills {
		p := start(t, program, "-db", db, "-in", "-")
		fed := make(chan struct{})
		go func() {
			defer close(fed)
			writeReadings(p.stdin, kill)
		}()
		if kill%4 == 3 { // probably while it opens the file or replays it
			time.AfterFunc(time.Duration(rnd.IntN(60))*time.Millisecond, p.kill)
		}
		notices := p.notices(t, 1+rnd.IntN(1000))
		p.kill()
		notices = append(notices, p.notices(t, all)...)
		<-fed
		stderr := p.ended(t)

		if found := foundBy(logged); !strings.HasPrefix(stderr, found) && (stderr != "" || len(notices) > 0) {
			t.Fatalf("kill %d: started with %q, but the file amounts to %q", kill, stderr, found)
		}
		added, newHead := readLog(t, db, head)
		if due := noticesOf(added); len(notices) > len(due) || !slices.Equal(notices, due[:len(notices)]) {
			t.Fatalf("kill %d: announced %v, but logged %v", kill, notices, due)
		}
		logged, head = append(logged, added...), newHead
		announced += len(notices)
	}
	t.Logf("%d kills, %d events logged, %d announced", kills, len(logged), announced)
	if whole, _ := readLog(t, db, 0); !slices.Equal(whole, logged) {
		t.Error("the log as a whole is not what was read after each kill")
	}

	stdout, stderr, err := loadwatch(t, db, "")
	if err != nil || stdout != "" || !strings.HasPrefix(stderr, foundBy(logged)) {
		t.Errorf("ended with %v, started with %q, but the file amounts to %q", err, stderr, foundBy(logged))
	}
	records, recorded := openRecords(t, db), 0
	for kill := range kills {
		recorded += checkRecorded(t, records, kill)
	}
	t.Logf("%d readings recorded", recorded)
	if recorded == 0 {
		t.Error("no reading was recorded")
	}
}

// foundBy is how the program starts over a log of these events.
func foundBy(events []load.Event) string {
	if len(events) == 0 {
		return "new log"
	}
	var s load.State
	for _, e := range events {
		load.Watcher{}.Evolve(&s, e)
	}
	return fmt.Sprintf("resumed: %v, %d events replayed in ", s, len(events))
}

func noticesOf(events []load.Event) (notices []load.Notice) {
	for _, e := range events {
		load.Watcher{}.React(load.State{}, e, machine.Transitioned, func(n load.Notice) { notices = append(notices, n) })
	}
	return notices
}

func TestSignalEndsCleanly(t *testing.T) {
	program := build(t)
	for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		p := start(t, program, "-db", filepath.Join(t.TempDir(), "x.db"), "-in", "-")
		if _, err := io.WriteString(p.stdin, series); err != nil {
			t.Fatal(err)
		}
		p.notices(t, 1)
		if err := p.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		p.notices(t, all)
		stderr := p.ended(t)
		if !p.cmd.ProcessState.Success() || !strings.HasPrefix(stderr, "new log\n") || !strings.Contains(stderr, "\nended: ") {
			t.Errorf("%v: %v, %q", signal, p.cmd.ProcessState, stderr)
		}
	}
}

func TestReportBesideAnotherProcess(t *testing.T) {
	db := filepath.Join(t.TempDir(), "x.db")
	file, err := openFile(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	program := build(t)
	for run := range 3 {
		reading := load.Reading{Time: startOf(run), Load: float64(run + 2), Memory: 0.5}
		if err := file.readings.Notify(t.Context(), []load.Reading{reading}); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), program, "-db", db, "-report").CombinedOutput()
		if want := fmt.Sprintf("reading/load      %d ", run+2); err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%v, want %q:\n%s", err, want, out)
		}
	}
}

func build(t *testing.T) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "loadwatch")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// process is a program at work.
type process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr bytes.Buffer
}

func start(t *testing.T, program string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.CommandContext(t.Context(), program, args...)}
	p.cmd.Stderr = &p.stderr
	stdin, err1 := p.cmd.StdinPipe()
	stdout, err2 := p.cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	p.stdin, p.stdout = stdin, bufio.NewReader(stdout)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *process) kill() { p.cmd.Process.Kill() } // an error says that it is dead

const all = math.MaxInt

// notices reads n notices, or as many as there are when the program ends. One
// that was cut off by the end was not announced.
func (p *process) notices(t *testing.T, n int) (notices []load.Notice) {
	t.Helper()
	for len(notices) < n {
		line, err := p.stdout.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var notice load.Notice
		if err := json.Unmarshal(line, &notice); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		notices = append(notices, notice)
	}
	return notices
}

// ended waits for the end of a program whose output was read, and returns what
// it wrote to standard error.
func (p *process) ended(t *testing.T) string {
	t.Helper()
	err := p.cmd.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	return p.stderr.String()
}

// started is when the first run's readings begin: they must not be a week old.
var started = time.Now().UTC().Truncate(time.Millisecond)

// startOf leaves each run an hour for its readings.
func startOf(run int) time.Time { return started.Add(time.Duration(run) * time.Hour) }

// readingsOf gives readings without end, each with a time of its own. Most of
// them change the level.
func readingsOf(run int) iter.Seq[load.Reading] {
	return func(yield func(load.Reading) bool) {
		rnd := rand.New(rand.NewPCG(*seed, uint64(run)))
		loads := []float64{0.3, 0.8, 1.0, 1.3, 1.6}
		for at := startOf(run); ; at = at.Add(time.Millisecond) {
			if !yield(load.Reading{Time: at, Load: loads[rnd.IntN(len(loads))]}) {
				return
			}
		}
	}
}

// writeReadings writes the readings of a run until nobody takes them.
func writeReadings(to io.Writer, run int) {
	enc := json.NewEncoder(to)
	for r := range readingsOf(run) {
		if enc.Encode(r) != nil {
			return
		}
	}
}

// checkRecorded compares the history with the readings of a run: as far as it
// goes it has all of them, each whole, and in it are no others.
func checkRecorded(t *testing.T, records *history.Records[float64], run int) (count int) {
	t.Helper()
	values := make(map[string][]float64)
	window := history.Window{Start: startOf(run), End: startOf(run + 1).Add(-time.Millisecond)}
	for row, err := range records.Query(t.Context(), "*", window) {
		if err != nil {
			t.Fatal(err)
		}
		values[row.Record] = append(values[row.Record], row.Value)
	}
	for _, v := range values {
		slices.Reverse(v)
	}
	loads := values["reading/load"]
	zeros := make([]float64, len(loads))
	if !slices.Equal(values["reading/memory"], zeros) || !slices.Equal(values["reading/pressure"], zeros) {
		t.Errorf("run %d: of %d readings not all values are there", run, len(loads))
	}
	next, stop := iter.Pull(readingsOf(run))
	defer stop()
	for i, load := range loads {
		if r, _ := next(); r.Load != load {
			t.Fatalf("run %d: reading %d has load %v, want %v", run, i, load, r.Load)
		}
	}
	return len(loads)
}

// readLog reads the events after an offset by SQL when the program is dead. It
// only reads, so that the next start finds the file as the killed one left it.
func readLog(t *testing.T, db string, after int64) (events []load.Event, head int64) {
	t.Helper()
	conn, err := sqlite.OpenConn(db, sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}()
	pragma := "PRAGMA quick_check"
	if after == 0 { // the whole file, at last
		pragma = "PRAGMA integrity_check"
	}
	check, err := sqlitex.ResultText(conn.Prep(pragma))
	if err != nil || check != "ok" {
		t.Fatalf("%s: %s, %v", pragma, check, err)
	}
	head = after
	err = sqlitex.Execute(conn, "SELECT offset, value FROM log WHERE offset > ?", &sqlitex.ExecOptions{
		Args: []any{after},
		ResultFunc: func(row *sqlite.Stmt) error {
			offset := row.ColumnInt64(0)
			if offset <= head {
				return fmt.Errorf("offset %d after %d", offset, head)
			}
			head = offset
			e, err := eventIn(row.ColumnText(1))
			events = append(events, e)
			return err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return events, head
}

func eventIn(value string) (load.Event, error) {
	var v struct {
		Raised  *load.Raised
		Cleared *load.Cleared
	}
	if err := json.Unmarshal([]byte(value), &v); err != nil {
		return nil, err
	}
	switch {
	case v.Raised != nil:
		return *v.Raised, nil
	case v.Cleared != nil:
		return *v.Cleared, nil
	}
	return nil, fmt.Errorf("%s is no event of the series", value)
}
