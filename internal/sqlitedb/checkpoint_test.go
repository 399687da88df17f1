package sqlitedb

import (
	"errors"
	"testing"
)

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

// Nor does it when each group is run twice because a member fails.
func TestCheckpointApart(t *testing.T) {
	db := openTemp(t)
	big := func(tx Tx) error { return tx.Exec("INSERT INTO item(value) VALUES(hex(zeroblob(50000)))") } // 25 pages
	bad := func(Tx) error { return errors.New("bad member") }
	for range 4 * checkpointPages / 25 {
		if errs, _ := together(db, t.Context(), []func(Tx) error{big, bad}); errs[0] != nil {
			t.Fatal(errs[0])
		}
	}
	wal, err := walStatus(db.conn, "PRAGMA wal_checkpoint(NOOP)")
	if err != nil || wal.pages > 2*checkpointPages {
		t.Errorf("the WAL has %d pages, %v", wal.pages, err)
	}
}
