//go:build unix

package sqlitedb

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A reader keeps the WAL from being copied back when a file is found moved. Half
// a WAL would leave the file damaged, so Close copies the rest.
func TestMovedBesideReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db := open(t, path)
	var accepted []int64
	store := func() error {
		n := int64(len(accepted))
		err := Update(t.Context(), db, insert(n))
		if err == nil {
			accepted = append(accepted, n)
		}
		return err
	}
	err := View(t.Context(), db, func(rx Rx) error {
		if _, _, err := rx.Int("SELECT count(*) FROM item"); err != nil {
			return err
		}
		if err := os.Rename(path, path+".moved"); err != nil {
			return err
		}
		var refused error
		for refused == nil && len(accepted) < 2*checkpointEvery {
			refused = store()
		}
		if !errors.Is(refused, ErrMoved) || !errors.Is(refused, errHeldUp) {
			t.Errorf("got %v", refused)
		}
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if got := items(t, open(t, path+".moved")); !slices.Equal(got, accepted) {
		t.Errorf("the file has %v, accepted were %v", got, accepted)
	}
	if wal, err := os.Stat(path + walSuffix); err == nil && wal.Size() > 0 {
		t.Errorf("who gets the name gets a WAL of %d bytes too", wal.Size())
	}
}
