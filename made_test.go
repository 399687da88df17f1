package edfsm_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/edfsm/edfsm/sqlitelog"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// What follows makes files to be opened, good and bad ones.

func folder(t *testing.T, path string) { must(t, os.Mkdir(path, 0o700)) }

func bytesOf(data string) func(t *testing.T, path string) {
	return func(t *testing.T, path string) { must(t, os.WriteFile(path, []byte(data), 0o600)) }
}

func link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name); err != nil {
		t.Skip(err) // as on Windows
	}
}

// database makes one as any application would.
func database(statements ...string) func(t *testing.T, path string) {
	return func(t *testing.T, path string) { shell(t, path, statements...) }
}

// killed is [database] with a WAL that the application has left.
func killed(statements ...string) func(t *testing.T, path string) {
	return func(t *testing.T, path string) {
		there := filepath.Join(t.TempDir(), "there.db")
		conn, err := sqlite.OpenConn(there, sqlite.OpenReadWrite, sqlite.OpenCreate)
		must(t, err)
		defer conn.Close()
		for _, s := range slices.Concat(statements, []string{"PRAGMA journal_mode = WAL", "CREATE TABLE newer(x)"}) {
			must(t, sqlitex.ExecuteTransient(conn, s, nil))
		}
		for _, suffix := range []string{"", "-wal"} {
			data, err := os.ReadFile(there + suffix)
			must(t, errors.Join(err, os.WriteFile(path+suffix, data, 0o600)))
		}
	}
}

// ours makes a file with a log and a history, both of two texts, and changes it.
func ours(statements ...string) func(t *testing.T, path string) {
	return func(t *testing.T, path string) {
		for _, keep := range keepers {
			k, err := keep(path, sqlitelog.Options{})
			must(t, err)
			must(t, errors.Join(k.store(t.Context(), "one"), k.store(t.Context(), "two"), k.close()))
		}
		shell(t, path, statements...)
	}
}

// cut makes the beginning of one of ours.
func cut(bytes int64) func(t *testing.T, path string) {
	return func(t *testing.T, path string) {
		ours()(t, path)
		must(t, os.Truncate(path, bytes))
	}
}

// overwritten makes one of ours, of which a part is nonsense.
func overwritten(from, to int) func(t *testing.T, path string) {
	return func(t *testing.T, path string) {
		ours()(t, path)
		data, err := os.ReadFile(path)
		must(t, err)
		copy(data[from:to], strings.Repeat("\xff", to-from))
		must(t, os.WriteFile(path, data, 0o600))
	}
}

// wal makes one of ours with a WAL, and does something to the file.
func wal(do func(path string) error) func(t *testing.T, path string) {
	return func(t *testing.T, path string) {
		k, err := keepLog(path, sqlitelog.Options{ForeignCheckpoints: true})
		must(t, err)
		must(t, errors.Join(k.store(t.Context(), "one"), k.close(), do(path)))
	}
}

// shell runs statements as somebody with the sqlite3 shell would.
func shell(t *testing.T, path string, statements ...string) {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenCreate)
	must(t, err)
	for _, s := range statements {
		must(t, sqlitex.ExecuteTransient(conn, s, nil))
	}
	must(t, conn.Close())
}
