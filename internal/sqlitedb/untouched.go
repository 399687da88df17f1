package sqlitedb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"zombiezen.com/go/sqlite"
)

// ErrUnclean: beside a file lies a WAL or a journal that was not written back. To
// whoever opens the file it is a WAL whose file is gone; to whoever is to leave it
// untouched, one of a program that has it open, or has left it so.
var ErrUnclean = errors.New("beside it lies a WAL or a journal that was not written back")

// ViewUntouched runs fn on an SQLite file of whatever application, which nobody
// may write meanwhile. It leaves no trace, neither a lock nor a file beside it.
// So it cannot see what is not in the file itself, and refuses a file of which
// that may be so with [ErrUnclean].
func ViewUntouched(ctx context.Context, path string, fn func(Rx) error) error {
	conn, err := openUntouched(path)
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	conn.SetInterrupt(ctx.Done())
	err = explain(fn(Rx{conn}))
	if err != nil && sqlite.ErrCode(err) == sqlite.ResultInterrupt {
		err = cmp.Or(ctx.Err(), err)
	}
	return errors.Join(err, conn.Close())
}

// IsSettled reports whether opening a file for writing changes nothing: it is not
// empty, and has no WAL to be copied back.
func IsSettled(path string) (bool, error) {
	name, err := absolute(path)
	if err == nil {
		err = createFile(name, true)
	}
	if err == nil {
		name, err = RealPath(name)
	}
	if err != nil {
		return false, &fs.PathError{Op: "open", Path: path, Err: reason(err)}
	}
	made, err := hasBytes(name)
	if err != nil {
		return false, err
	}
	used, err := hasBytes(name + walSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return made && !used, err
}

// RealPath is where a file lies: its absolute path, without symbolic links.
// SQLite keeps what is beside a file there, and not beside a link to it.
func RealPath(path string) (string, error) {
	name, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if name, err = filepath.EvalSymlinks(name); err != nil {
		return "", &fs.PathError{Op: "open", Path: path, Err: reason(err)}
	}
	return name, nil
}

func openUntouched(path string) (*sqlite.Conn, error) {
	name, err := RealPath(path)
	if err != nil {
		return nil, reason(err)
	}
	if err := createFile(name, true); err != nil {
		return nil, err
	}
	if err := nothingBeside(name); err != nil {
		return nil, err
	}
	return openImmutable(name)
}

// nothingBeside refuses a file beside which lies what SQLite would apply to it.
func nothingBeside(name string) error {
	for _, beside := range []struct {
		name string
		used func(string) (bool, error)
	}{{name + walSuffix, hasBytes}, {name + journalSuffix, isHot}} {
		used, err := beside.used(beside.name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", filepath.Base(beside.name), reason(err))
		}
		if used {
			return fmt.Errorf("%w: %s", ErrUnclean, filepath.Base(beside.name))
		}
	}
	return nil
}

func hasBytes(name string) (bool, error) {
	info, err := os.Stat(name)
	return err == nil && info.Size() > 0, err
}

// isHot reports whether a journal has to be played back. In the journal modes
// PERSIST and TRUNCATE it stays there, with zeros for a header or empty. SQLite
// takes no locks on it, which closing it would drop.
func isHot(journal string) (hot bool, err error) {
	f, err := os.Open(journal)
	if err != nil {
		return false, err
	}
	var first [1]byte
	_, err = f.Read(first[:])
	if err == io.EOF {
		err = nil
	}
	return first[0] != 0, errors.Join(err, f.Close())
}

// openImmutable opens a connection that takes the file for one that nobody
// writes, and so neither locks it nor opens its WAL.
func openImmutable(name string) (*sqlite.Conn, error) {
	return sqlite.OpenConn(immutableURI(filepath.ToSlash(name)), sqlite.OpenReadOnly, sqlite.OpenURI)
}

func immutableURI(path string) string {
	switch {
	case strings.HasPrefix(path, "//"): // //server/share/…, where SQLite would look for a host
		path = "//" + path
	case !strings.HasPrefix(path, "/"): // C:/…
		path = "/" + path
	}
	uri := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: "immutable=1"}
	return uri.String()
}
