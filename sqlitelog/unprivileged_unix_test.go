//go:build unix

package sqlitelog_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/edfsm/edfsm/sqlitelog"
)

// In a folder that may not be written, neither an old file nor a new one can
// be opened, and nothing changes. Root may write everywhere, so as root the
// test runs once more in a process that gives its rights up.
func TestOpenReadOnlyFolder(t *testing.T) {
	dir := os.Getenv("EDFSM_TEST_READONLY_DIR")
	if dir == "" {
		dir = t.TempDir()
		must(t, os.Chmod(filepath.Dir(dir), 0o755))
		log := open(t, filepath.Join(dir, "old.db"), sqlitelog.Config[string]{})
		must(t, log.Notify(t.Context(), []string{"kept"}))
		must(t, log.Close())
		must(t, os.Chmod(filepath.Join(dir, "old.db"), 0o666))
		must(t, os.Chmod(dir, 0o555))
		defer os.Chmod(dir, 0o755)
		if os.Getuid() == 0 {
			before := contents(t, dir)
			cmd := exec.Command(os.Args[0], "-test.run=^TestOpenReadOnlyFolder$")
			cmd.Env = append(os.Environ(), "EDFSM_TEST_READONLY_DIR="+dir)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if after := contents(t, dir); after != before {
				t.Errorf("the folder changed from\n%s\nto\n%s", before, after)
			}
			return
		}
	} else {
		must(t, syscall.Setgid(65534))
		must(t, syscall.Setuid(65534))
	}
	for _, name := range []string{"old.db", "new.db"} {
		path := filepath.Join(dir, name)
		_, err := sqlitelog.Open(t.Context(), path, sqlitelog.Config[string]{})
		if pe, ok := errors.AsType[*fs.PathError](err); !ok || pe.Path != path || !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
