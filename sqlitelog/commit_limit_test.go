//go:build linux || darwin

package sqlitelog_test

import (
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/edfsm/edfsm/sqlitelog"
)

// limitFiles makes files of this process that grow beyond some bytes fail, as a
// full disk does.
func limitFiles(t *testing.T, bytes uint64) (lift func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	limit := before
	limit.Cur = bytes
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	return func() { must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before)) }
}

// When a commit fails nobody knows what is on the disk: its events may be there
// or not, whole, those before it are, and nothing comes after it until the file
// is opened again.
func TestCommitFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	db, err := sqlitelog.OpenDB(t.Context(), path, sqlitelog.Options{})
	must(t, err)
	a, b := newLog(t, db, "a", sqlitelog.Config[int]{}), newLog(t, db, "b", sqlitelog.Config[int]{})
	must(t, a.Notify(t.Context(), []int{1, 2}))
	info, err := os.Stat(path + "-wal")
	must(t, err)
	lift := limitFiles(t, uint64(info.Size())+100)
	failed := a.Notify(t.Context(), []int{3, 4})
	later := b.Notify(t.Context(), []int{5})
	lift()
	if !errors.Is(failed, sqlitelog.ErrUncertain) || errors.Is(failed, sqlitelog.ErrFailed) {
		t.Errorf("the commit failed with %v", failed)
	}
	if !errors.Is(later, sqlitelog.ErrFailed) || errors.Is(later, sqlitelog.ErrUncertain) {
		t.Errorf("the append after it: %v", later)
	}
	if err := a.Notify(t.Context(), []int{6}); !errors.Is(err, sqlitelog.ErrFailed) {
		t.Errorf("an append with room again: %v", err)
	}
	must(t, db.Close())
	again := openDB(t, path, sqlitelog.Options{})
	got := events(t, newLog(t, again, "a", sqlitelog.Config[int]{}))
	if !slices.Equal(got, []int{1, 2}) && !slices.Equal(got, []int{1, 2, 3, 4}) {
		t.Errorf("a has %v", got)
	}
	if got := events(t, newLog(t, again, "b", sqlitelog.Config[int]{})); len(got) != 0 {
		t.Errorf("b has %v", got)
	}
	checkFile(t, path)
}
