//go:build unix

package sqlitelog_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/edfsm/edfsm/sqlitelog"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// The test binary is also the program that is killed.
func TestMain(m *testing.M) {
	if work := os.Getenv("EDFSM_TEST_CHILD"); work != "" {
		if err := child(work, os.Getenv("EDFSM_TEST_PATH"), os.Getenv("EDFSM_TEST_LOG")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(work, path, name string) error {
	db, err := sqlitelog.OpenDB(context.Background(), path, sqlitelog.Options{})
	if err != nil {
		return err
	}
	log, err := sqlitelog.New(context.Background(), db, name, sqlitelog.Config[put]{
		Key: putKey, HighWater: 60, LowWater: 20, Quarantine: work == "quarantine",
	})
	if err != nil {
		return err
	}
	switch work {
	case "append":
		return appendForEver(log)
	case "quarantine":
		fmt.Println(0)
		_, err := collect(log.Feed(context.Background()))
		return err
	}
	return fmt.Errorf("no work called %q", work)
}

// appendForEver goes on where the log ends and says on standard output which
// batch was accepted.
func appendForEver(log *sqlitelog.Log[put]) error {
	all, err := collect(log.Feed(context.Background()))
	if err != nil {
		return err
	}
	for n := fold(all)["n"] + 1; ; n++ {
		if err := log.Notify(context.Background(), batchOf(n)); err != nil {
			return err
		}
		fmt.Println(n)
		if n%40 == 0 {
			if _, err := log.Compact(context.Background()); err != nil {
				return err
			}
		}
	}
}

// batchOf is the n-th batch of every history in these tests.
func batchOf(n int) []put {
	batch := []put{{Key: fmt.Sprint("k", n%17), Value: n}, {Value: 1}}
	if n%5 == 0 {
		batch = append(batch, put{Key: fmt.Sprint("k", n*7%17), Delete: true})
	}
	return append(batch, put{Key: "n", Value: n})
}

func stateAfter(n int) map[string]int {
	var all []put
	for i := range n {
		all = append(all, batchOf(i+1)...)
	}
	return fold(all)
}

// process is a child and the last number it has said.
type process struct {
	cmd  *exec.Cmd
	said *bufio.Scanner
	last int
}

func start(t *testing.T, work, path, log string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "EDFSM_TEST_CHILD="+work, "EDFSM_TEST_PATH="+path, "EDFSM_TEST_LOG="+log)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	return &process{cmd: cmd, said: bufio.NewScanner(out)}
}

// read takes one number and reports whether there was one.
func (p *process) read(t *testing.T) bool {
	t.Helper()
	if !p.said.Scan() {
		return false
	}
	n, err := strconv.Atoi(p.said.Text())
	must(t, err)
	p.last = n
	return true
}

// kill lets the process say some numbers more and kills it a moment later.
func (p *process) kill(t *testing.T, numbers int, moment time.Duration) {
	t.Helper()
	for range numbers {
		if !p.read(t) {
			t.Fatalf("the process has ended by itself: %v", p.cmd.Wait())
		}
	}
	timer := time.NewTimer(moment)
	<-timer.C
	must(t, p.cmd.Process.Kill())
	for p.read(t) {
	}
	if err := p.cmd.Wait(); err == nil {
		t.Fatal("the process has ended by itself")
	}
}

// Killed at any moment, while it appends, compacts or shrinks the file, a log
// has what it had accepted, in batches that are whole.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 30 {
		p := start(t, "append", path, "main")
		p.kill(t, 1+random.IntN(60), time.Duration(random.IntN(3000))*time.Microsecond)
		log := open(t, path, sqlitelog.Config[put]{})
		state := fold(events(t, log))
		must(t, log.Close())
		if n := state["n"]; n < p.last || n > p.last+1 || !maps.Equal(state, stateAfter(n)) {
			t.Fatalf("accepted were %d batches, the state is %v, want %v", p.last, state, stateAfter(p.last))
		}
		checkFile(t, path)
	}
}

// Killed in a replay that moves bad records out of the way, a log has each
// record in one place.
func TestKillQuarantine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	log := open(t, path, sqlitelog.Config[put]{})
	const (
		total      = 3000
		everywhere = "SELECT offset FROM log UNION ALL SELECT offset FROM compacted UNION ALL SELECT offset FROM quarantine"
	)
	must(t, log.Notify(t.Context(), make([]put, total)))
	must(t, log.Close())
	shell(t, path, "UPDATE log SET crc = 0")
	for i := range 5 {
		p := start(t, "quarantine", path, "main")
		p.kill(t, 1, time.Duration(10+i*7)*time.Millisecond)
		checkFile(t, path)
		if n := count(t, path, "SELECT count(*) FROM ("+everywhere+")"); n != total {
			t.Fatalf("%d records, want %d", n, total)
		}
		if n := count(t, path, "SELECT count(DISTINCT offset) FROM ("+everywhere+")"); n != total {
			t.Fatalf("%d different records, want %d", n, total)
		}
	}
}

// Two processes share a file, each with its own log; a third takes a log over.
func TestTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	a := start(t, "append", path, "a")
	b := start(t, "append", path, "b")
	for range 200 {
		if !a.read(t) || !b.read(t) {
			t.Fatal("a process has ended")
		}
	}
	db := openDB(t, path, sqlitelog.Options{})
	taken := newLog(t, db, "a", sqlitelog.Config[put]{})
	for a.read(t) {
	}
	if err := a.cmd.Wait(); err == nil {
		t.Error("the former owner goes on")
	}
	state := fold(events(t, taken))
	if n := state["n"]; n != a.last || !maps.Equal(state, stateAfter(n)) {
		t.Errorf("accepted were %d batches of a, the state is %v", a.last, state)
	}
	must(t, taken.Notify(t.Context(), batchOf(a.last+1)))
	b.kill(t, 20, 0)
	state = fold(events(t, newLog(t, db, "b", sqlitelog.Config[put]{})))
	if n := state["n"]; n < b.last || n > b.last+1 || !maps.Equal(state, stateAfter(n)) {
		t.Errorf("accepted were %d batches of b, the state is %v", b.last, state)
	}
	checkFile(t, path)
}

// checkFile looks at a file as SQLite and as a reader of the documentation do.
func checkFile(t *testing.T, path string) {
	t.Helper()
	for query, want := range map[string]int64{
		"SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'":                                                                  0,
		"SELECT count(*) FROM logs WHERE floor < ifnull((SELECT max(offset) FROM compacted WHERE log = number), 0)":                                  0,
		"SELECT count(*) FROM logs WHERE (SELECT max(offset) FROM compacted WHERE log = number) >= (SELECT min(offset) FROM log WHERE log = number)": 0,
	} {
		if got := count(t, path, query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
}

func count(t *testing.T, path, query string) int64 {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	must(t, err)
	n, err := sqlitex.ResultInt64(conn.Prep(query))
	must(t, errors.Join(err, conn.Close()))
	return n
}
