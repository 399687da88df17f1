package peer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"sync"

	"github.com/ncruces/go-sqlite3"

	"github.com/edfsm/edfsm/bench/internal/engine"
)

// Its own interface is used and not its driver of database/sql, because that has
// the same name as mattn's and one program cannot have both.
var ncruces = engine.Engine{
	Name:    "ncruces",
	Durable: true,
	How:     "ncruces/go-sqlite3, its own API, one connection behind a mutex: one INSERT a transaction, prepared; WAL, synchronous=FULL; a sync an event",
	Open:    openNcruces,
}

// ncrucesLog is a connection, which one goroutine may use at a time.
type ncrucesLog struct {
	mu     sync.Mutex
	conn   *sqlite3.Conn
	insert *sqlite3.Stmt
}

func openNcruces(dir string) (engine.Log, error) {
	conn, err := sqlite3.Open(filepath.Join(dir, "log.db"))
	if err != nil {
		return nil, err
	}
	l := &ncrucesLog{conn: conn}
	if err := l.prepare(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return l, nil
}

func (l *ncrucesLog) prepare() (err error) {
	err = errors.Join(
		l.set("PRAGMA journal_mode = WAL", "PRAGMA journal_mode", "wal"),
		l.set("PRAGMA synchronous = FULL", "PRAGMA synchronous", "2"))
	if err != nil {
		return err
	}
	if err := l.conn.Exec(createTable); err != nil {
		return err
	}
	l.insert, _, err = l.conn.Prepare(insert)
	return err
}

// set executes a pragma and asks what it has come to: where there is no shared
// memory, WAL is refused without an error.
func (l *ncrucesLog) set(pragma, question, want string) (err error) {
	if err := l.conn.Exec(pragma); err != nil {
		return err
	}
	stmt, _, err := l.conn.Prepare(question)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	if stmt.Step() && stmt.ColumnText(0) != want {
		return fmt.Errorf("%s is %s", question, stmt.ColumnText(0))
	}
	return stmt.Err()
}

func (l *ncrucesLog) Append(_ context.Context, event []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.insert.BindBlob(1, event); err != nil {
		return err
	}
	return l.insert.Exec()
}

// Fill appends events in one transaction.
func (l *ncrucesLog) Fill(events iter.Seq[[]byte]) error {
	if err := l.conn.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for event := range events {
		if err := l.Append(context.Background(), event); err != nil {
			return errors.Join(err, l.conn.Exec("ROLLBACK"))
		}
	}
	return l.conn.Exec("COMMIT")
}

func (l *ncrucesLog) Replay(yield func(event []byte) error) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rows, _, err := l.conn.Prepare(selectAll)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Step() {
		if err := yield(rows.ColumnRawBlob(0)); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (l *ncrucesLog) Close() error { return errors.Join(l.insert.Close(), l.conn.Close()) }
