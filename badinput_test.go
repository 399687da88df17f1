package edfsm_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/history"
	"github.com/edfsm/edfsm/sqlitelog"
)

// badFile is something that cannot be opened.
type badFile struct {
	what string
	name string                          // as it is opened, in the test's folder; "": "it.db"
	make func(t *testing.T, path string) // nil: there is nothing
	open func(path string) error         // nil: as a log, and as a history
	want error                           // what errors.Is finds, besides an *fs.PathError
	says string                          // what else the error says
}

// badFiles is the specification: what is refused, and how. All of it is left as
// it was.
var badFiles = []badFile{
	{what: "a folder", make: folder, want: sqlitelog.ErrNotDatabase, says: "directory"},
	{what: "one byte", make: bytesOf("x"), want: sqlitelog.ErrNotDatabase, says: "1 bytes"},
	{what: "511 bytes", make: bytesOf(strings.Repeat("x", 511)), want: sqlitelog.ErrNotDatabase, says: "511 bytes"},
	{what: "511 bytes of a log", make: cut(511), want: sqlitelog.ErrNotDatabase, says: "511 bytes"},
	{what: "text", make: bytesOf(strings.Repeat("no database\n", 1000)), want: sqlitelog.ErrNotDatabase},
	{what: "zeros", make: bytesOf(strings.Repeat("\x00", 8192)), want: sqlitelog.ErrNotDatabase},
	{what: "the first half page of a log", make: cut(2048), want: sqlitelog.ErrDamaged},
	{what: "the first page of a log", make: cut(4096), want: sqlitelog.ErrDamaged},
	{what: "a log whose schema is overwritten", make: overwritten(100, 4096), want: sqlitelog.ErrDamaged},
	{what: "the database of another application", make: database("PRAGMA application_id = 12345", "CREATE TABLE t(x)"),
		want: sqlitelog.ErrForeign, says: "0x3039"},
	{what: "that of another application in WAL mode", make: database("PRAGMA journal_mode = WAL", "PRAGMA application_id = 12345", "CREATE TABLE t(x)"),
		want: sqlitelog.ErrForeign, says: "0x3039"},
	{what: "that of another application, which was killed", make: killed("PRAGMA application_id = 12345", "CREATE TABLE t(x)"),
		want: sqlitelog.ErrForeign, says: "0x3039"},
	{what: "a database without an id", make: database("CREATE TABLE log(x)"), want: sqlitelog.ErrForeign},
	{what: "a file of the future", make: ours("UPDATE edfsm_schema SET version = 99"), want: sqlitelog.ErrSchema, says: "99"},
	{what: "a file of the past", make: ours("UPDATE edfsm_schema SET version = 0"), want: sqlitelog.ErrSchema, says: "version 0"},
	{what: "a WAL without its file", make: wal(func(path string) error { return os.Remove(path) }), want: sqlitelog.ErrUnclean, says: "it.db-wal"},
	{what: "a WAL beside an empty file", make: wal(func(path string) error { return os.Truncate(path, 0) }), want: sqlitelog.ErrUnclean, says: "it.db-wal"},
	{what: "a log of another codec", make: ours(), open: openCBOR, want: sqlitelog.ErrCodec, says: `"json"`},
	{what: "a log that ends too early", make: ours(), open: openAt(3), want: &sqlitelog.LostTailError{Head: 2, MinHead: 3}},
	{what: "no log at all, which had one", open: openAt(1), want: &sqlitelog.LostTailError{Head: 0, MinHead: 1}},
	{what: "nothing, to read a log from", open: readLog, want: fs.ErrNotExist},
	{what: "nothing, to read a history from", open: readHistory, want: fs.ErrNotExist},
	{what: "an empty file, to read a log from", make: bytesOf(""), open: readLog, want: sqlitelog.ErrNoLog},
	{what: "an empty file, to read a history from", make: bytesOf(""), open: readHistory, want: history.ErrNoHistory},
	{what: "a folder that is not there", name: "no/such/folder.db", want: fs.ErrNotExist},
	{what: "a link to nothing", make: func(t *testing.T, path string) { link(t, path+"-not", path) }, want: fs.ErrNotExist},
	{what: "a name with a NUL", name: "a\x00b.db", want: fs.ErrInvalid},
}

func TestBadFiles(t *testing.T) { refuseAll(t, badFiles) }

func refuseAll(t *testing.T, files []badFile) {
	for _, bad := range files {
		for what, open := range bad.openings() {
			t.Run(strings.ReplaceAll(bad.what+" as a "+what, " ", "_"), func(t *testing.T) {
				bad.refuse(t, t.TempDir(), open)
			})
		}
	}
}

// openings are what is tried with a file.
func (bad *badFile) openings() map[string]func(path string) error {
	if bad.open != nil {
		return map[string]func(string) error{"special case": bad.open}
	}
	all := make(map[string]func(string) error)
	for what, keep := range keepers {
		all[what] = func(path string) error {
			k, err := keep(path, sqlitelog.Options{})
			if err == nil {
				err = errors.Join(errOpened, k.close())
			}
			return err
		}
	}
	return all
}

var errOpened = errors.New("it was opened")

// refuse makes what is bad in a folder, and tries to open it.
func (bad *badFile) refuse(t *testing.T, dir string, open func(path string) error) {
	t.Helper()
	path := filepath.Join(dir, "it.db")
	if bad.name != "" {
		path = dir + string(filepath.Separator) + bad.name
	}
	if bad.make != nil {
		bad.make(t, path)
	}
	before := contents(t, dir)
	err := open(path)
	if pe, ok := errors.AsType[*fs.PathError](err); !ok || pe.Path != path || !is(err, bad.want) || !strings.Contains(err.Error(), bad.says) {
		t.Errorf("got %v, want %v", err, bad.want)
	}
	if after := contents(t, dir); !maps.Equal(after, before) {
		t.Errorf("the folder had %q, and has %q", before, after)
	}
}

// is is errors.Is, also for errors that say more than what they are.
func is(err, want error) bool {
	if want, ok := want.(*sqlitelog.LostTailError); ok {
		got, ok := errors.AsType[*sqlitelog.LostTailError](err)
		return ok && *got == *want
	}
	return errors.Is(err, want)
}

// No path is not that of a file.
func TestNoPath(t *testing.T) {
	for what, open := range new(badFile).openings() {
		t.Chdir(t.TempDir())
		err := open("")
		if pe, ok := errors.AsType[*fs.PathError](err); !ok || pe.Path != "" || !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
		if files := contents(t, "."); len(files) != 1 {
			t.Errorf("%s: %q", what, files)
		}
	}
}

// What looks like something else to SQLite is a name like any other. The files are
// there under that name, nobody else may read them, and their folder is as it was.
func TestPlainNames(t *testing.T) {
	for _, name := range []string{
		"it.db", "x?mode=memory", "x?nolock=1", "file:x?mode=memory", "file:x", "file:", "x#y%41 ü.db", " ", "-", "*", ":memory:.db", "it.db-wal",
	} {
		if runtime.GOOS == "windows" && strings.ContainsAny(name, "?:* ") {
			continue
		}
		forKeepers(t, func(t *testing.T, open func(string, sqlitelog.Options) kept) {
			dir := t.TempDir()
			t.Chdir(dir)
			must(t, os.Chmod(dir, 0o750))
			before := contents(t, dir)
			k := open(name, sqlitelog.Options{})
			must(t, k.store(t.Context(), "kept"))
			private(t, dir, name, name+"-wal", name+"-shm")
			must(t, k.close())
			private(t, dir, name)
			if got, err := open(name, sqlitelog.Options{}).all(); err != nil || !slices.Equal(got, []string{"kept"}) {
				t.Errorf("%q: %q, %v", name, got, err)
			}
			if after := contents(t, dir); after["."] != before["."] {
				t.Errorf("%q: the folder was %s, and is %s", name, before["."], after["."])
			}
		})
	}
}

// private checks which files there are in a folder, and that they are their
// owner's alone.
func private(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		info, err := e.Info()
		must(t, err)
		if !slices.Contains(names, e.Name()) || len(entries) != len(names) {
			t.Errorf("%q is beside %q", e.Name(), names)
		}
		if runtime.GOOS != "windows" && info.Mode() != 0o600 {
			t.Errorf("%q has mode %v", e.Name(), info.Mode())
		}
	}
}

// A link to a file is followed: what SQLite keeps beside the file lies beside the
// file, not beside the link, so it does not matter who opens it by which name.
func TestLink(t *testing.T) {
	forKeepers(t, func(t *testing.T, open func(string, sqlitelog.Options) kept) {
		dir, elsewhere := t.TempDir(), t.TempDir()
		path, name := filepath.Join(dir, "it.db"), filepath.Join(elsewhere, "link.db")
		k := open(path, sqlitelog.Options{})
		link(t, path, name)
		must(t, k.store(t.Context(), "one"))
		linked := open(name, sqlitelog.Options{})
		must(t, linked.store(t.Context(), "two"))
		if got, err := k.all(); err != nil || !slices.Equal(got, []string{"one", "two"}[:len(got)]) || len(got) == 0 {
			t.Errorf("%q, %v", got, err)
		}
		if got, err := linked.all(); err != nil || !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("through the link: %q, %v", got, err)
		}
		if files := contents(t, elsewhere); len(files) != 2 {
			t.Errorf("beside the link: %q", files)
		}
	})
}

// One file may have both a log and a history, whichever was first.
func TestLogAndHistoryInAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "it.db")
	for range 2 {
		forKeepers(t, func(t *testing.T, open func(string, sqlitelog.Options) kept) {
			must(t, open(path, sqlitelog.Options{}).store(t.Context(), t.Name()))
		})
	}
	forKeepers(t, func(t *testing.T, open func(string, sqlitelog.Options) kept) {
		if got, err := open(path, sqlitelog.Options{}).all(); err != nil || len(got) != 2 {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// contents is what is in a folder, and the folder itself as ".", with modes, and
// with times and checksums of what may be read.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		files[name] = info.Mode().String()
		if err != nil || !info.Mode().IsRegular() || strings.HasSuffix(name, "-shm") { // which is no data
			return err
		}
		files[name] += fmt.Sprintf(", %d bytes of %v", info.Size(), info.ModTime())
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrPermission) {
			return nil
		}
		files[name] += fmt.Sprintf(", SHA-256 %x", sha256.Sum256(data))
		return err
	}))
	return files
}

func openCBOR(path string) error {
	c, err := codec.Of[string](codec.CBOR)
	if err == nil {
		_, err = sqlitelog.Open(context.Background(), path, sqlitelog.Config[string]{Codec: c})
	}
	return err
}

func openAt(head int64) func(path string) error {
	return func(path string) error {
		_, err := sqlitelog.Open(context.Background(), path, sqlitelog.Config[string]{MinHead: head})
		return err
	}
}

func readLog(path string) error {
	_, err := keepLog(path, sqlitelog.Options{ReadOnly: true})
	return err
}

func readHistory(path string) error {
	_, err := keepHistory(path, sqlitelog.Options{ReadOnly: true})
	return err
}
