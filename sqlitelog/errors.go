package sqlitelog

import (
	"errors"

	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// Why a file cannot be opened. The error names the file.
var (
	ErrNotDatabase = sqlitedb.ErrNotDatabase // a directory, or a file that SQLite does not know
	ErrForeign     = sqlitedb.ErrForeign     // the database of another application
	ErrSchema      = sqlitedb.ErrSchema      // written by a version of this package with other tables
	ErrDamaged     = sqlitedb.ErrDamaged     // SQLite's own pages are; also of a backup that is not what it should be
	ErrUnclean     = sqlitedb.ErrUnclean     // its WAL is there, but the file is gone or empty: bring it back, or move the WAL away

	// ErrCodec: the log was written with a codec of another name.
	ErrCodec = errors.New("written with another codec")

	// ErrNoLog: a file that was opened for reading only, or with Config.Reader,
	// has no such log.
	ErrNoLog = errors.New("no such log")
)

// What a call cannot be asked. Nothing was written.
var (
	// ErrName: the name of a log or a subscription has not 1 to 255 bytes, is
	// not UTF-8, or has a NUL.
	ErrName = errors.New("invalid name")

	// ErrTooLarge: an event with its key, or a snapshot, has more than
	// 268,435,456 bytes.
	ErrTooLarge = errors.New("more than 268,435,456 bytes")
)

// Outcomes of a call on an open log. Except after [ErrUncertain] nothing was
// written.
var (
	// ErrUncertain: the commit failed. Only opening the file again tells
	// whether the events are in the log.
	ErrUncertain = sqlitedb.ErrUncertain

	// ErrFailed: the file was given up after an earlier failure, which is
	// wrapped. Open it again.
	ErrFailed = sqlitedb.ErrFailed

	// ErrMoved: the file, its WAL or its shared memory was deleted, moved or
	// replaced. It comes wrapped in ErrFailed.
	ErrMoved = sqlitedb.ErrMoved

	// ErrConflict: somebody else has opened the log since and is its owner.
	ErrConflict = errors.New("the log has another owner")

	// ErrBusy: another process has held the write lock of the file for 10 s.
	ErrBusy = sqlitedb.ErrBusy

	// ErrFull: the device has no room. It comes with ErrUncertain if that was found
	// by the commit, as mostly: then the file must be opened again. Otherwise the
	// next call may find some.
	ErrFull = sqlitedb.ErrFull

	// ErrClosed: the log, or its file, was closed.
	ErrClosed = sqlitedb.ErrClosed

	// ErrReadOnly: the file, or the log with Config.Reader, was opened for
	// reading only.
	ErrReadOnly = sqlitedb.ErrReadOnly

	// ErrCompacted: another handle than that of a replay, such as that of another
	// process, has compacted the log meanwhile. Start again from nothing.
	ErrCompacted = errors.New("compacted through another handle meanwhile")

	// ErrCorrupt: a record, or the order of records, is not as it was written.
	ErrCorrupt = errors.New("not as it was written")
)
