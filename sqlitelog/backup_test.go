package sqlitelog_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"testing"

	"github.com/edfsm/edfsm/sqlitelog"
)

// asked is a context that is asked by a backup between two slices whether it has
// ended, and asks f, with how often that was.
type asked struct {
	context.Context
	n *int
	f func(n int) error
}

func (a asked) Err() error {
	*a.n++
	return a.f(*a.n)
}

func stepping(ctx context.Context, f func(n int) error) context.Context {
	return asked{ctx, new(int), f}
}

// A backup is not begun anew because of what is written meanwhile, and ends at
// the moment at which it began.
func TestBackupMoment(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log.db")
	log := open(t, path, sqlitelog.Config[put]{Key: putKey, HighWater: 1 << 30, LowWater: 10})
	defer log.Close()
	want := slices.Repeat([]put{{Value: 1}, {Key: strings.Repeat("k", 4000), Value: 2}}, 1500)
	must(t, log.Notify(t.Context(), want))
	steps := 0
	ctx := stepping(t.Context(), func(n int) error {
		steps = n
		if n == 3 {
			_, err := log.Compact(t.Context())
			must(t, err)
		}
		return log.Notify(t.Context(), []put{{Key: "late"}})
	})
	info, err := log.Backup(ctx, filepath.Join(dir, "copy.db"))
	must(t, err)
	if most := int(info.Bytes>>20) + 5; steps < 5 || steps > most {
		t.Errorf("%d bytes took %d slices, want at most %d", info.Bytes, steps, most)
	}
	copied := open(t, filepath.Join(dir, "copy.db"), sqlitelog.Config[put]{})
	defer copied.Close()
	if got := events(t, copied); !slices.Equal(got, want) || info.Heads["main"] != int64(len(want)) {
		t.Errorf("the copy has %d events and ends at %v, want %d", len(got), info.Heads, len(want))
	}
}

// Given up, or closed, in the middle, or with another file in its place, a backup
// ends and leaves nothing.
func TestBackupEnds(t *testing.T) {
	dir := t.TempDir()
	db, err := sqlitelog.OpenDB(t.Context(), filepath.Join(dir, "log.db"), sqlitelog.Options{})
	must(t, err)
	log := newLog(t, db, "main", sqlitelog.Config[string]{})
	must(t, log.Notify(t.Context(), slices.Repeat([]string{strings.Repeat("x", 1000)}, 5000)))
	giveUp := stepping(t.Context(), func(n int) error {
		if n > 3 {
			return context.Canceled
		}
		return nil
	})
	if _, err := log.Backup(giveUp, filepath.Join(dir, "copy.db")); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	taken := filepath.Join(dir, "taken.db")
	taking := stepping(t.Context(), func(n int) error {
		if n == 3 {
			must(t, os.WriteFile(taken, []byte("precious"), 0o600))
		}
		return nil
	})
	if _, err := log.Backup(taking, taken); !errors.Is(err, fs.ErrExist) {
		t.Errorf("with a file that has come since: %v", err)
	}
	if text, err := os.ReadFile(taken); string(text) != "precious" {
		t.Errorf("the file that has come since has %d bytes, %v", len(text), err)
	}
	must(t, os.Remove(taken))
	closed := make(chan error, 1)
	closing := stepping(t.Context(), func(n int) error {
		if n != 3 {
			return nil
		}
		go func() { closed <- db.Close() }()
		for {
			if _, err := sqlitelog.List(t.Context(), db); errors.Is(err, sqlitelog.ErrClosed) {
				return nil
			}
		}
	})
	if _, err := log.Backup(closing, filepath.Join(dir, "copy.db")); !errors.Is(err, sqlitelog.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	must(t, <-closed)
	if got := names(t, dir); !slices.Equal(got, []string{"log.db"}) {
		t.Errorf("the folder has %q", got)
	}
}

// A backup that is refused, or given up, leaves the folder as it was.
func TestBackupRefused(t *testing.T) {
	dir := t.TempDir()
	log := open(t, filepath.Join(dir, "log.db"), sqlitelog.Config[string]{})
	defer log.Close()
	must(t, log.Notify(t.Context(), []string{"one"}))
	there := filepath.Join(dir, "there.db")
	must(t, os.WriteFile(there, []byte("precious"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "stale.db-wal"), []byte("of another file"), 0o600))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	before := names(t, dir)
	for _, c := range []struct {
		ctx  context.Context
		path string
		want error
	}{
		{t.Context(), there, fs.ErrExist},
		{t.Context(), filepath.Join(dir, "log.db"), fs.ErrExist},
		{t.Context(), filepath.Join(dir, "missing", "copy.db"), fs.ErrNotExist},
		{t.Context(), filepath.Join(dir, "stale.db"), nil},
		{t.Context(), "", nil},
		{t.Context(), ":memory:", nil},
		{cancelled, filepath.Join(dir, "copy.db"), context.Canceled},
	} {
		info, err := log.Backup(c.ctx, c.path)
		pe, named := errors.AsType[*fs.PathError](err)
		if !named || pe.Path != c.path || c.want != nil && !errors.Is(err, c.want) || info.Heads != nil {
			t.Errorf("to %q: %+v, %v", c.path, info, err)
		}
	}
	if after := names(t, dir); !slices.Equal(before, after) {
		t.Errorf("the folder had %q, and has %q", before, after)
	}
	must(t, log.Close())
	if _, err := log.Backup(t.Context(), filepath.Join(dir, "late.db")); !errors.Is(err, sqlitelog.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// names returns what is in a folder.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// What a backup has left that was killed is replaced, and the new file is its
// owner's alone.
func TestBackupIncomplete(t *testing.T) {
	dir := t.TempDir()
	log := open(t, filepath.Join(dir, "log.db"), sqlitelog.Config[string]{})
	defer log.Close()
	must(t, log.Notify(t.Context(), []string{"one", "two"}))
	path := filepath.Join(dir, "copy.db")
	must(t, os.WriteFile(path+".incomplete", slices.Repeat([]byte("junk"), 100_000), 0o644))
	info, err := log.Backup(t.Context(), path)
	must(t, err)
	stat, err := os.Stat(path)
	must(t, err)
	if stat.Size() != info.Bytes || stat.Mode().Perm()&0o077 != 0 {
		t.Errorf("the file has %d bytes and mode %v, told were %d", stat.Size(), stat.Mode(), info.Bytes)
	}
	if _, err := os.Stat(path + ".incomplete"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the incomplete file: %v", err)
	}
}

// However a file is opened, it can be backed up.
func TestBackupOptions(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log.db")
	log := open(t, path, sqlitelog.Config[string]{})
	must(t, log.Notify(t.Context(), []string{"one", "two"}))
	must(t, log.Close())
	for i, opts := range []sqlitelog.Options{{}, {Exclusive: true}, {ReadOnly: true}} {
		db, err := sqlitelog.OpenDB(t.Context(), path, opts)
		must(t, err)
		copied := filepath.Join(dir, fmt.Sprint("copy %20#", i, ".db"))
		info, err := sqlitelog.Backup(t.Context(), db, copied)
		must(t, errors.Join(err, db.Close()))
		if got, want := info.Heads, map[string]int64{"main": 2}; !maps.Equal(got, want) {
			t.Errorf("%+v: the copy ends at %v", opts, got)
		}
		log := open(t, copied, sqlitelog.Config[string]{})
		if got := events(t, log); !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("%+v: the copy has %q", opts, got)
		}
		must(t, log.Close())
	}
	memory := openDB(t, ":memory:", sqlitelog.Options{})
	info, err := sqlitelog.Backup(t.Context(), memory, filepath.Join(dir, "empty.db"))
	if must(t, err); len(info.Heads) != 0 {
		t.Errorf("a file without logs: %+v", info)
	}
	must(t, newLog(t, memory, "main", sqlitelog.Config[string]{}).Notify(t.Context(), []string{"three"}))
	_, err = sqlitelog.Backup(t.Context(), memory, filepath.Join(dir, "memory.db"))
	must(t, err)
	log = open(t, filepath.Join(dir, "memory.db"), sqlitelog.Config[string]{})
	if got := events(t, log); !slices.Equal(got, []string{"three"}) {
		t.Errorf("the copy of what was in memory has %q", got)
	}
	must(t, log.Close())
}

// A file that is damaged has no backup.
func TestBackupDamaged(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log.db")
	log := open(t, path, sqlitelog.Config[string]{})
	must(t, log.Notify(t.Context(), slices.Repeat([]string{strings.Repeat("x", 1000)}, 100)))
	must(t, log.Close())
	shell(t, path,
		"CREATE INDEX wrong ON log(recorded_at)",
		"PRAGMA writable_schema = ON",
		"UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'skipped') WHERE name = 'wrong'")
	log = open(t, path, sqlitelog.Config[string]{})
	defer log.Close()
	copied := filepath.Join(dir, "copy.db")
	if _, err := log.Backup(t.Context(), copied); !errors.Is(err, sqlitelog.ErrDamaged) {
		t.Errorf("got %v", err)
	}
	if all := names(t, dir); slices.ContainsFunc(all, func(name string) bool { return strings.HasPrefix(name, "copy") }) {
		t.Errorf("the folder has %q", all)
	}
}

// What a killed backup has left may be opened, and is then no longer in the way.
func TestBackupOfIncomplete(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	log := open(t, path+".incomplete", sqlitelog.Config[int]{})
	defer log.Close()
	must(t, log.Notify(t.Context(), []int{1}))
	if _, err := log.Backup(t.Context(), path); err == nil {
		t.Error("a file was replaced by its own backup")
	}
	must(t, log.Notify(t.Context(), []int{2}))
	if _, err := os.Stat(path + ".incomplete"); err != nil {
		t.Error(err)
	}
}
