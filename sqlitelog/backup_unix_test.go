//go:build unix

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
	"sync"
	"testing"
	"time"

	"github.com/edfsm/edfsm/internal/crashtest"
	"github.com/edfsm/edfsm/sqlitelog"
)

// Backups that are made while the logs of a file are appended to, and one of them
// is compacted, have of each log what was in it up to the end that they tell, and
// go on from there.
func TestBackupUnderLoad(t *testing.T) {
	dir := t.TempDir()
	db := openDB(t, filepath.Join(dir, "logs.db"), sqlitelog.Options{Durability: sqlitelog.Normal})
	keyed := newLog(t, db, "keyed", compactedOften)
	plain := newLog(t, db, "plain", sqlitelog.Config[string]{})
	must(t, plain.Notify(t.Context(), slices.Repeat([]string{strings.Repeat("x", 500)}, 5_000)))

	stop := make(chan struct{})
	begun := make(chan struct{}, 2)
	var wg sync.WaitGroup
	load := func(notify func(n int) error) {
		wg.Go(func() {
			for n := 1; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := notify(n); err != nil {
					t.Error(err)
					return
				}
				if n == 100 {
					begun <- struct{}{}
				}
			}
		})
	}
	load(func(n int) error { return keyed.Notify(context.Background(), batchOf(n)) })
	load(func(n int) error { return plain.Notify(context.Background(), []string{fmt.Sprint(n)}) })
	<-begun
	<-begun
	copies := make(map[string]sqlitelog.BackupInfo)
	for i := range 2 {
		path := filepath.Join(dir, fmt.Sprint("copy", i, ".db"))
		info, err := sqlitelog.Backup(t.Context(), db, path)
		must(t, err)
		copies[path] = info
	}
	close(stop)
	wg.Wait()
	for path, info := range copies {
		checkFile(t, path)
		copied := openDB(t, path, sqlitelog.Options{})
		checkKeyed(t, newLog(t, copied, "keyed", compactedOften), info.Heads["keyed"])
		got, err := collect(newLog(t, copied, "plain", sqlitelog.Config[string]{}).Entries(t.Context(), 0, 1<<62))
		must(t, err)
		want, err := collect(plain.Entries(t.Context(), 0, info.Heads["plain"]))
		must(t, err)
		if !slices.Equal(got, want) || len(want) < 5_100 || len(info.Heads) != 2 {
			t.Errorf("a copy that ends at %v has %d events, want %d", info.Heads, len(got), len(want))
		}
	}
}

var compactedOften = sqlitelog.Config[put]{Key: putKey, HighWater: 60, LowWater: 20}

// checkKeyed compares a log with the history that batchOf makes, and goes on
// with it.
func checkKeyed(t *testing.T, log *sqlitelog.Log[put], head int64) {
	t.Helper()
	state := fold(events(t, log))
	n := state["n"]
	if log.Head() != head || n < 100 || !maps.Equal(state, stateAfter(n)) {
		t.Errorf("a copy has its head at %d, want %d; after %d batches its state is %v", log.Head(), head, n, state)
	}
	must(t, log.Notify(t.Context(), batchOf(n+1)))
	if got := fold(events(t, log)); !maps.Equal(got, stateAfter(n+1)) {
		t.Errorf("after one batch more its state is %v", got)
	}
}

// Of two backups to one path at least one is told, and what is there is whole.
func TestBackupTwice(t *testing.T) {
	dir := t.TempDir()
	log := open(t, filepath.Join(dir, "log.db"), sqlitelog.Config[string]{})
	defer log.Close()
	must(t, log.Notify(t.Context(), slices.Repeat([]string{strings.Repeat("x", 1000)}, 5000)))
	path := filepath.Join(dir, "copy.db")
	var inner error
	ctx := stepping(t.Context(), func(n int) error {
		if n == 3 {
			_, inner = log.Backup(t.Context(), path)
		}
		return nil
	})
	if _, err := log.Backup(ctx, path); err == nil {
		t.Error("both were made")
	}
	if inner == nil {
		checkFile(t, path)
	}
	if got := names(t, dir); slices.Contains(got, "copy.db.incomplete") {
		t.Errorf("the folder has %q", got)
	}
}

// backUpForEver says a number before each slice of a backup, makes it, and then
// another.
func backUpForEver(db *sqlitelog.DB, path string) error {
	ctx := stepping(context.Background(), func(n int) error {
		fmt.Println(n)
		return nil
	})
	for {
		if _, err := sqlitelog.Backup(ctx, db, path+".copy"); err != nil {
			return err
		}
		if err := os.Remove(path + ".copy"); err != nil {
			return err
		}
	}
}

// Killed at any moment of a backup, a process leaves the file as it was, and a
// copy that is whole or has the name of one that is not.
func TestKillBackup(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log.db")
	log := open(t, path, sqlitelog.Config[put]{})
	all := slices.Repeat([]put{{Key: strings.Repeat("k", 4000)}}, 800)
	must(t, log.Notify(t.Context(), all))
	must(t, log.Close())
	incomplete := 0
	for i := range 4 {
		p := crashtest.Start(t, "backup", path, "main")
		p.Kill(t, 1+i*5, time.Duration(i)*time.Millisecond)
		if _, err := os.Stat(path + ".copy.incomplete"); err == nil {
			incomplete++
		}
		_, err := os.Stat(path + ".copy")
		if err == nil {
			checkFile(t, path+".copy")
			must(t, os.Remove(path+".copy"))
		} else if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	t.Logf("%d backups were left incomplete", incomplete)
	checkFile(t, path)
	log = open(t, path, sqlitelog.Config[put]{})
	defer log.Close()
	_, err := log.Backup(t.Context(), path+".copy")
	must(t, err)
	must(t, log.Close())
	if got, want := names(t, dir), []string{"log.db", "log.db.copy"}; !slices.Equal(got, want) {
		t.Errorf("the folder has %q", got)
	}
	copied := open(t, path+".copy", sqlitelog.Config[put]{})
	if got := events(t, copied); !slices.Equal(got, all) {
		t.Errorf("the copy has %d events", len(got))
	}
	must(t, copied.Close())
}
