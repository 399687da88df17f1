package sqlitedb

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"zombiezen.com/go/sqlite"
)

func TestViewCannotWrite(t *testing.T) {
	db := openTemp(t)
	err := View(t.Context(), db, func(rx Rx) error { return exec(rx.conn, "INSERT INTO item(n) VALUES(1)") })
	if sqlite.ErrCode(err).ToPrimary() != sqlite.ResultReadOnly {
		t.Errorf("a reader's insert: %v", err)
	}
}

// A view sees one moment, whatever is committed meanwhile.
func TestViewIsOneMoment(t *testing.T) {
	db := openTemp(t)
	count := func(rx Rx) int64 {
		n, _, err := rx.Int("SELECT count(*) FROM item")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	err := View(t.Context(), db, func(rx Rx) error {
		if n := count(rx); n != 0 {
			t.Errorf("%d items at first", n)
		}
		if err := Update(t.Context(), db, insert(1)); err != nil {
			return err
		}
		if n := count(rx); n != 0 {
			t.Errorf("%d items after a commit beside the view", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := items(t, db); len(got) != 1 {
		t.Errorf("stored %v", got)
	}
}

// A cancelled view ends in the middle of a statement, with the context's error,
// and its connection can be used again.
func TestViewCancelled(t *testing.T) {
	db := openTemp(t)
	for range 2 * readerCount {
		ctx, cancel := context.WithCancel(t.Context())
		err := View(ctx, db, func(rx Rx) error {
			cancel()
			_, _, err := rx.Int("WITH RECURSIVE endless(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM endless) SELECT count(*) FROM endless")
			return err
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("a cancelled view: %v", err)
		}
		items(t, db)
	}
}

func TestViewKeepsError(t *testing.T) {
	db := openTemp(t)
	mine := errors.New("mine")
	if err := View(t.Context(), db, func(Rx) error { return mine }); !errors.Is(err, mine) {
		t.Errorf("got %v", err)
	}
}

// A statement that fails on its way has not come to its end.
func TestEachKeepsError(t *testing.T) {
	db := openTemp(t)
	n := 0
	err := View(t.Context(), db, func(rx Rx) error {
		return rx.Each("SELECT 1 UNION ALL SELECT abs(-9223372036854775807 - 1)", func(*sqlite.Stmt) error {
			n++
			return nil
		})
	})
	if n != 1 || sqlite.ErrCode(err) != sqlite.ResultError {
		t.Errorf("after %d rows: %v", n, err)
	}
}

// ":memory:" is one database for all connections of a handle, and another for
// each handle.
func TestMemory(t *testing.T) {
	a, b := open(t, ":memory:"), open(t, ":memory:")
	if err := Update(t.Context(), a, insert(1)); err != nil {
		t.Fatal(err)
	}
	if got := items(t, a); len(got) != 1 {
		t.Errorf("stored %v", got)
	}
	if got := items(t, b); len(got) != 0 {
		t.Errorf("the other handle has %v", got)
	}
}

// A reader that panics gives its connection back fit for the next one.
func TestViewPanics(t *testing.T) {
	db := openTemp(t)
	for range 2 * readerCount {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was lost")
				}
			}()
			View(t.Context(), db, func(rx Rx) error {
				if _, _, err := rx.Int("SELECT count(*) FROM item"); err != nil {
					t.Error(err)
				}
				panic("in a view")
			})
		}()
	}
	if err := Update(t.Context(), db, insert(1)); err != nil {
		t.Fatal(err)
	}
	if got := items(t, db); len(got) != 1 {
		t.Errorf("stored %v", got)
	}
}

// Close ends a reader, also one that has the only connection.
func TestCloseInterrupts(t *testing.T) {
	for name, opts := range map[string]Options{"shared": {}, "exclusive": {Exclusive: true}} {
		t.Run(name, func(t *testing.T) {
			db, err := Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), opts)
			if err != nil {
				t.Fatal(err)
			}
			reading, ended := make(chan struct{}), make(chan error, 1)
			go func() {
				ended <- View(t.Context(), db, func(rx Rx) error {
					close(reading)
					_, _, err := rx.Int("WITH RECURSIVE endless(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM endless) SELECT count(*) FROM endless")
					return err
				})
			}()
			<-reading
			if err := db.Close(); err != nil {
				t.Error(err)
			}
			if err := <-ended; !errors.Is(err, ErrClosed) {
				t.Errorf("the reader ended with %v", err)
			}
		})
	}
}
