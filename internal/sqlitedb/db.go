// Package sqlitedb is what sqlitelog and history share: one SQLite file with
// one writer and many readers.
//
// [Update] runs a function in a write transaction and returns when that is
// durable. Callers that wait for the writer share a transaction, and with it
// one sync of the disk (group commit). [View] runs a function in a read
// transaction, on a connection that cannot write. Every connection belongs to
// this package; nothing above it holds one over user code.
//
// A COMMIT that fails leaves unknown what is on disk. From then on the handle
// refuses everything, and recovery is to open the file again.
package sqlitedb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Outcomes of Update and View. They wrap their cause.
var (
	// ErrUncertain: COMMIT failed. The changes may or may not be in the file
	// when it is opened again.
	ErrUncertain = errors.New("commit failed, its outcome is unknown")

	// ErrFailed: the file was given up after an earlier failure, which is
	// wrapped. Nothing was written.
	ErrFailed = errors.New("unusable since an earlier failure")

	// ErrBusy: another process has held the write lock for longer than a
	// caller may wait. Nothing was written.
	ErrBusy = errors.New("locked by another process")

	// ErrFull: the device has no room. Nothing was written, unless ErrUncertain
	// comes with it.
	ErrFull = errors.New("disk full")

	// ErrReadOnly: the file was opened for reading only.
	ErrReadOnly = errors.New("opened read-only")

	// ErrClosed: the database was closed. Nothing was written.
	ErrClosed = errors.New("closed")
)

// DB is one open SQLite file. It may be used concurrently.
type DB struct {
	path     string
	name     string // absolute, or what SQLite calls a database in memory
	logger   *slog.Logger
	readOnly bool
	foreign  bool          // somebody else runs checkpoints
	readers  *sqlitex.Pool // nil: opened exclusively, conn is for all

	// writer is the right to use conn: whoever has sent to it has the
	// connection until he receives.
	writer    chan struct{}
	conn      *sqlite.Conn // nil when it had to be given up
	tx        uint64       // number of transactions begun
	walLooked uint64       // tx when the WAL was looked at
	walTried  int          // pages in the WAL when the last checkpoint was run
	walFound  int          // pages in the WAL when the file was opened
	places    []place      // of the file, and of what is beside it
	owesWAL   bool         // the file was moved, and a reader has held up what was to be copied back

	mu      sync.Mutex
	forming *group // callers that wait for the next transaction
	failed  error  // the first failure after which nothing is known
	closed  bool
	parts   map[string]any

	closeOnce sync.Once
	closeErr  error

	open    context.Context // ends when Close begins
	endOpen context.CancelFunc
	work    sync.WaitGroup // the goroutines started by Go
}

// Path returns the name of the file as it was opened.
func Path(db *DB) string { return db.path }

// usable returns why the database cannot be used, if so.
func (db *DB) usable() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.usableLocked()
}

func (db *DB) usableLocked() error {
	if db.failed != nil {
		return fmt.Errorf("%s: %w: %w", db.path, ErrFailed, db.failed)
	}
	if db.closed {
		return fmt.Errorf("%s: %w", db.path, ErrClosed)
	}
	return nil
}

// fail gives the database up, for the first cause it is told.
func (db *DB) fail(cause error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.failed == nil {
		db.failed = cause
		db.logger.Error("edfsm: database given up", "file", db.path, "error", cause)
	}
}

// Close stops what runs in the background, waits for the updates it has
// accepted, interrupts readers, and closes the file. Later calls return what
// the first one did.
func (db *DB) Close() error {
	db.closeOnce.Do(func() { db.closeErr = db.close() })
	return db.closeErr
}

func (db *DB) close() error {
	db.refuse()
	db.work.Wait()
	db.drain()
	defer func() { <-db.writer }()
	keeper, err := db.keepWAL()
	errs := []error{err}
	if db.readers != nil {
		errs = append(errs, db.readers.Close())
	}
	if db.conn != nil {
		errs = append(errs, db.lookLast())
	}
	errs = append(errs, db.closeWriter())
	if keeper != nil {
		errs = append(errs, keeper.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s: close: %w", db.path, err)
	}
	return nil
}

// abandon closes what was opened of a database that cannot be.
func (db *DB) abandon() (err error) {
	db.endOpen()
	if db.readers != nil {
		err = db.readers.Close()
	}
	return errors.Join(err, db.closeWriter())
}

func (db *DB) hasFailed() bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.failed != nil
}

// closeWriter gives the writer's connection up, and with it its locks.
func (db *DB) closeWriter() error {
	if db.conn == nil {
		return nil
	}
	conn := db.conn
	db.conn = nil
	return conn.Close()
}

// refuse makes new calls fail and tells the background to end.
func (db *DB) refuse() {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.closed = true
	db.endOpen()
}

// drain takes the writer once no accepted update is left.
func (db *DB) drain() {
	for {
		db.writer <- struct{}{}
		db.mu.Lock()
		idle := db.forming == nil
		db.mu.Unlock()
		if idle {
			return
		}
		<-db.writer
	}
}

// Go runs fn in a goroutine that stop, or Close at the latest, ends through
// ctx and waits for.
func Go(db *DB, fn func(ctx context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(db.open)
	done := make(chan struct{})
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed { // nobody waits for work any more
		cancel()
		close(done)
		return func() {}
	}
	db.work.Go(func() {
		defer close(done)
		fn(ctx)
	})
	return func() {
		cancel()
		<-done
	}
}

// WALFound returns how many pages were in the WAL when the file was opened for
// writing: of a process that has ended without closing it, or has it open.
func WALFound(db *DB) int { return db.walFound }

// Lifetime returns a context that ends when Close begins.
func Lifetime(db *DB) context.Context { return db.open }

// Logger returns where the parts of a file report to; never nil.
func Logger(db *DB) *slog.Logger { return db.logger }

// Shared returns the value that all parts of this process that use db have in
// common under name. make is called for the first of them.
func Shared[T any](db *DB, name string, make func() *T) *T {
	db.mu.Lock()
	defer db.mu.Unlock()
	if v, ok := db.parts[name].(*T); ok {
		return v
	}
	v := make()
	db.parts[name] = v
	return v
}

// IsReadOnly reports whether the file was opened for reading only.
func IsReadOnly(db *DB) bool { return db.readOnly }
