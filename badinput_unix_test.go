//go:build unix

package edfsm_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/edfsm/edfsm/sqlitelog"
)

// badUnixFiles is what [badFiles] has not, as other systems do not know it.
var badUnixFiles = []badFile{
	{what: "a FIFO", make: func(t *testing.T, path string) { must(t, syscall.Mkfifo(path, 0o600)) },
		want: sqlitelog.ErrNotDatabase, says: "not a regular file"},
	{what: "a file in a file", name: "in/it.db", make: func(t *testing.T, path string) { bytesOf("x")(t, filepath.Dir(path)) }, want: syscall.ENOTDIR},
	{what: "a name that is too long", name: strings.Repeat("n", 256), want: syscall.ENAMETOOLONG},
	{what: "a name that is too long with -wal", name: strings.Repeat("n", 252), want: syscall.ENAMETOOLONG},
	{what: "a name that is too long with -journal", name: strings.Repeat("n", 248), want: syscall.ENAMETOOLONG},
	{what: "a log that was given such a name", name: strings.Repeat("n", 248), make: renamed, want: syscall.ENAMETOOLONG},
	{what: "an empty file with such a name", name: strings.Repeat("n", 248), make: bytesOf(""), want: syscall.ENAMETOOLONG},
	{what: "a path that is too long for SQLite", name: strings.Repeat(strings.Repeat("n", 99)+"/", 6) + "it.db",
		make: func(t *testing.T, path string) { must(t, os.MkdirAll(filepath.Dir(path), 0o700)) }, want: syscall.ENAMETOOLONG},
}

func TestBadUnixFiles(t *testing.T) { refuseAll(t, badUnixFiles) }

// forbidden is what the rights of a user do not allow.
var forbidden = []badFile{
	{what: "a file that may not be read", make: withMode(0o000, ""), want: fs.ErrPermission},
	{what: "a file that may only be read", make: withMode(0o444, ""), want: fs.ErrPermission},
	{what: "a file without a WAL that may only be read", make: func(t *testing.T, path string) {
		ours()(t, path)
		must(t, os.Chmod(path, 0o444))
	}, want: fs.ErrPermission},
	{what: "a file in a folder that may not be written", make: inFolder(0o555, ours()), want: fs.ErrPermission},
	{what: "nothing in a folder that may not be written", make: inFolder(0o555, nil), want: fs.ErrPermission},
	{what: "a folder that may not be entered", make: inFolder(0o600, nil), want: fs.ErrPermission},
	{what: "a WAL that may not be read", make: withMode(0o000, "-wal"), want: fs.ErrPermission},
	{what: "a WAL that may only be read", make: withMode(0o444, "-wal"), want: fs.ErrPermission},
}

// Root may do everything, so as root the test runs once more in a process that
// gives its rights up.
func TestForbidden(t *testing.T) {
	const unprivileged = "EDFSM_TEST_UNPRIVILEGED"
	if os.Getenv(unprivileged) != "" {
		must(t, syscall.Setgid(65534))
		must(t, syscall.Setuid(65534))
	}
	if os.Getuid() != 0 {
		refuseAll(t, forbidden)
		return
	}
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	must(t, os.Chmod(dir, 0o777))
	cmd := exec.Command(os.Args[0], "-test.run=^TestForbidden$")
	cmd.Env = append(os.Environ(), unprivileged+"=1", "TMPDIR="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// withMode makes a file that was left with a WAL, and changes the mode of either.
func withMode(mode fs.FileMode, suffix string) func(t *testing.T, path string) {
	return func(t *testing.T, path string) {
		wal(func(path string) error { return os.Chmod(path+suffix, mode) })(t, path)
	}
}

// inFolder makes a file, and changes the mode of its folder until the end of the
// test.
func inFolder(mode fs.FileMode, make func(t *testing.T, path string)) func(t *testing.T, path string) {
	return func(t *testing.T, path string) {
		if make != nil {
			make(t, path)
		}
		dir := filepath.Dir(path)
		must(t, os.Chmod(dir, mode))
		t.Cleanup(func() {
			if err := os.Chmod(dir, 0o700); err != nil {
				t.Error(err)
			}
		})
	}
}

// renamed makes a log elsewhere.
func renamed(t *testing.T, path string) {
	elsewhere := filepath.Join(t.TempDir(), "it.db")
	ours()(t, elsewhere)
	must(t, os.Rename(elsewhere, path))
}
