//go:build unix

package edfsm_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/edfsm/edfsm/sqlitelog"
)

// moves are what people do to a file that is in use, each with where what was
// accepted is found afterwards, if anywhere.
var moves = []struct {
	what  string
	do    func(path string) error
	found string // in the test's folder
}{
	{"the file deleted", os.Remove, ""},
	{"the file moved", func(path string) error { return os.Rename(path, filepath.Join(filepath.Dir(path), "new.db")) }, "in/new.db"},
	{"the file replaced", func(path string) error { return os.Rename(path+".other", path) }, ""},
	{"its folder moved", func(path string) error { return os.Rename(filepath.Dir(path), filepath.Dir(path)+"-2") }, "in-2/it.db"},
	{"its folder replaced by a file", func(path string) error {
		dir := filepath.Dir(path)
		return errors.Join(os.Rename(dir, dir+"-2"), os.WriteFile(dir, nil, 0o600))
	}, "in-2/it.db"},
	{"the WAL deleted", func(path string) error { return os.Remove(path + "-wal") }, "in/it.db"},
	{"the WAL replaced", func(path string) error {
		return errors.Join(os.Remove(path+"-wal"), os.WriteFile(path+"-wal", []byte("?"), 0o600))
	}, "in/it.db"},
	{"the shared memory deleted", func(path string) error { return os.Remove(path + "-shm") }, "in/it.db"},
	{"all deleted", func(path string) error {
		return errors.Join(os.Remove(path), os.Remove(path+"-wal"), os.Remove(path+"-shm"))
	}, ""},
}

// forMoves runs a test for each thing that may be done to an open file, which has
// one text so far. Another with the text "other" lies beside it.
func forMoves(t *testing.T, test func(t *testing.T, k kept, path string, move func(), found func() (texts []string, ok bool))) {
	for _, m := range moves {
		t.Run(strings.ReplaceAll(m.what, " ", "_"), func(t *testing.T) {
			forKeepers(t, func(t *testing.T, open func(string, sqlitelog.Options) kept) {
				dir := t.TempDir()
				path := filepath.Join(dir, "in", "it.db")
				must(t, os.Mkdir(filepath.Dir(path), 0o700))
				other := open(path+".other", sqlitelog.Options{})
				must(t, other.store(t.Context(), "other"))
				must(t, other.close())
				k := open(path, sqlitelog.Options{})
				must(t, k.store(t.Context(), "0"))
				test(t, k, path, func() { must(t, m.do(path)) }, func() ([]string, bool) {
					if m.found == "" {
						return nil, false
					}
					all, err := open(filepath.Join(dir, m.found), sqlitelog.Options{}).all()
					must(t, err)
					return all, true
				})
				if m.what == "the file replaced" { // by one that is still as it was
					if got, err := open(path, sqlitelog.Options{}).all(); err != nil || !slices.Equal(got, []string{"other"}) {
						t.Errorf("the other file has %q, %v", got, err)
					}
				}
			})
		})
	}
}

// A file that is not where it was any more is given up after some appends. Until
// then they are accepted, and are in the file, whatever it is called now; nothing
// is accepted after that.
func TestMoved(t *testing.T) {
	forMoves(t, func(t *testing.T, k kept, path string, move func(), found func() ([]string, bool)) {
		move()
		accepted := []string{"0"}
		var refused error
		for n := 1; refused == nil && n <= 40; n++ {
			text := fmt.Sprint(n)
			if refused = k.store(t.Context(), text); refused == nil {
				accepted = append(accepted, text)
			}
		}
		_, read := k.all()
		for call, err := range map[string]error{"an append": refused, "the next": k.store(t.Context(), "late"), "a read": read} {
			if !errors.Is(err, sqlitelog.ErrFailed) || !errors.Is(err, sqlitelog.ErrMoved) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s, after %d: %v", call, len(accepted), err)
			}
		}
		must(t, k.close())
		if texts, ok := found(); ok && !slices.Equal(texts, accepted) {
			t.Errorf("the file has %q, accepted were %q", texts, accepted)
		}
	})
}

// Who notices nothing before is told by Close.
func TestMovedBeforeClose(t *testing.T) {
	forMoves(t, func(t *testing.T, k kept, path string, move func(), found func() ([]string, bool)) {
		move()
		must(t, k.store(t.Context(), "1"))
		if err := k.close(); !errors.Is(err, sqlitelog.ErrMoved) || !strings.Contains(err.Error(), path) {
			t.Errorf("Close: %v", err)
		}
		if texts, ok := found(); ok && !slices.Equal(texts, []string{"0", "1"}) {
			t.Errorf("the file has %q", texts)
		}
	})
}

// Who only reads a file looks where it is each time, as he runs no checkpoints.
func TestMovedFromReader(t *testing.T) {
	forKeepers(t, func(t *testing.T, open func(string, sqlitelog.Options) kept) {
		path := filepath.Join(t.TempDir(), "it.db")
		must(t, open(path, sqlitelog.Options{}).store(t.Context(), "0"))
		reader := open(path, sqlitelog.Options{ReadOnly: true})
		if got, err := reader.all(); err != nil || !slices.Equal(got, []string{"0"}) {
			t.Errorf("read %q, %v", got, err)
		}
		must(t, os.Remove(path))
		if _, err := reader.all(); !errors.Is(err, sqlitelog.ErrFailed) || !errors.Is(err, sqlitelog.ErrMoved) {
			t.Errorf("got %v", err)
		}
	})
}
