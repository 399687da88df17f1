package sqlitedb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
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

	readerCount = 4

	// minFileSize is SQLite's smallest page. SQLite takes anything shorter for
	// an empty file and would write over it.
	minFileSize = 512
)

// Open opens the database at path and makes it if there is none. The file is
// made with mode 0600; its folder must exist and be writable, as SQLite keeps
// two more files there while the database is open. The path is a plain file
// name. ":memory:" means a database in memory that only this handle sees.
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
	db := &DB{
		path:     path,
		logger:   opts.Logger,
		readOnly: opts.ReadOnly,
		writer:   make(chan struct{}, 1),
		parts:    make(map[string]any),
	}
	if !opts.ReadOnly {
		if db.conn, err = openWriter(name, flags, opts); err != nil {
			return nil, explain(err)
		}
	}
	if !opts.Exclusive {
		if db.readers, err = openReaders(name, flags&^sqlite.OpenCreate); err != nil {
			return nil, errors.Join(explain(err), db.closeWriter())
		}
	}
	if opts.ReadOnly {
		if err := View(ctx, db, ours); err != nil {
			return nil, errors.Join(explain(err), db.Close())
		}
	}
	return db, nil
}

var memoryCount atomic.Int64

// locate returns what SQLite is to open, after it has made sure that the file
// exists and is ours or empty.
func locate(path string, opts Options) (name string, flags sqlite.OpenFlags, err error) {
	if opts.Exclusive && opts.ReadOnly {
		return "", 0, errors.New("a file cannot be opened both exclusively and read-only")
	}
	if path == ":memory:" {
		name := fmt.Sprintf("file:/edfsm-%d?vfs=memdb", memoryCount.Add(1))
		return name, sqlite.OpenReadWrite | sqlite.OpenCreate | sqlite.OpenURI, nil
	}
	if path == "" || strings.ContainsRune(path, 0) {
		return "", 0, errors.New("not a file name")
	}
	// An absolute path has no chance of being taken for a URI.
	name, err = filepath.Abs(path)
	if err != nil {
		return "", 0, err
	}
	if err := createFile(name, opts.ReadOnly); err != nil {
		return "", 0, err
	}
	flags = sqlite.OpenReadWrite
	if opts.ReadOnly {
		flags = sqlite.OpenReadOnly
	}
	return name, flags, checkUntouched(name)
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
		return nil
	}
	if readOnly || !errors.Is(err, fs.ErrNotExist) {
		return reason(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return reason(err)
	}
	return f.Close()
}

// reason is the error without the path, which Open names.
func reason(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// checkUntouched refuses a file that is plainly not ours, through a connection
// that leaves no trace: it takes the file for one that nobody writes, and so
// neither locks it nor opens its WAL. What it cannot tell, ours does, later.
func checkUntouched(name string) error {
	uri := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(name), RawQuery: "immutable=1"}
	if !strings.HasPrefix(uri.Path, "/") { // C:/…
		uri.Path = "/" + uri.Path
	}
	conn, err := sqlite.OpenConn(uri.String(), sqlite.OpenReadOnly, sqlite.OpenURI)
	if err != nil {
		return explain(err)
	}
	err = explain(ours(Rx{conn}))
	if !errors.Is(err, ErrForeign) && !errors.Is(err, ErrNotDatabase) {
		err = nil
	}
	return errors.Join(err, conn.Close())
}

// ours refuses a database that is neither empty nor one of ours.
func ours(rx Rx) error {
	id, _, err := rx.Int("PRAGMA application_id")
	if err != nil {
		return err
	}
	if id == applicationID {
		return nil
	}
	tables, _, err := rx.Int("SELECT count(*) FROM sqlite_schema")
	if err != nil {
		return err
	}
	if id != 0 || tables != 0 {
		return fmt.Errorf("%w: application_id is %#x, with %d tables and indexes", ErrForeign, uint32(id), tables)
	}
	return nil
}

func openWriter(name string, flags sqlite.OpenFlags, opts Options) (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn(name, flags)
	if err != nil {
		return nil, err
	}
	conn.SetBusyTimeout(busyTimeout)
	if err := setUpWriter(conn, flags&sqlite.OpenURI != 0, opts); err != nil {
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
		"PRAGMA temp_store = MEMORY",
		"PRAGMA wal_autocheckpoint = 0", // see checkpoint.go
	} {
		if err := exec(conn, pragma); err != nil {
			return err
		}
	}
	return nil
}

func openReaders(name string, flags sqlite.OpenFlags) (*sqlitex.Pool, error) {
	return sqlitex.NewPool(name, sqlitex.PoolOptions{
		Flags:    flags,
		PoolSize: readerCount,
		PrepareConn: func(conn *sqlite.Conn) error {
			conn.SetBusyTimeout(busyTimeout)
			return exec(conn, "PRAGMA query_only = ON")
		},
	})
}

// explain adds what a caller can act on to an error of SQLite.
func explain(err error) error {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultNotADB:
		return fmt.Errorf("%w: %w", ErrNotDatabase, err)
	case sqlite.ResultCantOpen, sqlite.ResultReadOnly, sqlite.ResultPerm, sqlite.ResultAuth:
		return fmt.Errorf("%w: the file and its folder must be writable: %w", fs.ErrPermission, err)
	case sqlite.ResultBusy:
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return err
}
