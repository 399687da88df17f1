package sqlitedb

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"zombiezen.com/go/sqlite"
)

func TestPragmas(t *testing.T) {
	for durability, synchronous := range map[Durability]int64{Full: 2, Normal: 1} {
		db, err := Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), Options{Durability: durability})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for pragma, want := range map[string]int64{
			"PRAGMA synchronous":          synchronous,
			"PRAGMA fullfsync":            1,
			"PRAGMA checkpoint_fullfsync": 1,
			"PRAGMA auto_vacuum":          2,
			"PRAGMA wal_autocheckpoint":   0,
			"PRAGMA journal_size_limit":   2 * checkpointPages * 4096,
		} {
			if got, _, err := (Rx{db.conn}).Int(pragma); got != want || err != nil {
				t.Errorf("durability %d: %s is %d, %v, want %d", durability, pragma, got, err, want)
			}
		}
	}
}

// GOMEMLIMIT does not see the memory of SQLite, so each connection has its bounds.
func TestConnectionsAreBounded(t *testing.T) {
	db := openTemp(t)
	bounded := func(conn *sqlite.Conn) {
		if kib, _, err := (Rx{conn}).Int("PRAGMA cache_size"); kib != -2000 || err != nil {
			t.Errorf("the cache has %d, %v", kib, err)
		}
		if n := conn.Limit(sqlite.LimitLength, -1); n != 257<<20 {
			t.Errorf("a row may have %d bytes", n)
		}
	}
	bounded(db.conn)
	connections := 1
	var each func(Rx) error
	each = func(rx Rx) error {
		bounded(rx.conn)
		if connections++; connections > readerCount {
			return nil
		}
		return View(t.Context(), db, each)
	}
	if err := View(t.Context(), db, each); err != nil || connections != 5 {
		t.Errorf("%d connections, %v", connections, err)
	}
	if err := Update(t.Context(), db, func(tx Tx) error {
		return tx.Exec("INSERT INTO item(value) VALUES(zeroblob(?))", int64(257<<20)+1)
	}); sqlite.ErrCode(err) != sqlite.ResultTooBig {
		t.Errorf("a row that is too large: %v", err)
	}
}

// A connection that has read nothing yet would take a WAL that has got the name
// for the one that the others have.
func TestFirstReadOfMovedWAL(t *testing.T) {
	db := openTemp(t)
	err := View(t.Context(), db, func(Rx) error { // in use, so that the next is another
		if err := os.Remove(Path(db) + walSuffix); err != nil {
			t.Skip(err) // as on Windows
		}
		return View(t.Context(), db, func(Rx) error {
			return View(t.Context(), db, func(Rx) error { return nil })
		})
	})
	if !errors.Is(err, ErrMoved) {
		t.Errorf("got %v", err)
	}
}

// Without its file a WAL is neither applied nor deleted, as SQLite would.
func TestWALWithoutItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := Open(t.Context(), path, Options{ForeignCheckpoints: true}) // keeps the WAL
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(Ensure(t.Context(), db, testPart), Update(t.Context(), db, insert(1)), db.Close()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for what, lose := range map[string]func() error{
		"gone":  func() error { return os.Remove(path) },
		"empty": func() error { return os.WriteFile(path, nil, 0o600) },
	} {
		if err := lose(); err != nil {
			t.Fatal(err)
		}
		for _, opts := range []Options{{}, {ReadOnly: true}, {Exclusive: true}} {
			if _, err := Open(t.Context(), path, opts); !errors.Is(err, ErrUnclean) {
				t.Errorf("%s, %+v: %v", what, opts, err)
			}
		}
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Log(err) // as on Windows
	} else if _, err := Open(t.Context(), link, Options{}); !errors.Is(err, ErrUnclean) {
		t.Errorf("by a link: %v", err)
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := items(t, open(t, path)); len(got) != 1 {
		t.Errorf("with its file again there are %v", got)
	}
}

// A file that is opened for reading only is not given the tables it lacks.
func TestEnsureReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	open(t, path)
	db, err := Open(t.Context(), path, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := Ensure(t.Context(), db, testPart); err != nil {
		t.Error(err)
	}
	if err := Ensure(t.Context(), db, Part{Name: "other", Version: 1}); !errors.Is(err, ErrNoPart) {
		t.Errorf("without the tables: %v", err)
	}
}

// The power failed when SQLite wrote the first page: it is torn, and the journal
// beside it says that there was nothing before.
func TestOpenTorn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	open(t, path)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	torn := filepath.Join(t.TempDir(), "torn.db")
	page := append(make([]byte, 512), whole[512:4096]...)
	if err := os.WriteFile(torn, page, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), torn, Options{}); !errors.Is(err, ErrNotDatabase) {
		t.Errorf("without a journal: %v", err)
	}
	// The header of a journal of no pages: its magic, the count, a nonce, the size
	// of the file before, and the sizes of a sector and a page.
	journal := make([]byte, 512)
	copy(journal, "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"+"\x00\x00\x00\x00"+"\x00\x00\x00\x01"+"\x00\x00\x00\x00"+"\x00\x00\x02\x00"+"\x00\x00\x10\x00")
	if err := os.WriteFile(torn+"-journal", journal, 0o600); err != nil {
		t.Fatal(err)
	}
	db := open(t, torn)
	if err := Update(t.Context(), db, insert(1)); err != nil {
		t.Error(err)
	}
}
