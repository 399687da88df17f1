//go:build unix

package faultfs_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/edfsm/edfsm/internal/faultfs"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func watch(t *testing.T) (f *faultfs.FS, path string) {
	t.Helper()
	dir := t.TempDir()
	f, err := faultfs.New(dir)
	must(t, err)
	t.Cleanup(f.Close)
	return f, filepath.Join(dir, "test.db")
}

// run runs statements on a file until one fails.
func run(path string, statements ...string) (err error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	for _, s := range statements {
		if err := sqlitex.ExecuteTransient(conn, s, nil); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// work makes a table and fills it, with checkpoints in between.
func work(synchronous string) []string {
	statements := []string{"PRAGMA journal_mode = WAL", "PRAGMA synchronous = " + synchronous, "CREATE TABLE t(a)", "CREATE INDEX i ON t(a)"}
	for n := range 20 {
		statements = append(statements, fmt.Sprintf("INSERT INTO t SELECT (%d + value) %% 100 || hex(zeroblob(500)) FROM json_each('[17, 34, 51, 68, 85]')", 31*n))
		if n%8 == 7 {
			statements = append(statements, "PRAGMA wal_checkpoint(TRUNCATE)")
		}
	}
	return statements
}

// sound reports whether there is a whole database in the image.
func sound(t *testing.T, image map[string][]byte) bool {
	t.Helper()
	dir := t.TempDir()
	for name, data := range image {
		must(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	conn, err := sqlite.OpenConn(filepath.Join(dir, "test.db"), sqlite.OpenReadWrite, sqlite.OpenCreate)
	must(t, err)
	defer conn.Close()
	stmt, err := conn.Prepare("PRAGMA integrity_check(1)")
	if err != nil {
		return false
	}
	answer, err := sqlitex.ResultText(stmt)
	return err == nil && answer == "ok"
}

// Power cuts leave a database that is synced whole, and one that is not broken:
// that is what the images are to show.
func TestImage(t *testing.T) {
	for synchronous, want := range map[string]bool{"FULL": true, "NORMAL": true, "OFF": false} {
		f, path := watch(t)
		must(t, run(path, work(synchronous)...))
		all := true
		for n := range f.Ops() {
			if n%5 != 0 {
				continue
			}
			for seed := range faultfs.Drawn + 2 {
				if !sound(t, f.Image(n, seed)) {
					if want {
						t.Errorf("synchronous = %s, before operation %d, %v, seed %d: broken", synchronous, n, f.Ops()[n], seed)
					}
					all = false
				}
			}
		}
		if all != want {
			t.Errorf("synchronous = %s: all whole is %v after %d operations, want %v", synchronous, all, len(f.Ops()), want)
		}
	}
}

// Nothing lost is what is in the files.
func TestImageIsFile(t *testing.T) {
	f, path := watch(t)
	must(t, run(path, work("FULL")...))
	data, err := os.ReadFile(path)
	must(t, err)
	image := f.Image(len(f.Ops()), faultfs.KeepAll)
	if len(image) != 1 || string(image["test.db"]) != string(data) {
		t.Errorf("the image has %d files, and %d bytes of %d", len(image), len(image["test.db"]), len(data))
	}
}

// Two runs with a seed do the same.
func TestSeed(t *testing.T) {
	var first []faultfs.Op
	for range 2 {
		f, path := watch(t)
		must(t, faultfs.Seed(7))
		must(t, run(path, work("FULL")...))
		if first == nil {
			first = f.Ops()
		} else if !reflect.DeepEqual(first, f.Ops()) {
			t.Errorf("%d and %d operations, which differ", len(first), len(f.Ops()))
		}
	}
	must(t, faultfs.Seed(0))
}

func TestInject(t *testing.T) {
	for fault, want := range map[faultfs.Fault][]sqlite.ResultCode{
		faultfs.Fail:  {sqlite.ResultIOErr, sqlite.ResultCantOpen},
		faultfs.Full:  {sqlite.ResultFull, sqlite.ResultIOErr},
		faultfs.Short: {sqlite.ResultFull},
	} {
		count, path := watch(t)
		count.Inject(faultfs.Plan{Fault: fault, At: math.MaxInt})
		must(t, run(path, work("FULL")...))
		for at := 1; at <= count.Seen(); at += 9 {
			f, path := watch(t)
			f.Inject(faultfs.Plan{Fault: fault, At: at, Always: true})
			err := run(path, work("FULL")...)
			struck := f.Heal()
			if len(struck) == 0 {
				t.Errorf("%v at %d has not struck", fault, at)
			}
			if err == nil {
				continue // SQLite could do without
			}
			if code := sqlite.ErrCode(err).ToPrimary(); code != want[0] && code != want[len(want)-1] {
				t.Errorf("%v at %d, %v: %v", fault, at, struck[0], err)
			}
		}
	}
}

// What lies elsewhere is passed by.
func TestElsewhere(t *testing.T) {
	f, _ := watch(t)
	f.Inject(faultfs.Plan{At: 1, Always: true})
	must(t, run(filepath.Join(t.TempDir(), "other.db"), work("FULL")...))
	must(t, run(":memory:", "CREATE TABLE t(a)"))
	if struck := f.Heal(); len(struck) > 0 || len(f.Ops()) > 0 {
		t.Errorf("%v has met a fault", struck)
	}
}
