package peer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"path/filepath"

	_ "modernc.org/sqlite"

	"github.com/edfsm/edfsm/bench/internal/engine"
)

const (
	createTable = `CREATE TABLE IF NOT EXISTS log (offset INTEGER PRIMARY KEY, value BLOB NOT NULL)`
	insert      = `INSERT INTO log (value) VALUES (?)`
	selectAll   = `SELECT value FROM log ORDER BY offset`
)

// Database is SQLite behind a driver of database/sql.
type Database struct {
	Name             string
	driver, settings string
}

var moderncDB = Database{"sql-modernc", "sqlite", "_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"}

// Databases is all of them.
func Databases() []Database { return append(cgoDatabases, moderncDB) }

// Open opens a file, which is made if there is none. It has one connection,
// because SQLite has one writer: more of them wait for each other by polling.
func (d Database) Open(path string) (*sql.DB, error) {
	file, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	name := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(file), RawQuery: d.settings}
	db, err := sql.Open(d.driver, name.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if err := isDurable(db); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", file, err), db.Close())
	}
	return db, nil
}

// isDurable asks for what was set: drivers pass over settings they do not know.
func isDurable(db *sql.DB) error {
	var mode string
	var synchronous int
	err := errors.Join(
		db.QueryRow("PRAGMA journal_mode").Scan(&mode),
		db.QueryRow("PRAGMA synchronous").Scan(&synchronous))
	if err == nil && (mode != "wal" || synchronous != 2) {
		err = fmt.Errorf("journal_mode is %s, synchronous is %d", mode, synchronous)
	}
	return err
}

func (d Database) engine(module string) engine.Engine {
	return engine.Engine{
		Name:    d.Name,
		Durable: true,
		How:     "database/sql over " + module + ": one INSERT a transaction, prepared, one connection; WAL, synchronous=FULL; a sync an event",
		Open:    d.openLog,
	}
}

// sqlLog is a log in a database.
type sqlLog struct {
	db     *sql.DB
	insert *sql.Stmt
}

func (d Database) openLog(dir string) (engine.Log, error) {
	db, err := d.Open(filepath.Join(dir, "log.db"))
	if err != nil {
		return nil, err
	}
	l := &sqlLog{db: db}
	if err := l.prepare(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return l, nil
}

func (l *sqlLog) prepare() (err error) {
	if _, err := l.db.Exec(createTable); err != nil {
		return err
	}
	l.insert, err = l.db.Prepare(insert)
	return err
}

func (l *sqlLog) Append(ctx context.Context, event []byte) error {
	_, err := l.insert.ExecContext(ctx, event)
	return err
}

// Fill appends events in one transaction.
func (l *sqlLog) Fill(events iter.Seq[[]byte]) error {
	tx, err := l.db.Begin()
	if err != nil {
		return err
	}
	stmt := tx.Stmt(l.insert)
	for event := range events {
		if _, err := stmt.Exec(event); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

func (l *sqlLog) Replay(yield func(event []byte) error) (err error) {
	rows, err := l.db.Query(selectAll)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var event sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&event); err != nil {
			return err
		}
		if err := yield(event); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (l *sqlLog) Close() error { return errors.Join(l.insert.Close(), l.db.Close()) }
