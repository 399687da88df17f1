package sqlitedb

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"zombiezen.com/go/sqlite"
)

// lock takes the write lock of a file as another process would, and returns
// what gives it back.
func lock(t testing.TB, path string) (unlock func()) {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	if err := exec(conn, "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	return sync.OnceFunc(func() {
		if err := errors.Join(exec(conn, "ROLLBACK"), conn.Close()); err != nil {
			t.Error(err)
		}
	})
}

func TestBusyTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openTemp(t)
		unlock := lock(t, Path(db))
		defer unlock()
		if err := Update(t.Context(), db, insert(1)); !errors.Is(err, ErrBusy) {
			t.Fatalf("beside a process that keeps the lock: %v", err)
		}
		unlock()
		if err := Update(t.Context(), db, insert(2)); err != nil {
			t.Error(err)
		}
		if got, want := items(t, db), []int64{2}; !slices.Equal(got, want) {
			t.Errorf("stored %v, want %v", got, want)
		}
	})
}

// Whoever waits for another process may leave, and the next in the group goes
// on waiting in his place.
func TestBusyLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openTemp(t)
		unlock := lock(t, Path(db))
		defer unlock()
		ctx, cancel := context.WithCancel(t.Context())
		begun := db.tx
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := Update(ctx, db, insert(1)); !errors.Is(err, context.Canceled) {
				t.Errorf("left with %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if err := Update(t.Context(), db, insert(2)); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		unlock()
		wg.Wait()
		if db.tx-begun != 2 {
			t.Errorf("%d transactions were tried, want one each", db.tx-begun)
		}
		if got, want := items(t, db), []int64{2}; !slices.Equal(got, want) {
			t.Errorf("stored %v, want %v", got, want)
		}
	})
}

// Each caller waits for its own time, whoever leads the group.
func TestBusyPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openTemp(t)
		unlock := lock(t, Path(db))
		defer unlock()
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := Update(t.Context(), db, insert(1)); !errors.Is(err, ErrBusy) {
				t.Errorf("the first: %v", err)
			}
		})
		time.Sleep(busyTimeout / 2)
		wg.Go(func() {
			if err := Update(t.Context(), db, insert(2)); err != nil {
				t.Errorf("the second: %v", err)
			}
		})
		time.Sleep(busyTimeout * 3 / 4)
		unlock()
		wg.Wait()
	})
}

func TestOpenBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := exec(conn, "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), busyTimeout/2)
		defer cancel()
		if _, err := Open(ctx, path, Options{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a context that ends first: %v", err)
		}
		if _, err := Open(t.Context(), path, Options{}); !errors.Is(err, ErrBusy) {
			t.Errorf("beside a process that keeps the lock: %v", err)
		}
	})
	if err := exec(conn, "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

// First openings at the same time make one file.
func TestOpenTogether(t *testing.T) {
	for range 10 {
		path := filepath.Join(t.TempDir(), "test.db")
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				db, err := Open(t.Context(), path, Options{})
				if err != nil {
					t.Error(err)
					return
				}
				err = errors.Join(Ensure(t.Context(), db, testPart), Update(t.Context(), db, insert(int64(i))), db.Close())
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := items(t, open(t, path)); len(got) != 6 {
			t.Errorf("stored %v", got)
		}
	}
}
