package sqlitelog_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edfsm/edfsm/sqlitelog"
)

// Each file that cannot be opened as a log gives an error that names it and
// says why, and is left as it was.
func TestOpenRefuses(t *testing.T) {
	closed := func(t *testing.T, path string) {
		log := open(t, path, sqlitelog.Config[string]{})
		must(t, log.Notify(t.Context(), []string{"kept"}))
		must(t, log.Close())
	}
	for _, c := range []struct {
		name string
		make func(t *testing.T, path string)
		want error // nil: any
		says string
	}{
		{"directory", func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o700)) }, sqlitelog.ErrNotDatabase, "directory"},
		{"text file", func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte(strings.Repeat("no database\n", 1000)), 0o600))
		}, sqlitelog.ErrNotDatabase, "not an SQLite database"},
		{"short file", func(t *testing.T, path string) { must(t, os.WriteFile(path, []byte("x"), 0o600)) }, sqlitelog.ErrNotDatabase, ""},
		{"another application", func(t *testing.T, path string) {
			shell(t, path, "PRAGMA application_id = 12345", "CREATE TABLE t(x)")
		}, sqlitelog.ErrForeign, "0x3039"},
		{"another application without an id", func(t *testing.T, path string) { shell(t, path, "CREATE TABLE log(x)") }, sqlitelog.ErrForeign, ""},
		{"another application in WAL mode", func(t *testing.T, path string) {
			shell(t, path, "PRAGMA journal_mode = WAL", "PRAGMA application_id = 12345", "CREATE TABLE t(x)")
		}, sqlitelog.ErrForeign, "0x3039"},
		{"newer schema", func(t *testing.T, path string) {
			closed(t, path)
			shell(t, path, "UPDATE edfsm_schema SET version = 99")
		}, sqlitelog.ErrSchema, "99"},
		{"another codec", func(t *testing.T, path string) {
			log := open(t, path, sqlitelog.Config[[]byte]{Codec: bytesCodec{}})
			must(t, log.Close())
		}, sqlitelog.ErrCodec, `"bytes"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "it.db")
			c.make(t, path)
			before := contents(t, filepath.Dir(path))
			log, err := sqlitelog.Open(t.Context(), path, sqlitelog.Config[string]{})
			if err == nil {
				log.Close()
				t.Fatal("opened")
			}
			pe, ok := errors.AsType[*fs.PathError](err)
			if !ok || pe.Path != path || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
			if after := contents(t, filepath.Dir(path)); after != before {
				t.Errorf("the folder changed from\n%s\nto\n%s", before, after)
			}
		})
	}
}

func TestOpenBadPath(t *testing.T) {
	for _, path := range []string{"", "a\x00b", filepath.Join(t.TempDir(), "no", "such", "folder.db")} {
		_, err := sqlitelog.Open(t.Context(), path, sqlitelog.Config[string]{})
		if pe, ok := errors.AsType[*fs.PathError](err); !ok || pe.Path != path {
			t.Errorf("%q: %v", path, err)
		}
	}
}

// A path is a file name, whatever SQLite could read into it.
func TestOpenPlainName(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, path := range []string{"a?mode=memory.db", "file:b.db", "c#d%41 ü.db"} {
		log := open(t, path, sqlitelog.Config[string]{})
		must(t, log.Notify(t.Context(), []string{path}))
		must(t, log.Close())
		info, err := os.Stat(path)
		must(t, err)
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
	}
}

func TestOpenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "log.db")
	if _, err := sqlitelog.Open(ctx, path, sqlitelog.Config[string]{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file was made: %v", err)
	}
}

// contents is the names, modes and checksums of the files in a folder.
func contents(t *testing.T, dir string) string {
	t.Helper()
	var b bytes.Buffer
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b.WriteString(info.Name() + " " + info.Mode().String() + "\n")
		if d.IsDir() {
			return nil
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%d bytes, SHA-256 %x\n", len(data), sha256.Sum256(data))
		return err
	}))
	return b.String()
}
