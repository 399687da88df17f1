package sqlitedb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Why a file cannot be opened. They are wrapped, like errors of package os, in
// an [fs.PathError] that names the file.
var (
	// ErrNotDatabase: the path names something that is no SQLite file.
	ErrNotDatabase = errors.New("not an SQLite database")

	// ErrForeign: the file is the database of another application.
	ErrForeign = errors.New("a database of another application")

	// ErrSchema: the file was written by a version of this module that lays
	// out its tables in another way.
	ErrSchema = errors.New("unsupported schema version")
)

const (
	applicationID = 0x65646673 // "edfs"

	// minSQLite is the first version without the WAL-reset bug, in which a
	// checkpoint could corrupt the file.
	minSQLite = 3_051_003

	// busyTimeout is how long a connection waits for a lock of another process.
	busyTimeout = 10 * time.Second

	// busyPause is how soon the writer asks for the lock again. SQLite itself
	// backs off to 100 ms, and so never gets it beside a busy process.
	busyPause = 500 * time.Microsecond

	readerCount = 4

	// MaxValue is the most bytes that what is stored in a row may have, but for
	// maxBeside bytes more.
	MaxValue  = 256 << 20
	maxBeside = 1 << 20

	// minFileSize is SQLite's smallest page. SQLite takes anything shorter for
	// an empty file and would write over it.
	minFileSize = 512

	// maxPath is what SQLite takes on Unix, with what it adds to a name.
	maxPath = 512
)

// Open opens the database at path and makes it if there is none. The file is
// made with mode 0600; its folder must exist and be writable, as SQLite keeps
// two more files there while the database is open. The path is a plain file
// name. ":memory:" means a database in memory that only this handle sees, and is
// opened exclusively.
//
// A file that is not ours is left as it is.
func Open(ctx context.Context, path string, opts Options) (_ *DB, err error) {
	defer func() {
		if err != nil {
			err = &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}()
	if sqlite.VersionNumber < minSQLite {
		return nil, fmt.Errorf("SQLite %s can corrupt the WAL, 3.51.3 or newer is needed: require a newer modernc.org/sqlite", sqlite.Version)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	name, flags, err := locate(path, opts)
	if err != nil {
		return nil, err
	}
	if path == ":memory:" { // it has no WAL, and so readers would hold up the writer
		opts.Exclusive = true
	}
	db := &DB{
		path:     path,
		name:     name,
		logger:   opts.Logger,
		readOnly: opts.ReadOnly,
		foreign:  opts.ForeignCheckpoints,
		writer:   make(chan struct{}, 1),
		parts:    make(map[string]any),
	}
	db.open, db.endOpen = context.WithCancel(context.WithoutCancel(ctx))
	if err := db.connect(ctx, flags, opts); err != nil {
		return nil, errors.Join(explain(err), db.abandon())
	}
	return db, nil
}

// connect opens the connections. After an error some may be open.
func (db *DB) connect(ctx context.Context, flags sqlite.OpenFlags, opts Options) (err error) {
	if filepath.IsAbs(db.name) {
		if err := db.remember(db.name); err != nil {
			return err
		}
	}
	if !opts.ReadOnly {
		if db.conn, err = openWriter(ctx, db.name, flags, opts); err != nil {
			return err
		}
		if err := db.settleWAL(); err != nil {
			return err
		}
	}
	if !opts.Exclusive {
		if db.readers, err = db.openReaders(flags &^ sqlite.OpenCreate); err != nil {
			return err
		}
	}
	if opts.ReadOnly {
		if err := View(ctx, db, ours); err != nil {
			return err
		}
	}
	if err := db.rememberBeside(opts.Exclusive); err != nil {
		return err
	}
	return db.moved() // meanwhile
}

var memoryCount atomic.Int64

// locate returns what SQLite is to open, after it has made sure that the file
// exists and is ours or empty.
func locate(path string, opts Options) (name string, flags sqlite.OpenFlags, err error) {
	if opts.Exclusive && opts.ReadOnly {
		return "", 0, errors.New("a file cannot be opened both exclusively and read-only")
	}
	if opts.Exclusive && opts.ForeignCheckpoints {
		return "", 0, errors.New("a file that is opened exclusively has no foreign checkpoints")
	}
	if path == ":memory:" {
		if opts.ReadOnly {
			return "", 0, errors.New("a file in memory cannot be opened read-only")
		}
		name := fmt.Sprintf("file:/edfsm-%d?vfs=memdb", memoryCount.Add(1))
		return name, sqlite.OpenReadWrite | sqlite.OpenCreate | sqlite.OpenURI, nil
	}
	name, err = absolute(path)
	if err != nil {
		return "", 0, err
	}
	if err := createFile(name, opts.ReadOnly); err != nil {
		return "", 0, err
	}
	flags = sqlite.OpenReadOnly
	if !opts.ReadOnly {
		flags = sqlite.OpenReadWrite
		if err := mayWrite(name); err != nil { // else SQLite opens it for reading, without a word
			return "", 0, fmt.Errorf("%w: the file must be writable: %w", fs.ErrPermission, err)
		}
	}
	return name, flags, checkUntouched(name)
}

// absolute returns a path that has no chance of being taken for a URI or a
// database in memory.
func absolute(path string) (string, error) {
	if path == "" || path == ":memory:" || strings.ContainsRune(path, 0) {
		return "", fmt.Errorf("%w: not a file name", fs.ErrInvalid)
	}
	name, err := filepath.Abs(path)
	if err == nil && len(name)+len(journalSuffix) > maxPath {
		err = fmt.Errorf("%w: %d bytes, and SQLite takes %d", syscall.ENAMETOOLONG, len(name), maxPath-len(journalSuffix))
	}
	return name, err
}

// createFile makes an empty file unless there is one, or unless a reader asks. It never opens an
// existing file: closing it would drop the locks that SQLite holds on it in
// this process.
func createFile(name string, readOnly bool) error {
	info, err := os.Stat(name)
	if err == nil {
		switch mode := info.Mode(); {
		case mode.IsDir():
			return fmt.Errorf("%w: it is a directory", ErrNotDatabase)
		case !mode.IsRegular():
			return fmt.Errorf("%w: it is not a regular file", ErrNotDatabase)
		case info.Size() > 0 && info.Size() < minFileSize:
			return fmt.Errorf("%w: it has %d bytes", ErrNotDatabase, info.Size())
		}
		real, err := RealPath(name)
		if err != nil {
			return reason(err)
		}
		if info.Size() > 0 {
			return hasRoom(real)
		}
		return cmp.Or(hasRoom(real), notLost(real))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return reason(err)
	}
	if bad := cmp.Or(hasRoom(name), notLost(name)); bad != nil || readOnly {
		return cmp.Or(bad, reason(err))
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) { // made meanwhile, or a link to nothing
		_, err = os.Stat(name)
		return reason(err)
	}
	if err != nil {
		return reason(err)
	}
	return f.Close()
}

// hasRoom refuses a name to which nothing can be added.
func hasRoom(name string) error {
	_, err := os.Stat(name + journalSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return reason(err)
}

// notLost refuses a file that is empty or not there if its WAL still is: SQLite
// would delete that, with the newest of what was in the file.
func notLost(name string) error {
	used, err := hasBytes(name + walSuffix)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !used {
		return nil
	}
	if err != nil {
		return reason(err)
	}
	if info, err := os.Stat(name); err == nil && info.Size() > 0 { // by now
		return nil
	}
	return fmt.Errorf("%w: %s, but the file is gone or empty", ErrUnclean, filepath.Base(name)+walSuffix)
}

// reason is the error without the path, which Open names.
func reason(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// checkUntouched refuses a file that is plainly not ours, and leaves no trace.
// What it cannot tell, ours does, later.
func checkUntouched(name string) error {
	conn, err := openImmutable(name)
	if err != nil {
		return explain(err)
	}
	err = explain(ours(Rx{conn}))
	switch {
	case errors.Is(err, ErrNotDatabase): // or it was torn when it was made, which SQLite undoes
		hot, unknown := isHot(name + journalSuffix)
		if hot || unknown != nil && !errors.Is(unknown, fs.ErrNotExist) {
			err = nil
		}
	case !errors.Is(err, ErrForeign):
		err = nil
	}
	return errors.Join(err, conn.Close())
}

// ours refuses a database that is neither empty nor one of ours.
func ours(rx Rx) error {
	// Both of one moment, as somebody else may be making the tables just now.
	const query = "SELECT (SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)"
	return rx.Each(query, func(stmt *sqlite.Stmt) error {
		id, tables := stmt.ColumnInt64(0), stmt.ColumnInt64(1)
		if id != applicationID && (id != 0 || tables != 0) {
			return fmt.Errorf("%w: application_id is %#x, with %d tables and indexes", ErrForeign, uint32(id), tables)
		}
		return nil
	})
}

func openWriter(ctx context.Context, name string, flags sqlite.OpenFlags, opts Options) (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn(name, flags)
	if err != nil {
		return nil, err
	}
	conn.SetBusyTimeout(0) // see begin
	err = patiently(ctx, time.Now().Add(busyTimeout), func() error { return setUpWriter(conn, flags&sqlite.OpenURI != 0, opts) })
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func setUpWriter(conn *sqlite.Conn, inMemory bool, opts Options) error {
	if opts.Exclusive { // before WAL, else shared memory is used all the same
		if err := exec(conn, "PRAGMA locking_mode = EXCLUSIVE"); err != nil {
			return err
		}
	}
	if err := ours(Rx{conn}); err != nil {
		return err
	}
	pages, _, err := Rx{conn}.Int("PRAGMA page_count")
	if err != nil {
		return err
	}
	if pages == 0 { // only a new file can be made to give pages back in steps
		if err := exec(conn, "PRAGMA auto_vacuum = INCREMENTAL"); err != nil {
			return err
		}
	}
	mode, _, err := Rx{conn}.Text("PRAGMA journal_mode = WAL")
	if err != nil {
		return err
	}
	if mode != "wal" && !inMemory {
		return fmt.Errorf("the file system does not support WAL (journal mode is %q)", mode)
	}
	synchronous := "PRAGMA synchronous = FULL"
	if opts.Durability == Normal {
		synchronous = "PRAGMA synchronous = NORMAL"
	}
	for _, pragma := range []string{
		synchronous,
		"PRAGMA fullfsync = ON", // on macOS a sync without it stops at the disk's cache
		"PRAGMA checkpoint_fullfsync = ON",
		"PRAGMA temp_store = MEMORY",
		"PRAGMA wal_autocheckpoint = 0",       // see checkpoint.go
		"PRAGMA journal_size_limit = 8192000", // see checkpoint.go
	} {
		if err := exec(conn, pragma); err != nil {
			return err
		}
	}
	return bound(conn)
}

// bound limits the memory of a connection: SQLite's is not Go's, so GOMEMLIMIT
// does not see it.
func bound(conn *sqlite.Conn) error {
	conn.Limit(sqlite.LimitLength, MaxValue+maxBeside)
	return exec(conn, "PRAGMA cache_size = -2000") // KiB, as is SQLite's default
}

// patiently tries again as long as another process is in the way, until a
// deadline, and leaves with ctx.
func patiently(ctx context.Context, deadline time.Time, try func() error) error {
	for {
		err := try()
		if sqlite.ErrCode(err).ToPrimary() != sqlite.ResultBusy {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%w: %w", ErrBusy, err)
		}
		if err := Rest(ctx, busyPause); err != nil {
			return err
		}
	}
}

func (db *DB) openReaders(flags sqlite.OpenFlags) (*sqlitex.Pool, error) {
	return sqlitex.NewPool(db.name, sqlitex.PoolOptions{
		Flags:    flags,
		PoolSize: readerCount,
		PrepareConn: func(conn *sqlite.Conn) error {
			if err := db.moved(); err != nil { // it would open another WAL
				return err
			}
			conn.SetBusyTimeout(busyTimeout)
			return errors.Join(bound(conn), exec(conn, "PRAGMA query_only = ON"))
		},
	})
}

// explain adds what a caller can act on to an error of SQLite.
func explain(err error) error {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultNotADB:
		return fmt.Errorf("%w: %w", ErrNotDatabase, err)
	case sqlite.ResultCorrupt:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	case sqlite.ResultCantOpen, sqlite.ResultReadOnly, sqlite.ResultPerm, sqlite.ResultAuth:
		return fmt.Errorf("%w: the file and its folder must be writable: %w", fs.ErrPermission, err)
	case sqlite.ResultFull:
		return full(err)
	case sqlite.ResultBusy:
		if !errors.Is(err, ErrBusy) {
			return fmt.Errorf("%w: %w", ErrBusy, err)
		}
	}
	return err
}

// full says so of an error of SQLite that means it, unless it is that of an
// earlier call.
func full(err error) error {
	if sqlite.ErrCode(err).ToPrimary() == sqlite.ResultFull && !errors.Is(err, ErrFailed) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}
