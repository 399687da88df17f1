package sqlitelog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// Log is one log of events in an SQLite file. It is an Adapter and a Feed of
// package machine, and may be used concurrently.
type Log[E any] struct {
	store   *store
	cfg     Config[E]
	batches sync.Pool // of *batch
	closed  atomic.Bool

	// decodeAll is the codec's own way to make several events of an old
	// record; nil without one.
	decodeAll func(data []byte, emit func(E)) error

	open    context.Context // ends when Close begins, of the log or of its file
	endOpen context.CancelFunc

	stop func() // ends the compactor; nil without one
	file *DB    // the file that Close closes; nil if it is not ours
}

// mainLog is the name of the only log of a file.
const mainLog = "main"

// Open opens the log named "main" in the file at path and becomes its owner,
// unless with Config.Reader: whoever had it open before can no longer append. The
// file is made, with mode 0600, if it does not exist; its folder must exist and be
// writable. ":memory:" is a file in memory, for tests.
//
// The path is a plain file name. Close the log when the machine has ended.
func Open[E any](ctx context.Context, path string, cfg Config[E]) (*Log[E], error) {
	if err := cfg.complete(mainLog); err != nil {
		return nil, fmt.Errorf("sqlitelog: %w", err)
	}
	if err := checkHead(ctx, path, cfg.Codec.Name(), cfg.MinHead, cfg.File); err != nil {
		return nil, err
	}
	db, err := OpenDB(ctx, path, cfg.File)
	if err != nil {
		return nil, err
	}
	l, err := New(ctx, db, mainLog, cfg)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	l.file = db
	return l, nil
}

// New opens a log of a file and becomes its owner, or only a reader if the file
// is open for reading only or Config.Reader says so. An owner makes the log if the
// file has none of that name. Several logs of a file may be written concurrently;
// they share transactions.
func New[E any](ctx context.Context, db *DB, name string, cfg Config[E]) (*Log[E], error) {
	if err := cfg.complete(name); err != nil {
		return nil, fmt.Errorf("sqlitelog: %w", err)
	}
	cfg.Reader = cfg.Reader || sqlitedb.IsReadOnly(db)
	s, err := openStore(ctx, db, name, cfg.Codec.Name(), cfg.MinHead, cfg.Reader)
	if err != nil {
		return nil, openError(db, err)
	}
	l := &Log[E]{store: s, cfg: cfg}
	l.open, l.endOpen = context.WithCancel(sqlitedb.Lifetime(db))
	l.batches.New = func() any { return new(batch) }
	if c, ok := cfg.Codec.(interface {
		DecodeAll(data []byte, emit func(E)) error
	}); ok {
		l.decodeAll = c.DecodeAll
	}
	if (cfg.Key != nil || cfg.DropSnapshotted) && !cfg.Reader {
		s.compactor = newCompactor(s, cfg.HighWater, cfg.LowWater)
		s.compactor.dropping = cfg.DropSnapshotted
		l.stop = sqlitedb.Go(db, s.compactor.run)
	}
	s.logger().Info("edfsm: log opened", "head", s.head.Load(), "epoch", s.epoch, "wal_pages", sqlitedb.WALFound(db))
	return l, nil
}

// Notify appends the events, all or none, and returns when they are durable:
// they survive the process, and with a disk that honours syncs the machine too.
// Calls that wait for the disk share one transaction.
//
// ctx is obeyed until the turn of the events in a transaction has come; then the
// outcome is waited for.
func (l *Log[E]) Notify(ctx context.Context, events []E) error {
	if l.closed.Load() {
		return l.store.named(ErrClosed)
	}
	if len(events) == 0 {
		return nil
	}
	b := l.batches.Get().(*batch)
	defer l.batches.Put(b)
	if err := l.encode(b, events); err != nil {
		return l.store.named(err)
	}
	return l.store.append(ctx, b)
}

func (l *Log[E]) encode(b *batch, events []E) (err error) {
	clear(b.keys)
	b.data, b.ends, b.keys = b.data[:0], b.ends[:0], b.keys[:0]
	for i, e := range events {
		if b.data, err = l.cfg.Codec.Append(b.data, e); err != nil {
			return fmt.Errorf("encode event %d of %d: %w", i+1, len(events), err)
		}
		b.ends = append(b.ends, len(b.data))
		if l.cfg.Key != nil {
			text, op := l.cfg.Key(e)
			b.keys = append(b.keys, key{known: true, tombstone: text != "" && op == Tombstone, text: text})
		}
		if n := len(b.value(i)) + len(b.key(i).text); n > sqlitedb.MaxValue {
			return fmt.Errorf("event %d of %d: %w: %d", i+1, len(events), ErrTooLarge, n)
		}
	}
	return nil
}

// Compact brings the table log down to LowWater events now, whatever its
// length, and gives all free pages of the file back. It goes as far as replays
// that are under way, followers and subscriptions allow, in slices without a pause
// between them, so that appends are slower meanwhile. Without Config.Key and
// Config.DropSnapshotted it does nothing.
func (l *Log[E]) Compact(ctx context.Context) (Compaction, error) {
	if l.closed.Load() {
		return Compaction{}, l.store.named(ErrClosed)
	}
	if l.cfg.Reader {
		return Compaction{}, l.store.named(ErrReadOnly)
	}
	if l.store.compactor == nil {
		return Compaction{}, nil
	}
	done, _, err := l.store.compactor.compact(ctx, false)
	return done, err
}

// Close ends the log's upkeep and its followers, and refuses further calls; of a
// log that was opened by [Open] it also closes the file, after calls of Notify in
// hand. It may be called more than once.
func (l *Log[E]) Close() (err error) {
	first := !l.closed.Swap(true)
	l.endOpen()
	if l.stop != nil {
		l.stop()
	}
	if l.file != nil {
		err = l.file.Close()
	}
	if first {
		l.store.logger().Info("edfsm: log closed", "error", err)
	}
	return err
}
