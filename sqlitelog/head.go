package sqlitelog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// LostTailError says that a log ends before Config.MinHead: it has lost its end,
// or an older copy has taken its place.
type LostTailError struct {
	Head    int64 // of the log in the file, 0 if it has none
	MinHead int64
}

func (e *LostTailError) Error() string {
	return fmt.Sprintf("the log ends at offset %d, and had an event at %d", e.Head, e.MinHead)
}

// Head returns the offset of the newest durable event of the log, 0 if there
// was none yet. An offset that was seen by somebody outside and is beyond Head
// after a restart is proof that the file has lost its end; Config.MinHead looks
// for that. To a reader, and to an owner that was replaced, it is what it was
// then.
func (l *Log[E]) Head() int64 { return l.store.head.Load() }

// checkHead looks at the end of a log before its file is opened for writing, which
// would make it, or copy back what is left of its WAL, and so put an end to what
// may still be found there.
func checkHead(ctx context.Context, path, codec string, minHead int64, opts Options) error {
	if minHead == 0 || opts.Exclusive || opts.ReadOnly || path == ":memory:" {
		return nil // an exclusive file may have no shared memory, so it cannot be looked at first
	}
	settled, err := sqlitedb.IsSettled(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &fs.PathError{Op: "open", Path: path, Err: &LostTailError{MinHead: minHead}}
	}
	if err != nil || settled {
		return err
	}
	opts.ReadOnly = true
	db, err := OpenDB(ctx, path, opts)
	if err != nil {
		return err
	}
	_, err = openStore(ctx, db, mainLog, codec, minHead, true)
	return errors.Join(openError(db, err), db.Close())
}

// openError names the file, unless the error does.
func openError(db *DB, err error) error {
	if err == nil {
		return nil
	}
	if _, named := errors.AsType[*fs.PathError](err); named {
		return err
	}
	return &fs.PathError{Op: "open", Path: sqlitedb.Path(db), Err: err}
}
