package sqlitelog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

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

	// ErrNoLog: a file that was opened for reading only has no such log.
	ErrNoLog = errors.New("no such log")
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

	// ErrClosed: the log, or its file, was closed.
	ErrClosed = sqlitedb.ErrClosed

	// ErrReadOnly: the file was opened for reading only.
	ErrReadOnly = sqlitedb.ErrReadOnly

	// ErrCompacted: another process has compacted the log during a replay.
	// Start again from nothing.
	ErrCompacted = errors.New("compacted by another process meanwhile")

	// ErrCorrupt: a record is not as it was written.
	ErrCorrupt = errors.New("checksum does not match")
)

// Config says how events are kept. The zero value writes JSON and never
// compacts.
type Config[E any] struct {
	// Codec turns events into bytes; nil means codec.Of[E](codec.JSON). The
	// file remembers its name and refuses another.
	Codec codec.Codec[E]

	// Key says which events replace each other. Of those with the same key
	// only the newest needs to be kept; an event with the key "" is always
	// kept. nil: nothing is ever deleted. The state must not depend on what
	// may go: machine/machinetest can prove that. The key of an event is
	// stored with it when it is appended, so a log is to have its Key from the
	// start: a tombstone does not find older events that have none.
	Key func(E) (key string, op KeyOp)

	// HighWater is the number of events in the table log above which it is
	// compacted in the background, until LowWater are left. 0 means 100,000
	// and 50,000.
	HighWater, LowWater int

	// Quarantine lets a replay go on when a record cannot be read: the record
	// is moved to the table quarantine, counted and reported. Otherwise it
	// ends the replay.
	Quarantine bool

	// File says how Open opens the file. New does not look at it.
	File Options
}

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

	stop func() // ends the compactor; nil without one
	file *DB    // the file that Close closes; nil if it is not ours
}

// Open opens the log named "main" in the file at path and becomes its owner:
// whoever had it open before can no longer append. The file is made, with mode
// 0600, if it does not exist; its folder must exist and be writable. ":memory:"
// is a file in memory, for tests.
//
// The path is a plain file name. Close the log when the machine has ended.
func Open[E any](ctx context.Context, path string, cfg Config[E]) (*Log[E], error) {
	db, err := OpenDB(ctx, path, cfg.File)
	if err != nil {
		return nil, err
	}
	l, err := New(ctx, db, "main", cfg)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	l.file = db
	return l, nil
}

// New opens a log of a file and becomes its owner, or only a reader if the file
// is open for reading only. The log is made if the file has none of that name.
// Several logs of a file may be written concurrently; they share transactions.
func New[E any](ctx context.Context, db *DB, name string, cfg Config[E]) (*Log[E], error) {
	if err := cfg.complete(name); err != nil {
		return nil, fmt.Errorf("sqlitelog: %w", err)
	}
	s, err := openStore(ctx, db, name, cfg.Codec.Name())
	if err != nil {
		if _, named := errors.AsType[*fs.PathError](err); !named {
			err = &fs.PathError{Op: "open", Path: db.Path(), Err: err}
		}
		return nil, err
	}
	l := &Log[E]{store: s, cfg: cfg}
	l.batches.New = func() any { return new(batch) }
	if c, ok := cfg.Codec.(interface {
		DecodeAll(data []byte, emit func(E)) error
	}); ok {
		l.decodeAll = c.DecodeAll
	}
	if cfg.Key != nil && !sqlitedb.IsReadOnly(db) {
		s.compactor = newCompactor(s, cfg.HighWater, cfg.LowWater)
		l.stop = sqlitedb.Go(db, s.compactor.run)
	}
	return l, nil
}

// complete checks the configuration and sets defaults.
func (cfg *Config[E]) complete(name string) (err error) {
	if name == "" || len(name) > 255 || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return fmt.Errorf("%q is no name for a log: 1 to 255 bytes of UTF-8 without NUL", name)
	}
	if cfg.Codec == nil {
		if cfg.Codec, err = codec.Of[E](codec.JSON); err != nil {
			return err
		}
	}
	if cfg.HighWater == 0 && cfg.LowWater == 0 {
		cfg.HighWater, cfg.LowWater = 100_000, 50_000
	}
	if cfg.LowWater < 0 || cfg.HighWater < cfg.LowWater {
		return fmt.Errorf("LowWater %d and HighWater %d: want 0 <= LowWater <= HighWater", cfg.LowWater, cfg.HighWater)
	}
	return nil
}

// Notify appends the events, all or none, and returns when they are durable:
// they survive the process, and with a disk that honours syncs the machine too.
// Calls that wait for the disk share one transaction.
//
// ctx is obeyed until the transaction begins; then the outcome is waited for.
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
			b.keys = append(b.keys, key{has: text != "", tombstone: text != "" && op == Tombstone, text: text})
		}
	}
	return nil
}

// Feed gives the events that were in the log when the iteration began, oldest
// first. It reads them in pages and keeps no transaction open meanwhile, so it
// may be slow, be left early, and be walked any number of times; the log is not
// compacted beyond what a replay that is under way has still to see. A record
// that cannot be read ends it with a [*RecordError], unless Config.Quarantine
// says otherwise.
func (l *Log[E]) Feed(ctx context.Context) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		for e, err := range l.Entries(ctx, 0, math.MaxInt64) {
			if !yield(e.Event, err) {
				return
			}
		}
	}
}

// Entry is an event with what the log knows about it.
type Entry[E any] struct {
	Offset     int64
	Key        string
	RecordedAt time.Time // by the wall clock of the writer; in ms; it may go back
	Event      E
}

// Entries is [Log.Feed] for a range of offsets, both included, with the entries
// that the events come from. Events that an old record was split into share its
// entry.
func (l *Log[E]) Entries(ctx context.Context, from, to int64) iter.Seq2[Entry[E], error] {
	return func(yield func(Entry[E], error) bool) {
		if l.closed.Load() {
			yield(Entry[E]{}, l.store.named(ErrClosed))
			return
		}
		var events []E
		var sum checksum
		for r, err := range l.store.records(ctx, from, to) {
			if err == nil {
				if events, err = l.decode(events[:0], r, &sum); err != nil && l.cfg.Quarantine {
					err = l.store.quarantine(ctx, r.offset, err)
				}
			}
			if err != nil {
				yield(Entry[E]{}, err)
				return
			}
			for _, e := range events {
				if !yield(Entry[E]{r.offset, r.key.text, time.UnixMilli(r.recordedAt), e}, nil) {
					return
				}
			}
		}
	}
}

// decode appends the events of a record, which are one unless the codec knows
// an older shape.
func (l *Log[E]) decode(events []E, r record, sum *checksum) ([]E, error) {
	err := ErrCorrupt
	if r.crc == sum.of(l.store.number, r.offset, r.key, r.value) {
		if l.decodeAll != nil {
			err = l.decodeAll(r.value, func(e E) { events = append(events, e) })
		} else {
			var e E
			err = l.cfg.Codec.Decode(r.value, &e)
			events = append(events, e)
		}
	}
	if err != nil {
		return nil, &RecordError{File: l.store.db.Path(), Log: l.store.name, Offset: r.offset, Key: r.key.text, Err: err}
	}
	return events, nil
}

// Head returns the offset of the newest durable event of the log, 0 if there
// was none yet. An offset that was seen by somebody outside and is beyond Head
// after a restart is proof that the file has lost its end.
func (l *Log[E]) Head() int64 { return l.store.head.Load() }

// Compact brings the table log down to LowWater events now, whatever its
// length, and gives all free pages of the file back. It goes as far as replays
// that are under way allow. Without Config.Key it does nothing.
func (l *Log[E]) Compact(ctx context.Context) (Compaction, error) {
	if l.closed.Load() {
		return Compaction{}, l.store.named(ErrClosed)
	}
	if l.store.compactor == nil {
		return Compaction{}, nil
	}
	return l.store.compactor.compact(ctx, false)
}

// Close ends the log's upkeep and refuses further calls; of a log that was
// opened by [Open] it also closes the file, after calls of Notify in hand. It
// may be called more than once.
func (l *Log[E]) Close() error {
	l.closed.Store(true)
	if l.stop != nil {
		l.stop()
	}
	if l.file != nil {
		return l.file.Close()
	}
	return nil
}
