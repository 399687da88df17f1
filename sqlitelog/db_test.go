package sqlitelog_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/edfsm/edfsm/sqlitelog"
)

func openDB(t *testing.T, path string, opts sqlitelog.Options) *sqlitelog.DB {
	t.Helper()
	db, err := sqlitelog.OpenDB(t.Context(), path, opts)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func newLog[E any](t *testing.T, db *sqlitelog.DB, name string, cfg sqlitelog.Config[E]) *sqlitelog.Log[E] {
	t.Helper()
	log, err := sqlitelog.New(t.Context(), db, name, cfg)
	must(t, err)
	return log
}

// Logs of a file have their own events, over one sequence of offsets.
func TestSeveralLogs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logs.db")
	db := openDB(t, path, sqlitelog.Options{})
	a := newLog(t, db, "a", sqlitelog.Config[string]{})
	b := newLog(t, db, "b'; DROP TABLE log; --", sqlitelog.Config[[]byte]{Codec: bytesCodec{}})
	must(t, a.Notify(t.Context(), []string{"a1", "a2"}))
	must(t, b.Notify(t.Context(), [][]byte{[]byte("b1")}))
	must(t, a.Notify(t.Context(), []string{"a3"}))
	if got, want := events(t, a), []string{"a1", "a2", "a3"}; !slices.Equal(got, want) {
		t.Errorf("a has %q", got)
	}
	if got := events(t, b); len(got) != 1 || string(got[0]) != "b1" {
		t.Errorf("b has %q", got)
	}
	if a.Head() != 4 || b.Head() != 3 {
		t.Errorf("heads are %d and %d", a.Head(), b.Head())
	}
	infos, err := sqlitelog.List(t.Context(), db)
	must(t, err)
	if want := []sqlitelog.Info{{"a", "json"}, {"b'; DROP TABLE log; --", "bytes"}}; !slices.Equal(infos, want) {
		t.Errorf("listed %v", infos)
	}
	must(t, a.Close())
	if err := a.Notify(t.Context(), []string{"late"}); !errors.Is(err, sqlitelog.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	must(t, b.Notify(t.Context(), [][]byte{[]byte("b2")}))
}

// A reader sees what a live owner appends, owns nothing and writes nothing.
func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	owner := open(t, path, sqlitelog.Config[string]{})
	defer owner.Close()
	must(t, owner.Notify(t.Context(), []string{"one"}))
	db := openDB(t, path, sqlitelog.Options{ReadOnly: true})
	reader := newLog(t, db, "main", sqlitelog.Config[string]{})
	if err := reader.Notify(t.Context(), []string{"no"}); !errors.Is(err, sqlitelog.ErrReadOnly) {
		t.Errorf("a reader's append: %v", err)
	}
	must(t, owner.Notify(t.Context(), []string{"two"}))
	if got, want := events(t, reader), []string{"one", "two"}; !slices.Equal(got, want) {
		t.Errorf("read %q", got)
	}
	if _, err := sqlitelog.New(t.Context(), db, "other", sqlitelog.Config[string]{}); !errors.Is(err, sqlitelog.ErrNoLog) {
		t.Errorf("a log that is not there: %v", err)
	}
	missing := filepath.Join(t.TempDir(), "missing.db")
	if _, err := sqlitelog.OpenDB(t.Context(), missing, sqlitelog.Options{ReadOnly: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// A file without logs is no error to who lists them, and none is made by who
// only reads.
func TestReadOnlyWithoutLogs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty.db")
	must(t, os.WriteFile(path, nil, 0o600))
	db := openDB(t, path, sqlitelog.Options{ReadOnly: true})
	if infos, err := sqlitelog.List(t.Context(), db); len(infos) != 0 || err != nil {
		t.Errorf("listed %v, %v", infos, err)
	}
	if _, err := sqlitelog.New(t.Context(), db, "main", sqlitelog.Config[string]{}); !errors.Is(err, sqlitelog.ErrNoLog) {
		t.Errorf("got %v", err)
	}
}

// A reader through another handle that may have missed an event because of a
// compaction is told so.
func TestReaderIsTold(t *testing.T) {
	for _, elsewhere := range []bool{false, true} {
		testReaderIsTold(t, elsewhere)
	}
}

func testReaderIsTold(t *testing.T, elsewhere bool) {
	defer sqlitelog.SetGrain(2, 512)()
	path := filepath.Join(t.TempDir(), "log.db")
	db := openDB(t, path, sqlitelog.Options{})
	owner := newLog(t, db, "main", sqlitelog.Config[put]{Key: putKey, HighWater: 100, LowWater: 1})
	for i := range 10 {
		must(t, owner.Notify(t.Context(), []put{{Key: fmt.Sprint("k", i%3), Value: i}}))
	}
	if elsewhere {
		db = openDB(t, path, sqlitelog.Options{ReadOnly: true})
	}
	reader := newLog(t, db, "main", sqlitelog.Config[put]{Reader: true})
	n := 0
	for _, err := range reader.Feed(t.Context()) {
		if n++; n == 1 {
			_, err := owner.Compact(t.Context())
			must(t, err)
		}
		if err != nil {
			if !errors.Is(err, sqlitelog.ErrCompacted) {
				t.Errorf("the reader got %v", err)
			}
			return
		}
	}
	t.Errorf("elsewhere=%v: the reader saw %d events and no error", elsewhere, n)
}

// Opened exclusively, a file works with one connection and no shared memory.
func TestExclusive(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log.db")
	for _, opts := range []sqlitelog.Options{{Exclusive: true}, {Exclusive: true, Durability: sqlitelog.Normal}, {Durability: sqlitelog.Normal}} {
		log := open(t, path, sqlitelog.Config[put]{Key: putKey, HighWater: 20, LowWater: 5, File: opts})
		before := fold(events(t, log))
		for e, err := range log.Feed(t.Context()) { // appending while reading must not wait for itself
			must(t, err)
			must(t, log.Notify(t.Context(), []put{e}))
		}
		for i := range 100 {
			must(t, log.Notify(t.Context(), []put{{Key: fmt.Sprint("k", i%7), Value: i}}))
		}
		_, err := os.Stat(path + "-shm")
		if exists := err == nil; exists == opts.Exclusive {
			t.Errorf("%+v: shared memory: %v", opts, err)
		}
		_, err = log.Compact(t.Context())
		must(t, err)
		if got := fold(events(t, log)); len(got) != 7 || len(before) != 0 && len(before) != 7 {
			t.Errorf("%+v: the log leads to %v", opts, got)
		}
		must(t, log.Close())
	}
	_, err := sqlitelog.OpenDB(t.Context(), path, sqlitelog.Options{Exclusive: true, ReadOnly: true})
	if err == nil {
		t.Error("opened exclusively for reading")
	}
}

func TestEntries(t *testing.T) {
	log := open(t, ":memory:", sqlitelog.Config[put]{Key: putKey})
	defer log.Close()
	for i := range 10 {
		must(t, log.Notify(t.Context(), []put{{Key: fmt.Sprint("k", i), Value: i}}))
	}
	for _, r := range [][2]int64{{0, 100}, {3, 5}, {5, 5}, {6, 5}, {11, 20}, {-7, 2}} {
		entries, err := collect(log.Entries(t.Context(), r[0], r[1]))
		must(t, err)
		want := max(r[0], 1)
		for _, e := range entries {
			if e.Offset != want || e.Event.Value != int(want)-1 || e.Key != e.Event.Key || e.RecordedAt.IsZero() {
				t.Errorf("range %v: got %+v, want offset %d", r, e, want)
			}
			want++
		}
		if want <= min(r[1], 10) {
			t.Errorf("range %v ends before %d", r, want)
		}
	}
}

// In quarantine a record is out of the way, counted, and still there.
func TestQuarantine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	cfg := sqlitelog.Config[string]{Quarantine: true}
	log := open(t, path, cfg)
	must(t, log.Notify(t.Context(), []string{"one", "two", "three", "four"}))
	must(t, log.Close())
	shell(t, path,
		`UPDATE log SET value = 'not JSON' WHERE offset = 2`,
		`UPDATE log SET crc = 0 WHERE offset = 4`)
	log = open(t, path, cfg)
	for range 2 {
		if got, want := events(t, log), []string{"one", "three"}; !slices.Equal(got, want) {
			t.Errorf("read %q, want %q", got, want)
		}
		n, err := log.Quarantined(t.Context())
		if must(t, err); n != 2 {
			t.Errorf("%d in quarantine", n)
		}
	}
	must(t, log.Notify(t.Context(), []string{"five"}))
	if log.Head() != 5 {
		t.Errorf("the offset of a quarantined event was given again: %d", log.Head())
	}
	must(t, log.Close())
	shell(t, path, `INSERT INTO log SELECT offset, log, key, tombstone, value, recorded_at, crc FROM quarantine`)
}

// A record that cannot be put into quarantine ends the replay, as without one.
func TestQuarantineRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	cfg := sqlitelog.Config[string]{Quarantine: true}
	log := open(t, path, cfg)
	defer log.Close()
	must(t, log.Notify(t.Context(), []string{"one", "two"}))
	shell(t, path, "UPDATE log SET crc = 0 WHERE offset = 2")
	reader := newLog(t, openDB(t, path, sqlitelog.Options{ReadOnly: true}), "main", cfg)
	got, err := collect(reader.Feed(t.Context()))
	re, ok := errors.AsType[*sqlitelog.RecordError](err)
	if !ok || re.Offset != 2 || !errors.Is(err, sqlitelog.ErrReadOnly) || !slices.Equal(got, []string{"one"}) {
		t.Errorf("a reader got %q, %v", got, err)
	}
}
