package sqlitedb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"zombiezen.com/go/sqlite"
)

// ErrDamaged: SQLite cannot make sense of a file, or a copy fails its integrity
// check or is not what was copied. The file or the device is damaged.
var ErrDamaged = errors.New("damaged")

// incomplete is what the name of a backup ends with until it is complete.
const incomplete = ".incomplete"

// backupPages is how many pages are copied between two looks at the context:
// 1 MB.
const backupPages = 256

// Backup writes the database as it is at one moment to a new file at path, and
// returns its size. read is called at that moment, check on the copy, once it
// has passed SQLite's integrity check; an error of either ends the backup. The
// file is synced and gets its name when it is complete.
//
// Updates go on meanwhile, but no checkpoint goes beyond the moment, so the WAL
// grows. On a file that is opened exclusively, updates wait while it is copied.
func Backup(ctx context.Context, db *DB, path string, read, check func(Rx) error) (size int64, err error) {
	defer func() {
		if err != nil {
			err = &fs.PathError{Op: "back up to", Path: path, Err: full(err)}
		}
	}()
	name, err := absolute(path)
	if err != nil {
		return 0, err
	}
	if err := unused(name); err != nil {
		return 0, err
	}
	c, err := newDuplicate(db, name+incomplete)
	if err != nil {
		return 0, err
	}
	err = View(ctx, db, func(rx Rx) error {
		if err := read(rx); err != nil {
			return err
		}
		return c.fill(ctx, db, rx.conn)
	})
	if err == nil {
		err = c.verify(ctx, db, check)
	}
	if err = cmp.Or(db.usable(), err); err != nil {
		return 0, c.discard(err)
	}
	return c.publish(name)
}

// unused refuses a name under which there is a file, or what SQLite would take
// for the WAL of one.
func unused(name string) error {
	_, err := os.Lstat(name)
	if err == nil {
		return fs.ErrExist
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return reason(err)
	}
	return nothingBeside(name)
}

// duplicate is a copy in the making. While f is open, its file is told from
// another that has got its name.
type duplicate struct {
	name string
	f    *os.File
}

// newDuplicate makes an empty file in the place of one that was left incomplete,
// unless that is in use.
func newDuplicate(db *DB, name string) (*duplicate, error) {
	own, err1 := os.Stat(db.path)
	there, err2 := os.Stat(name)
	if err1 == nil && err2 == nil && os.SameFile(own, there) {
		return nil, fmt.Errorf("%s is the file itself", name)
	}
	if err := nothingBeside(name); err != nil {
		return nil, err
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, reason(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, reason(err)
	}
	return &duplicate{name, f}, nil
}

// fill copies what the transaction of a connection sees. As that is held, no
// update makes SQLite begin again.
func (c *duplicate) fill(ctx context.Context, db *DB, from *sqlite.Conn) (err error) {
	to, err := sqlite.OpenConn(c.name, sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	for _, pragma := range []string{"PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF"} {
		if err := exec(to, pragma); err != nil {
			return err
		}
	}
	backup, err := sqlite.NewBackup(to, "", from, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, backup.Close()) }()
	for more := true; more; {
		if err := cmp.Or(ctx.Err(), db.usable()); err != nil {
			return err
		}
		if more, err = backup.Step(backupPages); err != nil {
			return err
		}
		// One sync of all at the end would hold up those of the appends.
		if err := c.f.Sync(); err != nil {
			return err
		}
	}
	return nil
}

// verify opens the copy as nobody else does yet. Close ends it.
func (c *duplicate) verify(ctx context.Context, db *DB, check func(Rx) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(db.open, cancel)()
	return ViewUntouched(ctx, c.name, func(rx Rx) error {
		if err := intact(rx); err != nil {
			return err
		}
		return check(rx)
	})
}

func intact(rx Rx) error {
	return rx.Each("PRAGMA integrity_check(1)", func(stmt *sqlite.Stmt) error {
		if found := stmt.ColumnText(0); found != "ok" {
			return fmt.Errorf("%w: %s", ErrDamaged, found)
		}
		return nil
	})
}

// publish gives the copy its name, durably, and returns its size.
func (c *duplicate) publish(name string) (size int64, err error) {
	err = c.f.Sync()
	if err == nil {
		size, err = c.size()
	}
	if err == nil {
		err = unused(name)
	}
	if err != nil {
		return 0, c.discard(err)
	}
	if err := c.f.Close(); err != nil {
		return 0, errors.Join(err, os.Remove(c.name))
	}
	if err := os.Rename(c.name, name); err != nil {
		return 0, errors.Join(err, os.Remove(c.name))
	}
	return size, syncFolder(filepath.Dir(name))
}

var errReplaced = errors.New("another backup to this file has begun meanwhile")

// size fails if the name has become another's.
func (c *duplicate) size() (int64, error) {
	mine, err := c.f.Stat()
	if err != nil {
		return 0, err
	}
	there, err := os.Lstat(c.name)
	if err != nil || !os.SameFile(mine, there) {
		return 0, errors.Join(errReplaced, err)
	}
	return mine.Size(), nil
}

// discard deletes the file, unless its name is another's by now, and returns
// why.
func (c *duplicate) discard(cause error) error {
	_, replaced := c.size()
	closed := c.f.Close() // Windows deletes no open file
	if replaced != nil {
		return errors.Join(replaced, closed)
	}
	return errors.Join(cause, closed, os.Remove(c.name))
}

// syncFolder makes a new name durable. Windows has no such call.
func syncFolder(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
