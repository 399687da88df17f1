package sqlitedb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// ErrMoved: the name of an open file, of its WAL or of its shared memory has
// become that of another file, or of none. What is written would not be found
// there.
var ErrMoved = errors.New("deleted, moved or replaced while it was open")

// place is a name, and the file that it stood for when the database was opened.
// To look it up again does not open the file, which would cost SQLite's locks.
type place struct {
	name string
	info fs.FileInfo
}

const (
	walSuffix     = "-wal"
	memorySuffix  = "-shm"
	journalSuffix = "-journal"
)

// remember notes the files that have these names now. None is no file.
func (db *DB) remember(names ...string) error {
	for _, name := range names {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return reason(err)
		}
		os.SameFile(info, info) // only now Windows is asked which file it is
		db.places = append(db.places, place{name, info})
	}
	return nil
}

// rememberBeside notes what SQLite keeps beside the file, as long as somebody has
// it open.
func (db *DB) rememberBeside(exclusive bool) error {
	if !filepath.IsAbs(db.name) {
		return nil
	}
	name, err := RealPath(db.name)
	if err != nil {
		return reason(err)
	}
	if exclusive { // shared memory is somebody else's, who is gone
		return db.remember(name + walSuffix)
	}
	return db.remember(name+walSuffix, name+memorySuffix)
}

// moved returns an error that wraps [ErrMoved] if a file is not in its place. The
// file itself is looked at last.
func (db *DB) moved() error {
	for _, p := range slices.Backward(db.places) {
		if err := p.left(); err != nil {
			return err
		}
	}
	return nil
}

func (p place) left() error {
	now, err := os.Stat(p.name)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%s: %w", p.name, ErrMoved)
	case err == nil && !os.SameFile(p.info, now):
		return fmt.Errorf("%s: %w: there is another file", p.name, ErrMoved)
	}
	return nil // or we may not look, which does not concern the open file
}

// lookAround gives the database up if a file is not in its place. Before that it
// copies the WAL back: so the file has all that was accepted, whatever its name
// is now and wherever its WAL is. It also empties the WAL, which SQLite would
// take for that of a file that has got the name. Close does what a reader has
// held up.
func (db *DB) lookAround() error {
	err := db.moved()
	if err == nil {
		return nil
	}
	last := db.copyLast()
	if errors.Is(last, errHeldUp) {
		db.owesWAL = true
	}
	err = errors.Join(err, last)
	db.fail(err)
	return err
}

// errHeldUp: a file that was moved has a part of its WAL only, with which SQLite
// may find it damaged.
var errHeldUp = errors.New("a reader keeps the WAL from being copied back")

// copyLast copies all of the WAL back and empties it.
func (db *DB) copyLast() error {
	if db.conn == nil || db.foreign || db.sharesWAL() {
		return nil
	}
	wal, err := walStatus(db.conn, "PRAGMA wal_checkpoint(TRUNCATE)")
	if err == nil && wal.busy {
		err = errHeldUp
	}
	return err
}

// lookLast looks around once more when the file is closed, and copies the WAL
// back. The readers of this process are gone, who may have held that up.
func (db *DB) lookLast() error {
	switch {
	case db.owesWAL:
		return db.copyLast()
	case db.hasFailed():
		return nil
	}
	return errors.Join(db.lookAround(), db.checkpointLast())
}

// sharesWAL reports whether somebody may write to our WAL who does not see our
// locks, as he has made another shared memory: no page of it is to be trusted.
func (db *DB) sharesWAL() bool {
	return slices.ContainsFunc(db.places, func(p place) bool {
		return strings.HasSuffix(p.name, memorySuffix) && p.left() != nil
	})
}
