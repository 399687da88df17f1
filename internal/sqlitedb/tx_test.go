package sqlitedb

import (
	"context"
	"errors"
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

// The WAL does not grow without end, and what was in it is in the file.
func TestCheckpoint(t *testing.T) {
	db := openTemp(t)
	most := 0
	for i := range int64(3000) {
		err := Update(t.Context(), db, func(tx Tx) error {
			return tx.Exec("INSERT INTO item(n, value) VALUES(?, hex(zeroblob(2000)))", i)
		})
		if err != nil {
			t.Fatal(err)
		}
		wal, err := walStatus(db.conn, "PRAGMA wal_checkpoint(NOOP)")
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, wal.pages)
	}
	if most < checkpointPages || most > 2*checkpointPages {
		t.Errorf("the WAL had up to %d pages", most)
	}
	if got := items(t, db); len(got) != 3000 {
		t.Errorf("stored %d", len(got))
	}
}
