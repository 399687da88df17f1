package sqlitedb

import (
	"errors"
	"os"
	"testing"
)

// The file gets shorter while it is open, unless somebody reads or the WAL is left
// to others; then a later checkpoint makes it so, here that of Close.
func TestShrink(t *testing.T) {
	for _, c := range []struct {
		name  string
		opts  Options
		reads bool
		now   bool
	}{
		{"alone", Options{}, false, true},
		{"exclusively", Options{Exclusive: true}, false, true},
		{"beside a reader", Options{}, true, false},
		{"beside somebody who runs checkpoints", Options{ForeignCheckpoints: true}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := t.TempDir() + "/test.db"
			db := openWith(t, path, c.opts)
			full := filled(t, db)
			shrink := func() {
				must(t, Shrink(t.Context(), db, 0))
				if size := sizeOf(t, path); (size < full/10) != c.now {
					t.Errorf("the file had %d bytes, and has %d", full, size)
				}
			}
			if c.reads {
				must(t, View(t.Context(), db, func(rx Rx) error {
					_, _, err := rx.Int("SELECT count(*) FROM item")
					shrink()
					return err
				}))
			} else {
				shrink()
			}
			must(t, db.Close())
			if c.opts.ForeignCheckpoints {
				must(t, openWith(t, path, Options{}).Close())
			}
			if size := sizeOf(t, path); size >= full/10 {
				t.Errorf("the file had %d bytes, and has %d at last", full, size)
			}
		})
	}
}

// filled fills a file and deletes all that, and returns how large it is.
func filled(t *testing.T, db *DB) (size int64) {
	must(t, Update(t.Context(), db, func(tx Tx) error {
		return tx.Exec("INSERT INTO item(value) VALUES(hex(zeroblob(500000)))")
	}))
	_, err := runCheckpoint(db.conn)
	must(t, errors.Join(err, Update(t.Context(), db, func(tx Tx) error { return tx.Exec("DELETE FROM item") })))
	return sizeOf(t, Path(db))
}

func sizeOf(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	return info.Size()
}
