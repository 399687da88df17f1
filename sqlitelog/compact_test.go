package sqlitelog_test

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/sqlitelog"
	"zombiezen.com/go/sqlite"
)

// After a compaction the newest event of each key is left, those without a key,
// and LowWater events as they were.
func TestCompactKeeps(t *testing.T) {
	log := open(t, filepath.Join(t.TempDir(), "log.db"), sqlitelog.Config[put]{Key: putKey, HighWater: 1000, LowWater: 2})
	defer log.Close()
	history := []put{
		{Key: "a", Value: 1}, {Key: "b", Value: 2}, {Value: 3}, {Key: "a", Value: 4}, {Key: "c", Value: 5},
		{Key: "c", Delete: true}, {Key: "b", Value: 6}, {Value: 7}, {Key: "a", Value: 8}, {Key: "a", Value: 9},
	}
	must(t, log.Notify(t.Context(), history))
	done, err := log.Compact(t.Context())
	must(t, err)
	if want := (sqlitelog.Compaction{Moved: 3, Dropped: 5}); done != want {
		t.Errorf("compaction did %+v, want %+v", done, want)
	}
	want := []put{{Value: 3}, {Key: "b", Value: 6}, {Value: 7}, {Key: "a", Value: 8}, {Key: "a", Value: 9}}
	if got := events(t, log); !slices.Equal(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}
	must(t, log.Notify(t.Context(), []put{{Key: "b", Delete: true}, {Value: 10}, {Value: 11}}))
	if _, err = log.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	want = []put{{Value: 3}, {Value: 7}, {Key: "a", Value: 9}, {Value: 10}, {Value: 11}}
	if got := events(t, log); !slices.Equal(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}
}

// An append that failed has named a newest event that there is not. The older
// one must stay, and go with the tombstone that comes at last.
func TestCompactAfterFailedAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	log := open(t, path, sqlitelog.Config[put]{Key: putKey, HighWater: 1000, LowWater: 1})
	defer log.Close()
	compact := func(want map[string]int) {
		t.Helper()
		_, err := log.Compact(t.Context())
		must(t, err)
		if got := fold(events(t, log)); !maps.Equal(got, want) {
			t.Errorf("the log leads to %v, want %v", got, want)
		}
	}
	must(t, log.Notify(t.Context(), []put{{Key: "k", Value: 1}, {Value: 1}}))
	compact(map[string]int{"k": 1, "": 1})
	shell(t, path, "CREATE TRIGGER injected BEFORE INSERT ON log WHEN NEW.key = '' BEGIN SELECT RAISE(ABORT, 'injected'); END")
	if err := log.Notify(t.Context(), []put{{Key: "k", Delete: true}, {Value: 1}}); err == nil {
		t.Fatal("the append did not fail")
	}
	shell(t, path, "DROP TRIGGER injected")
	must(t, log.Notify(t.Context(), []put{{Value: 1}}))
	compact(map[string]int{"k": 1, "": 2})
	must(t, log.Notify(t.Context(), []put{{Key: "k", Delete: true}, {Value: 1}}))
	compact(map[string]int{"": 3})
	compact(map[string]int{"": 3})
}

// A Key that is added later finds no key in older events. They stay, and so do
// the tombstones that may be of the same key.
func TestKeyAddedLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	cfg := sqlitelog.Config[put]{Key: putKey, LowWater: 1}
	for i, opening := range [][]put{
		{{Key: "k", Value: 1}, {Key: "kept", Value: 2}},
		{{Key: "k", Value: 3}, {Key: "k", Value: 4}, {Key: "k", Delete: true}, {Value: 5}},
		{{Value: 6}},
		{{Value: 7}},
	} {
		with := cfg
		if i%2 == 0 {
			with.Key = nil
		}
		log := open(t, path, with)
		must(t, log.Notify(t.Context(), opening))
		must(t, log.Close())
	}
	log := open(t, path, cfg)
	defer log.Close()
	for range 3 {
		_, err := log.Compact(t.Context())
		must(t, err)
		want := []put{{Key: "k", Value: 1}, {Key: "kept", Value: 2}, {Key: "k", Delete: true}, {Value: 5}, {Value: 6}, {Value: 7}}
		if got := events(t, log); !slices.Equal(got, want) {
			t.Errorf("left are %v, want %v", got, want)
		}
	}
}

// Whatever is damaged in a record, a compaction lets neither the record go nor
// another because of it.
func TestCompactCorrupt(t *testing.T) {
	for damage, lost := range map[string]int64{
		`UPDATE log SET value = value || ' ' WHERE offset = 1`:     1, // of an event that is superseded
		`UPDATE log SET key = 'b' WHERE offset = 3`:                3, // of the newest event of a key
		`UPDATE log SET crc = 0 WHERE offset = 4`:                  4, // the same
		`UPDATE log SET tombstone = 1 WHERE offset = 4`:            4,
		`UPDATE log SET tombstone = 0 WHERE offset = 5`:            5, // of a tombstone
		`UPDATE log SET recorded_at = 0, crc = 1 WHERE offset = 5`: 5,
	} {
		path := filepath.Join(t.TempDir(), "log.db")
		cfg := sqlitelog.Config[put]{Key: putKey, HighWater: 1000, LowWater: 1}
		log := open(t, path, cfg)
		all := []put{{Key: "b", Value: 1}, {Key: "c", Value: 2}, {Key: "a", Value: 3}, {Key: "b", Value: 4}, {Key: "c", Delete: true}, {Value: 6}}
		must(t, log.Notify(t.Context(), all))
		must(t, log.Close())
		shell(t, path, damage)
		log = open(t, path, cfg)
		_, err := log.Compact(t.Context())
		must(t, err)
		_, err = collect(log.Feed(t.Context()))
		re, ok := errors.AsType[*sqlitelog.RecordError](err)
		if !ok || re.Offset != lost || !errors.Is(err, sqlitelog.ErrCorrupt) {
			t.Errorf("after %s: %v", damage, err)
		}
		must(t, log.Close())
		cfg.Quarantine = true
		log = open(t, path, cfg)
		got, want := fold(events(t, log)), fold(slices.Delete(slices.Clone(all), int(lost)-1, int(lost)))
		if !maps.Equal(got, want) {
			t.Errorf("after %s the log leads to %v, want %v", damage, got, want)
		}
		must(t, log.Close())
	}
}

// A tombstone that a failed append has hidden is found again, and nothing of its
// key is left.
func TestCompactAfterFailedAppendOfTombstone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	log := open(t, path, sqlitelog.Config[put]{Key: putKey, HighWater: 1000, LowWater: 1})
	defer log.Close()
	_, err := log.Compact(t.Context()) // so that the keys are known
	must(t, err)
	must(t, log.Notify(t.Context(), []put{{Key: "k", Value: 1}, {Key: "k", Delete: true}}))
	shell(t, path, "CREATE TRIGGER injected BEFORE INSERT ON log WHEN NEW.key = '' BEGIN SELECT RAISE(ABORT, 'injected'); END")
	if err := log.Notify(t.Context(), []put{{Key: "k", Value: 2}, {Value: 1}}); err == nil {
		t.Fatal("the append did not fail")
	}
	shell(t, path, "DROP TRIGGER injected")
	must(t, log.Notify(t.Context(), []put{{Value: 1}}))
	for range 3 {
		must(t, log.Notify(t.Context(), []put{{Value: 1}}))
		_, err := log.Compact(t.Context())
		must(t, err)
	}
	if got := events(t, log); slices.ContainsFunc(got, func(e put) bool { return e.Key != "" }) {
		t.Errorf("left are %v", got)
	}
	if n := log.KeysKnown(); n != 0 {
		t.Errorf("%d keys are known", n)
	}
}

// When the newest event of a key was quarantined, a tombstone still ends what is
// older.
func TestCompactAfterQuarantine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	log := open(t, path, sqlitelog.Config[put]{Key: putKey, HighWater: 1000, LowWater: 1, Quarantine: true})
	defer log.Close()
	compact := func() {
		_, err := log.Compact(t.Context())
		must(t, err)
	}
	must(t, log.Notify(t.Context(), []put{{Key: "k", Value: 1}, {Value: 1}}))
	compact()
	must(t, log.Notify(t.Context(), []put{{Key: "k", Value: 2}, {Value: 1}}))
	shell(t, path, "UPDATE log SET crc = 0 WHERE offset = 3")
	if got, want := fold(events(t, log)), map[string]int{"k": 1, "": 2}; !maps.Equal(got, want) {
		t.Errorf("after the quarantine the log leads to %v, want %v", got, want)
	}
	compact()
	must(t, log.Notify(t.Context(), []put{{Key: "k", Delete: true}, {Value: 1}}))
	for range 3 {
		compact()
		if got, want := fold(events(t, log)), map[string]int{"": 3}; !maps.Equal(got, want) {
			t.Errorf("after the tombstone the log leads to %v, want %v", got, want)
		}
	}
}

// pickyCodec refuses what an older version of the program has accepted.
type pickyCodec struct{ codec.Codec[put] }

func (c pickyCodec) Decode(data []byte, e *put) error {
	if err := c.Codec.Decode(data, e); err != nil || e.Value != 666 {
		return err
	}
	return errors.New("not today")
}

// An event that goes into quarantine between two slices makes nothing dead in
// the second.
func TestQuarantineBetweenSlices(t *testing.T) {
	log := open(t, filepath.Join(t.TempDir(), "log.db"), sqlitelog.Config[put]{
		Codec: pickyCodec{mustCodec[put](t)}, Key: putKey, Quarantine: true,
	})
	defer log.Close()
	must(t, log.Notify(t.Context(), []put{{Key: "k", Value: 1}, {Key: "k", Value: 2}, {Key: "k", Value: 666}, {Value: 5}}))
	shift, err := log.Pass(t.Context())
	must(t, err)
	_, err = shift(0, 1)
	must(t, err)
	want := map[string]int{"k": 2, "": 5}
	if got := fold(events(t, log)); !maps.Equal(got, want) {
		t.Errorf("after a slice the log leads to %v, want %v", got, want)
	}
	_, err = shift(1, 2)
	must(t, err)
	if got := fold(events(t, log)); !maps.Equal(got, want) {
		t.Errorf("after two slices the log leads to %v, want %v", got, want)
	}
}

// A tombstone that was kept beside a replay goes after a reopening.
func TestTombstoneAfterReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	cfg := sqlitelog.Config[put]{Key: putKey, LowWater: 1}
	log := open(t, path, cfg)
	must(t, log.Notify(t.Context(), []put{{Key: "k", Value: 1}, {Key: "k", Delete: true}, {Value: 1}}))
	next, stop := iter.Pull2(log.Feed(t.Context()))
	next()
	_, err := log.Compact(t.Context())
	must(t, err)
	stop()
	must(t, log.Close())
	log = open(t, path, cfg)
	defer log.Close()
	must(t, log.Notify(t.Context(), []put{{Value: 1}}))
	_, err = log.Compact(t.Context())
	must(t, err)
	if got := events(t, log); slices.ContainsFunc(got, func(e put) bool { return e.Key != "" }) {
		t.Errorf("left are %v", got)
	}
}

// A tombstone stays if a slice before has kept an older event of its key for
// the sake of a replay, which is over by now.
func TestTombstoneAfterReplay(t *testing.T) {
	log := open(t, filepath.Join(t.TempDir(), "log.db"), sqlitelog.Config[put]{Key: putKey})
	defer log.Close()
	must(t, log.Notify(t.Context(), []put{{Key: "k", Value: 1}}))
	next, stop := iter.Pull2(log.Feed(t.Context()))
	defer stop()
	if _, err, _ := next(); err != nil {
		t.Fatal(err)
	}
	must(t, log.Notify(t.Context(), []put{{Key: "k", Delete: true}}))
	shift, err := log.Pass(t.Context())
	must(t, err)
	if last, err := shift(0, 2); last != 1 || err != nil {
		t.Fatalf("the slice beside the replay has come to %d, %v", last, err)
	}
	stop()
	if last, err := shift(1, 2); last != 2 || err != nil {
		t.Fatalf("the slice after the replay has come to %d, %v", last, err)
	}
	if got := fold(events(t, log)); len(got) != 0 {
		t.Errorf("the log leads to %v", got)
	}
}

// While replays are under way all the time, of a key that is written all the
// time little is left.
func TestCompactBesideReplays(t *testing.T) {
	defer sqlitelog.SetGrain(1024, 512)()
	log := open(t, filepath.Join(t.TempDir(), "log.db"), sqlitelog.Config[put]{Key: putKey, LowWater: 1})
	defer log.Close()
	must(t, log.Notify(t.Context(), slices.Repeat([]put{{Key: "hot", Value: 1}}, 2000)))
	next, stop := iter.Pull2(log.Feed(t.Context()))
	defer stop()
	if _, err, _ := next(); err != nil {
		t.Fatal(err)
	}
	must(t, log.Notify(t.Context(), []put{{Key: "hot", Value: 2}}))
	done, err := log.Compact(t.Context())
	must(t, err)
	if want := (sqlitelog.Compaction{Moved: 4, Dropped: 1996}); done != want { // one a slice
		t.Errorf("beside a replay a compaction did %+v, want %+v", done, want)
	}
}

// Nor does a record go for the sake of a damaged one beside a replay.
func TestCompactCorruptBesideReplay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	log := open(t, path, sqlitelog.Config[put]{Key: putKey, HighWater: 1000, LowWater: 1})
	defer log.Close()
	must(t, log.Notify(t.Context(), []put{{Key: "k", Value: 1}, {Key: "k", Value: 2}, {Value: 3}}))
	shell(t, path, "UPDATE log SET crc = 0 WHERE offset = 2")
	next, stop := iter.Pull2(log.Feed(t.Context()))
	defer stop()
	if _, err, _ := next(); err != nil {
		t.Fatal(err)
	}
	must(t, log.Notify(t.Context(), []put{{Key: "k", Value: 4}}))
	done, err := log.Compact(t.Context())
	must(t, err)
	if want := (sqlitelog.Compaction{Moved: 3}); done != want {
		t.Errorf("the compaction did %+v, want %+v", done, want)
	}
}

// The log is kept bounded without being asked, and its file gets smaller when
// it is.
func TestCompactUpkeep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	log := open(t, path, sqlitelog.Config[put]{
		Key: putKey, HighWater: 2000, LowWater: 500, File: sqlitelog.Options{Durability: sqlitelog.Normal},
	})
	defer log.Close()
	batch := make([]put, 100)
	for i := range 300 / lessData {
		for j := range batch {
			batch[j] = put{Key: fmt.Sprint(j), Value: i}
		}
		must(t, log.Notify(t.Context(), batch))
	}
	for n := int64(1); n > 0; { // the upkeep runs beside; a replay would hold it up
		st, err := log.Stats(t.Context())
		must(t, err)
		if n = max(0, st.Log+st.Compacted-2100); n > 0 {
			must(t, log.Notify(t.Context(), batch[:1]))
		}
	}
	before := checkpointedSize(t, path)
	_, err := log.Compact(t.Context())
	must(t, err)
	if after := checkpointedSize(t, path); after > before {
		t.Errorf("the file had %d bytes, and has %d", before, after)
	}
	if free := count(t, path, "PRAGMA freelist_count"); free > 0 {
		t.Errorf("%d pages are free", free)
	}
	if got := events(t, log); len(got) > 600 {
		t.Errorf("%d events are left", len(got))
	}
}

// The upkeep of a log that is far beyond its high water works in slices that are
// up to eight times as large.
func TestSlicesGrow(t *testing.T) {
	defer sqlitelog.SetGrain(1024, 2)()
	const events = 1600
	for what, c := range map[string]struct {
		high        int
		least, most uint64
	}{
		"far beyond":  {10, events / 3 / 8, events / 2 / 2},
		"just beyond": {events - 1, events / 3, events},
	} {
		path := filepath.Join(t.TempDir(), "log.db")
		log := open(t, path, sqlitelog.Config[put]{Key: putKey, HighWater: 1 << 30})
		must(t, log.Notify(t.Context(), slices.Repeat([]put{{Key: "k", Value: 1}}, events)))
		must(t, log.Close())
		log = open(t, path, sqlitelog.Config[put]{
			Key: putKey, HighWater: c.high, LowWater: 1, File: sqlitelog.Options{Durability: sqlitelog.Normal},
		})
		for left := int64(events); left > 10; time.Sleep(time.Millisecond) {
			st, err := log.Stats(t.Context())
			must(t, err)
			left = st.Log
		}
		n, err := log.Transactions(t.Context())
		must(t, errors.Join(err, log.Close()))
		if n < c.least || n > c.most {
			t.Errorf("%s: %d transactions, want %d to %d", what, n, c.least, c.most)
		}
	}
}

// checkpointedSize is the size of a file once its WAL is copied back.
func checkpointedSize(t *testing.T, path string) int64 {
	t.Helper()
	shell(t, path, "PRAGMA wal_checkpoint(TRUNCATE)")
	info, err := os.Stat(path)
	must(t, err)
	return info.Size()
}

// What is kept in memory is at most 64 bytes a key.
func TestKeyMemory(t *testing.T) {
	for _, n := range []int{100_000, 230_000, 1_000_000} {
		before := heap()
		m := sqlitelog.KeyMap(n)
		perKey := float64(heap()-before) / float64(n)
		runtime.KeepAlive(m)
		t.Logf("%d keys: %.1f bytes each", n, perKey)
		if perKey > 64 {
			t.Errorf("%d keys take %.1f bytes each", n, perKey)
		}
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// The statements on ranges search their table, or the index of the log, and sort
// nothing.
func TestPlans(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	must(t, open(t, path, sqlitelog.Config[put]{}).Close())
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	must(t, err)
	defer conn.Close()
	for number, want := range map[int64]string{1: "USING INTEGER PRIMARY KEY", 2: "_of_others (log=? AND rowid>?"} {
		for _, query := range sqlitelog.RangeQueries(number) {
			stmt, _, err := conn.PrepareTransient("EXPLAIN QUERY PLAN " + query)
			must(t, err)
			for {
				row, err := stmt.Step()
				if must(t, err); !row {
					break
				}
				if step := stmt.GetText("detail"); !strings.HasPrefix(step, "SEARCH") || !strings.Contains(step, want) {
					t.Errorf("%s\n\t%s", query, step)
				}
			}
			must(t, stmt.Finalize())
		}
	}
}
