//go:build unix

package sqlitelog_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"testing"
	"time"

	"github.com/edfsm/edfsm/internal/crashtest"
	"github.com/edfsm/edfsm/sqlitelog"
)

func TestMain(m *testing.M) {
	works := make(map[string]func(args []string) error)
	for _, work := range []string{"append", "append early", "machine", "quarantine", "deliver", "compact", "backup"} {
		works[work] = func(args []string) error { return child(work, args[0], args[1]) }
	}
	crashtest.Main(m, works)
}

func child(work, path, name string) error {
	db, err := sqlitelog.OpenDB(context.Background(), path, sqlitelog.Options{})
	if err != nil {
		return err
	}
	log, err := sqlitelog.New(context.Background(), db, name, sqlitelog.Config[put]{
		Key: putKey, HighWater: 60, LowWater: 20, Quarantine: work == "quarantine", Reader: work == "deliver",
	})
	if err != nil {
		return err
	}
	switch work {
	case "append":
		return appendForEver(log, sayLate)
	case "append early":
		return appendForEver(log, sayEarly)
	case "machine":
		return tallyForEver(context.Background(), log)
	case "quarantine":
		fmt.Println(0)
		_, err := collect(log.Feed(context.Background()))
		return err
	case "deliver":
		return log.Deliver(context.Background(), "sub", sqlitelog.Delivery{}, sayOffset)
	case "compact":
		fmt.Println(0)
		_, err := log.Compact(context.Background())
		return err
	case "backup":
		return backUpForEver(db, path)
	}
	return fmt.Errorf("no work called %q", work)
}

// sayLate and sayEarly say on standard output which batch was accepted; the
// latter before it is begun, as of one that is under way only the sync may be left,
// which a kill does not take back.
func sayLate(n int, appendIt func() error) error {
	if err := appendIt(); err != nil {
		return err
	}
	fmt.Println(n)
	return nil
}

func sayEarly(n int, appendIt func() error) error {
	fmt.Println(n + 1)
	return appendIt()
}

// appendForEver goes on where the log ends and says which batch was accepted.
func appendForEver(log *sqlitelog.Log[put], say func(n int, appendIt func() error) error) error {
	all, err := collect(log.Feed(context.Background()))
	if err != nil {
		return err
	}
	state := fold(all)
	if state["n"] >= 10 { // who was killed may not have saved it, and the one before may go
		if err := saveState(log, state); err != nil {
			return err
		}
	}
	for n := state["n"] + 1; ; n++ {
		if err := say(n, func() error { return log.Notify(context.Background(), batchOf(n)) }); err != nil {
			return err
		}
		foldOn(state, batchOf(n))
		if n%10 == 0 {
			if err := saveState(log, state); err != nil {
				return err
			}
		}
		if n%40 == 0 {
			if _, err := log.Compact(context.Background()); err != nil {
				return err
			}
		}
	}
}

func saveState(log *sqlitelog.Log[put], state map[string]int) error {
	data, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return log.SaveSnapshot(context.Background(), "state", data)
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

// Killed at any moment, while it appends, compacts or shrinks the file, a log
// has what it had accepted, in batches that are whole.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	crashtest.None(t, crashtest.Kills(t, crashtest.Count(30), 60, func(last int) error { return checkKilled(t, path, last) }, "append", path, "main"))
}

// checkKilled compares what a process that appends has left with the batch that
// it had accepted last.
func checkKilled(t *testing.T, path string, last int) error {
	log := open(t, path, sqlitelog.Config[put]{})
	state := fold(events(t, log))
	if n := state["n"]; n < last || n > last+1 || !maps.Equal(state, stateAfter(n)) {
		return errors.Join(fmt.Errorf("accepted were %d batches, the state is %v, want %v", last, state, stateAfter(last)), log.Close())
	}
	if data, after := loaded(t, log, "state"); data != "" {
		var snapshot map[string]int
		must(t, json.Unmarshal([]byte(data), &snapshot))
		if resumed := foldOn(snapshot, after); !maps.Equal(resumed, state) {
			return fmt.Errorf("the snapshot leads to %v, want %v", resumed, state)
		}
	} else if last > 10 { // the tenth batch is said before its snapshot is kept
		return fmt.Errorf("there is no snapshot after %d batches", last)
	}
	must(t, log.Close())
	checkFile(t, path)
	return nil
}

// Killed time and again in one long compaction, in its slices and in the steps
// that give pages back, a log leads to the same state, and gets there.
func TestKillCompact(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	log := open(t, path, sqlitelog.Config[put]{Key: putKey, HighWater: 1 << 30})
	var all []put
	for n := range 8_000 / lessData {
		all = append(all, batchOf(n)...)
	}
	must(t, log.Notify(t.Context(), all))
	must(t, log.Close())
	want, before := fold(all), checkpointedSize(t, path)
	for kills := 0; ; kills++ {
		p := crashtest.Start(t, "compact", path, "main")
		p.Read(t)
		err := p.KillAfter(t, 4*time.Millisecond<<kills)
		log := open(t, path, sqlitelog.Config[put]{})
		if got := fold(events(t, log)); !maps.Equal(got, want) {
			t.Fatalf("after %d kills the log leads to %v, want %v", kills+1, got, want)
		}
		must(t, log.Close())
		checkFile(t, path)
		if err == nil {
			t.Logf("done after %d kills", kills)
			break
		}
	}
	if after := checkpointedSize(t, path); after > before/2 {
		t.Errorf("the file had %d bytes, and has %d", before, after)
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
		p := crashtest.Start(t, "quarantine", path, "main")
		p.Read(t)
		p.KillAfter(t, time.Duration(10+i*7)*time.Millisecond) // unless it is done before
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
	a := crashtest.Start(t, "append", path, "a")
	b := crashtest.Start(t, "append", path, "b")
	for range 200 {
		if !a.Read(t) || !b.Read(t) {
			t.Fatal("a process has ended")
		}
	}
	db := openDB(t, path, sqlitelog.Options{})
	taken := newLog(t, db, "a", sqlitelog.Config[put]{})
	if err := a.Drain(t); err == nil {
		t.Error("the former owner goes on")
	}
	state := fold(events(t, taken))
	if n := state["n"]; n != a.Last || !maps.Equal(state, stateAfter(n)) {
		t.Errorf("accepted were %d batches of a, the state is %v", a.Last, state)
	}
	must(t, taken.Notify(t.Context(), batchOf(a.Last+1)))
	b.Kill(t, 20, 0)
	state = fold(events(t, newLog(t, db, "b", sqlitelog.Config[put]{})))
	if n := state["n"]; n < b.Last || n > b.Last+1 || !maps.Equal(state, stateAfter(n)) {
		t.Errorf("accepted were %d batches of b, the state is %v", b.Last, state)
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
