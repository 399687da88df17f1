package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// Config says how values are kept. The zero value keeps them for ever and is
// silent.
type Config struct {
	// Retention says what is deleted with time: right after the history was
	// opened and then every 24 h, in the background. Of the rules that match a
	// record the one whose pattern has most literal bytes holds for it, and of
	// such the first. A record that no rule matches is kept.
	Retention []Rule

	// Queue is how many calls may wait for a transaction; further ones wait for
	// a place. 0 means 1,024.
	Queue int

	// Logger is told of openings, rows that do not decode though they have the
	// codec, runs of the retention, failures and closings. nil: silent.
	Logger *slog.Logger

	// File says how Open opens the file; without a Logger of its own it has
	// that of the history. New does not look at it.
	File Options
}

// History is the values of records over time, in an SQLite file. It may be used
// concurrently. Its own methods keep values as bytes; [Of] gives a view of
// values of a type.
type History struct {
	db     *sqlitedb.DB
	file   *file
	logger *slog.Logger
	rules  []rule
	places chan struct{} // as many as calls may wait
	closed atomic.Bool

	stop func() // ends the retention; nil without one
	own  *DB    // the file that Close closes; nil if it is not ours
}

// Open opens the history in the file at path. The file is made, with mode 0600,
// if it does not exist; its folder must exist and be writable. ":memory:" is a
// file in memory, for tests.
//
// The path is a plain file name. Other processes may open the file too.
func Open(ctx context.Context, path string, cfg Config) (*History, error) {
	if cfg.File.Logger == nil {
		cfg.File.Logger = cfg.Logger
	}
	db, err := OpenDB(ctx, path, cfg.File)
	if err != nil {
		return nil, err
	}
	h, err := New(ctx, db, cfg)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	h.own = db
	return h, nil
}

// New opens the history of a file. There is one in each file, which may be
// opened more than once.
func New(ctx context.Context, db *DB, cfg Config) (*History, error) {
	rules, err := compile(cfg.Retention)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	if cfg.Queue < 0 {
		return nil, fmt.Errorf("history: Queue is %d", cfg.Queue)
	}
	if cfg.Queue == 0 {
		cfg.Queue = 1024
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if err := sqlitedb.Ensure(ctx, db, tables); err != nil {
		if _, named := errors.AsType[*fs.PathError](err); !named {
			err = &fs.PathError{Op: "open", Path: sqlitedb.Path(db), Err: err}
		}
		return nil, err
	}
	h := &History{
		db:     db,
		file:   fileOf(db),
		logger: cfg.Logger.With("file", sqlitedb.Path(db)),
		rules:  rules,
		places: make(chan struct{}, cfg.Queue),
	}
	h.logger.Info("edfsm: history opened")
	if len(rules) > 0 && !sqlitedb.IsReadOnly(db) {
		h.stop = sqlitedb.Go(db, h.runRetention)
	}
	return h, nil
}

// Close ends the retention, waits until it has, and refuses further calls. Of a
// history that was opened by [Open] it also closes the file, after the calls in
// hand. The file of one that was made by [New] stays open, calls in hand go on
// there, and whoever has opened it closes it. Close may be called more than once.
func (h *History) Close() (err error) {
	first := !h.closed.Swap(true)
	if h.stop != nil {
		h.stop()
	}
	if h.own != nil {
		err = h.own.Close()
	}
	if first {
		h.logger.Info("edfsm: history closed", "error", err)
	}
	return err
}

// usable returns why the history refuses a call, if so.
func (h *History) usable() error {
	if h.closed.Load() {
		return fmt.Errorf("%s: history: %w", sqlitedb.Path(h.db), ErrClosed)
	}
	return nil
}

// named says in which file and record an error has happened.
func (h *History) named(record string, err error) error {
	switch {
	case err == nil || ofNoRecord(err):
		return err
	case record == "":
		return fmt.Errorf("%s: %w", sqlitedb.Path(h.db), err)
	}
	return fmt.Errorf("%s: record %.64q: %w", sqlitedb.Path(h.db), record, err)
}

// ofNoRecord reports whether an error is one of the file as a whole, which says
// so itself, or of a context.
func ofNoRecord(err error) bool {
	return slices.ContainsFunc([]error{
		ErrUncertain, ErrFailed, ErrBusy, ErrClosed, ErrReadOnly, context.Canceled, context.DeadlineExceeded,
	}, func(target error) bool { return errors.Is(err, target) })
}
