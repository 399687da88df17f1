package sqlitedb

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"zombiezen.com/go/sqlite"
)

// A file is read without a trace, unless part of it is still elsewhere.
func TestViewUntouched(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a?b%20.db")
	count := func(path string) (n int64, err error) {
		err = ViewUntouched(t.Context(), path, func(rx Rx) error {
			n, _, err = rx.Int("SELECT count(*) FROM item")
			return err
		})
		return n, err
	}
	db := open(t, path)
	if err := Update(t.Context(), db, insert(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := count(path); !errors.Is(err, ErrUnclean) {
		t.Errorf("an open file: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := count(path); err != nil || n != 1 {
		t.Errorf("counted %d, %v", n, err)
	}
	if err := os.WriteFile(path+"-journal", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := count(path); !errors.Is(err, ErrUnclean) {
		t.Errorf("a file with a journal: %v", err)
	}
	if err := os.Remove(path + "-journal"); err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("beside the file: %v, %v", files, err)
	}
	_, err := count(filepath.Join(dir, "missing"))
	if _, named := errors.AsType[*fs.PathError](err); !named || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = ViewUntouched(ctx, path, func(rx Rx) error {
		cancel()
		_, _, err := rx.Int("WITH RECURSIVE endless(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM endless) SELECT count(*) FROM endless")
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// What belongs to a file lies beside it, not beside a link to it.
func TestViewUntouchedThroughALink(t *testing.T) {
	path, link := filepath.Join(t.TempDir(), "real.db"), filepath.Join(t.TempDir(), "link.db")
	db := open(t, path)
	if err := os.Symlink(path, link); err != nil {
		t.Skip(err)
	}
	if err := Update(t.Context(), db, insert(1)); err != nil {
		t.Fatal(err)
	}
	look := func() error { return ViewUntouched(t.Context(), link, func(Rx) error { return nil }) }
	if err := look(); !errors.Is(err, ErrUnclean) {
		t.Errorf("an open file: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := look(); err != nil {
		t.Errorf("a closed file: %v", err)
	}
}

// A journal that was done with may stay.
func TestJournalThatStays(t *testing.T) {
	for _, mode := range []string{"PERSIST", "TRUNCATE"} {
		path := filepath.Join(t.TempDir(), "it.db")
		conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenCreate)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{"PRAGMA journal_mode = " + mode, "CREATE TABLE item(n)", "INSERT INTO item VALUES(1)"} {
			if err := exec(conn, s); err != nil {
				t.Fatal(err)
			}
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path + "-journal"); err != nil {
			t.Fatal(err)
		}
		if err := ViewUntouched(t.Context(), path, func(Rx) error { return nil }); err != nil {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

func TestImmutableURI(t *testing.T) {
	for path, want := range map[string]string{
		"/home/a?b%.db":      "file:/home/a%3Fb%25.db?immutable=1",
		"C:/data/a.db":       "file:/C:/data/a.db?immutable=1",
		"//server/share/a.b": "file:////server/share/a.b?immutable=1",
		"//?/C:/data/a.db":   "file:////%3F/C:/data/a.db?immutable=1",
	} {
		if got := immutableURI(path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}
