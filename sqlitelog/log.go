package sqlitelog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"sync"

	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// Why a file cannot be opened. The error names the file.
var (
	ErrNotDatabase = sqlitedb.ErrNotDatabase // a directory, or a file that SQLite does not know
	ErrForeign     = sqlitedb.ErrForeign     // the database of another application
	ErrSchema      = sqlitedb.ErrSchema      // written by a version of this package with other tables

	// ErrCodec: the log was written with a codec of another name.
	ErrCodec = errors.New("written with another codec")
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

	// ErrConflict: somebody else has opened the log since and is its owner.
	ErrConflict = errors.New("the log has another owner")

	// ErrBusy: another process has held the write lock of the file for 10 s.
	ErrBusy = sqlitedb.ErrBusy

	// ErrClosed: the log was closed.
	ErrClosed = sqlitedb.ErrClosed

	// ErrCorrupt: a record is not as it was written.
	ErrCorrupt = errors.New("checksum does not match")
)

// Config says how events are kept. The zero value writes JSON.
type Config[E any] struct {
	// Codec turns events into bytes; nil means codec.Of[E](codec.JSON). The
	// file remembers its name and refuses another.
	Codec codec.Codec[E]

	// Logger is told of what an operator may want to know: checkpoints that
	// are late, a file that was given up. nil: silent.
	Logger *slog.Logger
}

// Log is one log of events in an SQLite file. It is an Adapter and a Feed of
// package machine, and may be used concurrently.
type Log[E any] struct {
	store   *store
	codec   codec.Codec[E]
	batches sync.Pool // of *batch
}

// Open opens the log in the file at path and becomes its owner: whoever had it
// open before can no longer append. The file is made, with mode 0600, if it
// does not exist; its folder must exist and be writable. ":memory:" is a log in
// memory, for tests.
//
// The path is a plain file name. Close the log when the machine has ended.
func Open[E any](ctx context.Context, path string, cfg Config[E]) (*Log[E], error) {
	c := cfg.Codec
	if c == nil {
		var err error
		if c, err = codec.Of[E](codec.JSON); err != nil {
			return nil, fmt.Errorf("sqlitelog: %w", err)
		}
	}
	db, err := sqlitedb.Open(ctx, path, sqlitedb.Options{Logger: cfg.Logger})
	if err != nil {
		return nil, err
	}
	s, err := openStore(ctx, db, "main", c.Name())
	if err != nil {
		if _, named := errors.AsType[*fs.PathError](err); !named {
			err = &fs.PathError{Op: "open", Path: path, Err: err}
		}
		return nil, errors.Join(err, db.Close())
	}
	l := &Log[E]{store: s, codec: c}
	l.batches.New = func() any { return new(batch) }
	return l, nil
}

// Notify appends the events, all or none, and returns when they are durable:
// they survive the process, and with a disk that honours syncs the machine too.
// Calls that wait for the disk share one transaction.
//
// ctx is obeyed until the transaction begins; then the outcome is waited for.
func (l *Log[E]) Notify(ctx context.Context, events []E) error {
	if len(events) == 0 {
		return nil
	}
	b := l.batches.Get().(*batch)
	defer l.batches.Put(b)
	b.data, b.ends = b.data[:0], b.ends[:0]
	for i, e := range events {
		var err error
		if b.data, err = l.codec.Append(b.data, e); err != nil {
			return l.wrap(fmt.Errorf("encode event %d of %d: %w", i+1, len(events), err))
		}
		b.ends = append(b.ends, len(b.data))
	}
	return l.store.append(ctx, b)
}

func (l *Log[E]) wrap(err error) error {
	return fmt.Errorf("%s: log %q: %w", l.store.db.Path(), l.store.name, err)
}

// Feed gives the events that were in the log when the iteration began, oldest
// first. It reads them in pages and keeps no transaction open meanwhile, so it
// may be slow, be left early, and be walked any number of times. A record that
// cannot be read ends it with a [*RecordError].
func (l *Log[E]) Feed(ctx context.Context) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		var zero E
		var events []E
		for r, err := range l.store.records(ctx) {
			if err == nil {
				events, err = l.decode(events[:0], r)
			}
			if err != nil {
				yield(zero, err)
				return
			}
			for _, e := range events {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// decode appends the events of a record, which are one unless the codec knows
// an older shape.
func (l *Log[E]) decode(events []E, r record) ([]E, error) {
	var err error
	if c, ok := l.codec.(interface {
		DecodeAll(data []byte, emit func(E)) error
	}); ok {
		err = c.DecodeAll(r.value, func(e E) { events = append(events, e) })
	} else {
		var e E
		err = l.codec.Decode(r.value, &e)
		events = append(events, e)
	}
	if err != nil {
		return nil, l.store.recordError(r, err)
	}
	return events, nil
}

// Head returns the offset of the newest durable event of the log, 0 if it is
// empty. An offset that was seen by somebody outside and is beyond Head after a
// restart is proof that the file has lost its end.
func (l *Log[E]) Head() int64 { return l.store.head.Load() }

// Close waits for calls of Notify in hand and closes the file. It may be called
// more than once.
func (l *Log[E]) Close() error { return l.store.db.Close() }
