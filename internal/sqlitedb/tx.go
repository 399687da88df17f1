package sqlitedb

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"
)

// Rx is a read transaction. It is valid until the function it was given to
// returns.
type Rx struct{ conn *sqlite.Conn }

// Tx is a write transaction.
type Tx struct {
	Rx
	id uint64
}

// ID differs between any two transactions of one DB. What was learned from
// the file under one ID is known to hold as long as the ID stays.
func (tx Tx) ID() uint64 { return tx.id }

// Prepare returns the connection's one statement for the query, reset and with
// nothing bound. The query must be a constant: statements are kept for ever.
func (rx Rx) Prepare(query string) (*sqlite.Stmt, error) { return rx.conn.Prepare(query) }

// Exec runs a statement that returns no rows.
func (tx Tx) Exec(query string, args ...any) error { return exec(tx.conn, query, args...) }

// Int returns the first column of the statement's first row, and false if
// there is no row.
func (rx Rx) Int(query string, args ...any) (n int64, ok bool, err error) {
	err = rx.row(query, args, func(stmt *sqlite.Stmt) { n, ok = stmt.ColumnInt64(0), true })
	return n, ok, err
}

// Text is [Rx.Int] for text.
func (rx Rx) Text(query string, args ...any) (s string, ok bool, err error) {
	err = rx.row(query, args, func(stmt *sqlite.Stmt) { s, ok = stmt.ColumnText(0), true })
	return s, ok, err
}

// Each calls scan for each row of the statement.
func (rx Rx) Each(query string, scan func(*sqlite.Stmt) error, args ...any) error {
	stmt, err := bind(rx.conn, query, args)
	if err != nil {
		return err
	}
	for {
		row, err := stmt.Step()
		if err != nil || !row {
			return err
		}
		if err := scan(stmt); err != nil {
			return errors.Join(err, stmt.Reset())
		}
	}
}

func (rx Rx) row(query string, args []any, scan func(*sqlite.Stmt)) error {
	stmt, err := bind(rx.conn, query, args)
	if err != nil {
		return err
	}
	row, err := stmt.Step()
	if err != nil || !row {
		return err
	}
	scan(stmt)
	return stmt.Reset()
}

func exec(conn *sqlite.Conn, query string, args ...any) error {
	stmt, err := bind(conn, query, args)
	if err != nil {
		return err
	}
	for {
		row, err := stmt.Step()
		if err != nil || !row {
			return err
		}
	}
}

func bind(conn *sqlite.Conn, query string, args []any) (*sqlite.Stmt, error) {
	stmt, err := conn.Prepare(query)
	if err != nil {
		return nil, err
	}
	for i, arg := range args {
		switch arg := arg.(type) {
		case int64:
			stmt.BindInt64(i+1, arg)
		case string:
			stmt.BindText(i+1, arg)
		default:
			return nil, fmt.Errorf("sqlitedb: cannot bind a %T", arg)
		}
	}
	return stmt, nil
}

// View runs fn in a read transaction: all that fn reads is of one moment. When
// ctx ends, fn's statements fail and View returns ctx's error. On a file that
// is opened exclusively it waits for the writer, and fn must not call Update.
func View(ctx context.Context, db *DB, fn func(Rx) error) error {
	if err := db.usable(); err != nil {
		return err
	}
	if db.readOnly { // else whoever writes looks around
		if err := db.lookAround(); err != nil {
			return db.usable()
		}
	}
	conn, put, err := db.takeReader(ctx)
	if err != nil {
		return cmp.Or(ctx.Err(), db.usable(), err)
	}
	defer put()
	err = db.view(conn, fn)
	if err != nil && sqlite.ErrCode(err) == sqlite.ResultInterrupt {
		return cmp.Or(ctx.Err(), db.usable(), err)
	}
	return err
}

func (db *DB) view(conn *sqlite.Conn, fn func(Rx) error) (err error) {
	if err := exec(conn, "BEGIN"); err != nil {
		return err
	}
	defer func() {
		conn.SetInterrupt(nil) // else ROLLBACK would be refused; it also resets the statements
		if conn.AutocommitEnabled() {
			return
		}
		if rollback := exec(conn, "ROLLBACK"); rollback != nil {
			db.fail(rollback)
			err = errors.Join(err, rollback)
		}
	}()
	return fn(Rx{conn})
}

// takeReader returns a connection whose statements end with ctx, and with the
// database.
func (db *DB) takeReader(ctx context.Context) (conn *sqlite.Conn, put func(), err error) {
	if db.readers != nil {
		conn, err = db.readers.Take(ctx)
		return conn, func() { db.readers.Put(conn) }, err
	}
	select {
	case db.writer <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	if db.conn == nil {
		<-db.writer
		return nil, nil, fmt.Errorf("%s: %w", db.path, ErrClosed)
	}
	both, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(db.open, cancel)
	db.conn.SetInterrupt(both.Done())
	return db.conn, func() {
		db.conn.SetInterrupt(nil)
		stop()
		cancel()
		<-db.writer
	}, nil
}
