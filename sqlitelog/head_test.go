package sqlitelog_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/edfsm/edfsm/sqlitelog"
)

// lostTail tells what an error says of a log that ends too early.
func lostTail(t *testing.T, path string, err error) (lost sqlitelog.LostTailError) {
	t.Helper()
	pe, named := errors.AsType[*fs.PathError](err)
	e, ok := errors.AsType[*sqlitelog.LostTailError](err)
	if !ok || !named || pe.Path != path {
		t.Fatalf("got %v", err)
	}
	return *e
}

// A log that ends before a known head is not opened, and not taken from its owner.
func TestMinHead(t *testing.T) {
	for what, opts := range map[string]sqlitelog.Options{"shared": {}, "read-only": {ReadOnly: true}} {
		path := filepath.Join(t.TempDir(), "log.db")
		owner := open(t, path, sqlitelog.Config[string]{})
		must(t, owner.Notify(t.Context(), []string{"one", "two", "three"}))
		for _, c := range []sqlitelog.Config[string]{{MinHead: 4, File: opts}, {MinHead: 4, File: opts, Reader: true}} {
			_, err := sqlitelog.Open(t.Context(), path, c)
			if lost := lostTail(t, path, err); lost != (sqlitelog.LostTailError{Head: 3, MinHead: 4}) {
				t.Errorf("%s: %+v", what, lost)
			}
		}
		if n := count(t, path, "SELECT epoch FROM logs"); n != 1 {
			t.Errorf("%s: the epoch is %d", what, n)
		}
		must(t, owner.Notify(t.Context(), []string{"four"}))
		must(t, owner.Close())
		log := open(t, path, sqlitelog.Config[string]{MinHead: 4, File: opts})
		if len(events(t, log)) != 4 {
			t.Errorf("%s: %q", what, events(t, log))
		}
		must(t, log.Close())
	}
}

// Of several logs each has its own head, and what was compacted away counts.
func TestMinHeadOfSeveral(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logs.db")
	db := openDB(t, path, sqlitelog.Options{})
	cfg := sqlitelog.Config[put]{Key: putKey, LowWater: 1, HighWater: 1 << 30}
	a, b := newLog(t, db, "a", cfg), newLog(t, db, "b", cfg)
	must(t, a.Notify(t.Context(), []put{{Key: "k", Value: 1}, {Key: "k", Delete: true}}))
	must(t, b.Notify(t.Context(), []put{{Key: "k", Value: 1}}))
	_, err := a.Compact(t.Context())
	must(t, err)
	cfg.MinHead = 3
	newLog(t, db, "b", cfg)
	_, err = sqlitelog.New(t.Context(), db, "a", cfg)
	if lost := lostTail(t, path, err); lost.Head != 2 {
		t.Errorf("%+v", lost)
	}
	must(t, a.Notify(t.Context(), []put{{Key: "k", Value: 2}})) // a is still its owner
	if _, err = sqlitelog.New(t.Context(), db, "new", cfg); lostTail(t, path, err).Head != 0 {
		t.Error(err)
	}
	if infos, err := sqlitelog.List(t.Context(), db); len(infos) != 2 || err != nil {
		t.Errorf("the file has %v, %v", infos, err)
	}
}

// What is left of the file and of its WAL is as it was, also if that is nothing.
func TestMinHeadLeavesNoTrace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log.db")
	must(t, os.WriteFile(filepath.Join(dir, "empty.db"), nil, 0o600))
	log := open(t, path, sqlitelog.Config[string]{File: sqlitelog.Options{ForeignCheckpoints: true}}) // keeps the WAL
	must(t, log.Notify(t.Context(), []string{"one"}))
	must(t, log.Notify(t.Context(), []string{"two"}))
	must(t, log.Close())
	wal, err := os.ReadFile(path + "-wal")
	must(t, err)
	wal[len(wal)-100] ^= 1 // in the last commit
	must(t, os.WriteFile(path+"-wal", wal, 0o600))
	for name, head := range map[string]int64{"log.db": 1, "empty.db": 0, "missing.db": 0} {
		path, before := filepath.Join(dir, name), dataFiles(t, dir)
		_, err := sqlitelog.Open(t.Context(), path, sqlitelog.Config[string]{MinHead: 2})
		if lost := lostTail(t, path, err); lost.Head != head {
			t.Errorf("%s: %+v", name, lost)
		}
		if after := dataFiles(t, dir); !maps.Equal(after, before) {
			t.Errorf("%s: the folder had %v, and has %v", name, slices.Collect(maps.Keys(before)), slices.Collect(maps.Keys(after)))
		}
	}
}

// dataFiles is all that is in a folder but shared memory and what is empty.
func dataFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	files := make(map[string]string)
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if must(t, err); !strings.HasSuffix(e.Name(), "-shm") && (len(data) > 0 || strings.HasSuffix(e.Name(), ".db")) {
			files[e.Name()] = string(data)
		}
	}
	return files
}
