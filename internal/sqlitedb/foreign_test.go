package sqlitedb

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
)

// With foreign checkpoints nothing of ours copies the WAL back, however long it
// grows and whoever closes last, and nothing is lost.
func TestForeignCheckpoints(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	opts := Options{ForeignCheckpoints: true, Durability: Normal, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	const openings, updates = 2, 60
	for i := range openings {
		db, err := Open(t.Context(), path, opts)
		if err != nil {
			t.Fatal(err)
		}
		for range updates {
			err := Update(t.Context(), db, func(tx Tx) error {
				return tx.Exec("INSERT INTO item(value) VALUES(hex(zeroblob(250000)))") // 123 pages
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if got := items(t, db); len(got) != (i+1)*updates {
			t.Errorf("opened %d times, the file has %d items", i+1, len(got))
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
			t.Errorf("the file was written to: %d bytes, then %d, %v", len(before), len(after), err)
		}
	}
	if !strings.Contains(log.String(), "checkpoint late") {
		t.Errorf("nobody was told of %d pages: %s", openings*updates*123, log.String())
	}

	somebody, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	if wal, err := runCheckpoint(somebody); err != nil || wal.pages < openings*updates*123 || wal.copied != wal.pages {
		t.Errorf("somebody else's checkpoint: %+v, %v", wal, err)
	}
	if err := somebody.Close(); err != nil {
		t.Fatal(err)
	}
	if got := items(t, open(t, path)); len(got) != openings*updates {
		t.Errorf("in the end the file has %d items", len(got))
	}
}

// Nobody else has a file that is opened exclusively.
func TestForeignExclusive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	if _, err := Open(t.Context(), path, Options{ForeignCheckpoints: true, Exclusive: true}); err == nil {
		t.Error("opened exclusively with foreign checkpoints")
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file: %v", err)
	}
}

// Somebody who has a table of his own in the file and begins the WAL anew between
// our updates, as Litestream does, is no trouble.
func TestForeignCheckpointer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	var log bytes.Buffer
	db, err := Open(t.Context(), path, Options{ForeignCheckpoints: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := Ensure(t.Context(), db, testPart); err != nil {
		t.Fatal(err)
	}
	somebody, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"PRAGMA wal_autocheckpoint = 0",
		"CREATE TABLE _litestream_seq(id INTEGER PRIMARY KEY, seq INTEGER)",
	} {
		if err := exec(somebody, statement); err != nil {
			t.Fatal(err)
		}
	}
	for i := range int64(30) {
		if err := Update(t.Context(), db, insert(i)); err != nil {
			t.Fatal(err)
		}
		for _, statement := range []string{
			"INSERT INTO _litestream_seq VALUES(1, 1) ON CONFLICT(id) DO UPDATE SET seq = seq + 1",
			"PRAGMA wal_checkpoint(RESTART)",
		} {
			if err := exec(somebody, statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := somebody.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if got := items(t, open(t, path)); len(got) != 30 {
		t.Errorf("the file has %d items", len(got))
	}
	if log.Len() > 0 {
		t.Errorf("reported was %s", log.String())
	}
}
