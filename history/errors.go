package history

import (
	"errors"
	"fmt"
	"time"

	"github.com/edfsm/edfsm/internal/sqlitedb"
	"github.com/edfsm/edfsm/pattern"
	"github.com/edfsm/edfsm/timeutil"
)

// Why a file cannot be opened. The error names the file.
var (
	ErrNotDatabase = sqlitedb.ErrNotDatabase // a directory, or a file that SQLite does not know
	ErrForeign     = sqlitedb.ErrForeign     // the database of another application
	ErrSchema      = sqlitedb.ErrSchema      // written by a version of this package with other tables
	ErrNoHistory   = sqlitedb.ErrNoPart      // opened for reading only, and there is none
	ErrDamaged     = sqlitedb.ErrDamaged     // SQLite's own pages are

	// ErrUnclean: the WAL of the file is there, but the file is gone or empty:
	// bring it back, or move the WAL away. Or the file is to be imported, but a
	// program has it open or was killed while it had.
	ErrUnclean = sqlitedb.ErrUnclean
)

// What a call cannot be asked. Nothing was stored or read.
var (
	ErrName     = errors.New("invalid name of a record") // empty, over 1,024 bytes, with a NUL, or not UTF-8
	ErrTime     = timeutil.ErrRange                      // the zero time, or not in the years 1 to 9999
	ErrTooLarge = errors.New("value has more than 268,435,456 bytes")
	ErrCodec    = errors.New("record has another codec") // values of one record have one
	ErrPattern  = pattern.ErrInvalid                     // over 1,024 bytes, with a NUL, or not UTF-8
	ErrBounds   = timeutil.ErrOrder                      // a start after its end
	ErrLimit    = errors.New("limit too small")          // negative; the latest rows, and less than one
)

// Why [History.Import] ends, besides its [*ImportError].
var (
	ErrID        = errors.New("ids are not distinct integers") // of a source
	ErrImporting = errors.New("another import of the same source is under way")
)

// ErrJSON: the value of a row to be imported is not JSON. It is wrapped in an
// [*ImportError].
var ErrJSON = errors.New("value is not JSON")

// Outcomes of a call on an open history. Except after [ErrUncertain] nothing
// was written.
var (
	// ErrUncertain: the commit failed. Only opening the file again tells
	// whether the values are in it.
	ErrUncertain = sqlitedb.ErrUncertain

	// ErrFailed: the file was given up after an earlier failure, which is
	// wrapped. Open it again.
	ErrFailed = sqlitedb.ErrFailed

	// ErrMoved: the file, its WAL or its shared memory was deleted, moved or
	// replaced. It comes wrapped in ErrFailed.
	ErrMoved = sqlitedb.ErrMoved

	// ErrBusy: another process has held the write lock of the file for 10 s.
	ErrBusy = sqlitedb.ErrBusy

	// ErrFull: the device has no room. It comes with ErrUncertain if that was found
	// by the commit, as mostly: then the file must be opened again. Otherwise the
	// next call may find some.
	ErrFull = sqlitedb.ErrFull

	// ErrClosed: the history, or its file, was closed.
	ErrClosed = sqlitedb.ErrClosed

	// ErrReadOnly: the file was opened for reading only.
	ErrReadOnly = sqlitedb.ErrReadOnly
)

// errDisorder is of a file that is damaged in a way that SQLite does not notice. Who
// goes on from there may never come to an end.
var errDisorder = errors.New("the file is damaged: its rows are out of order")

// RowError says which row cannot be read, and why: [ErrCodec], or the codec's
// error. The rows after it are not affected.
type RowError struct {
	File   string
	Record string
	At     time.Time
	ID     int64
	Err    error
}

func (e *RowError) Error() string {
	return fmt.Sprintf("%s: record %q, %s, row %d: %v", e.File, e.Record, e.At.Format(time.RFC3339Nano), e.ID, e.Err)
}

func (e *RowError) Unwrap() error { return e.Err }
