package work

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/edfsm/edfsm/bench/compare/internal/peer"
	"github.com/edfsm/edfsm/history"
)

const createTables = `CREATE TABLE records (name TEXT NOT NULL, at INTEGER NOT NULL, value BLOB NOT NULL);
	CREATE INDEX records_by_name ON records (name, at);
	CREATE TABLE names (name TEXT PRIMARY KEY) WITHOUT ROWID`

// What one writes with SQL.
const (
	numberAll = `SELECT name, at, value FROM (
		SELECT *, ROW_NUMBER() OVER (PARTITION BY name ORDER BY at DESC) AS rank FROM records WHERE name GLOB ?
	) WHERE rank = 1`
	eachName = `SELECT name FROM names WHERE name GLOB ?`
	newestOf = `SELECT name, at, value FROM records WHERE name = ? ORDER BY at DESC LIMIT 1`
	between  = `SELECT name, at, value FROM records WHERE name GLOB ? AND at BETWEEN ? AND ? ORDER BY name, at DESC`
)

// row is the n-th of all, which are of each record in turn: they are stored as
// they would come.
func row(n int) history.Entry[[]byte] {
	record := n % records
	side := "left"
	if record%2 == 1 {
		side = "right"
	}
	return history.Entry[[]byte]{
		Name:  fmt.Sprintf("%s/%02d", side, record),
		Value: event(n),
		At:    moment(n / records),
	}
}

// moment is that of the n-th value of each record.
func moment(n int) time.Time { return time.UnixMilli(1_700_000_000_000 + int64(n)*1000) }

// fillHistory makes a history with so many rows of each record.
func fillHistory(ctx context.Context, path string, rows int) (*history.History, error) {
	h, err := history.Open(ctx, path, history.Config{})
	if err != nil {
		return nil, err
	}
	const most = 1000
	batch := make([]history.Entry[[]byte], 0, most)
	for n := range records * rows {
		batch = append(batch, row(n))
		if len(batch) < most && n+1 < records*rows {
			continue
		}
		if err := h.StoreAll(ctx, batch); err != nil {
			return nil, errors.Join(err, h.Close())
		}
		batch = batch[:0]
	}
	return h, nil
}

// fillTable makes a table with the same rows.
func fillTable(ctx context.Context, d peer.Database, path string, rows int) (*sql.DB, error) {
	db, err := d.Open(path)
	if err != nil {
		return nil, err
	}
	if err := insertAll(ctx, db, records*rows); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func insertAll(ctx context.Context, db *sql.DB, rows int) (err error) {
	if _, err := db.ExecContext(ctx, createTables); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	stmt, err := tx.PrepareContext(ctx, `INSERT INTO records (name, at, value) VALUES (?, ?, ?)`)
	if err != nil {
		return err
	}
	for n := range rows {
		r := row(n)
		if _, err := stmt.ExecContext(ctx, r.Name, r.At.UnixMilli(), r.Value); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO names SELECT DISTINCT name FROM records`); err != nil {
		return err
	}
	return tx.Commit()
}

// count runs a query and counts the rows, whose columns it reads.
func count(ctx context.Context, db *sql.DB, query string, args ...any) (n int, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var name string
	var at int64
	var value []byte
	for rows.Next() {
		if err := rows.Scan(&name, &at, &value); err != nil {
			return n, err
		}
		n++
	}
	return n, rows.Err()
}

// byRecord asks for the names, and then for each of them.
func byRecord(ctx context.Context, db *sql.DB) (n int, err error) {
	names, err := list(ctx, db)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		found, err := count(ctx, db, newestOf, name)
		if err != nil {
			return n, err
		}
		n += found
	}
	return n, nil
}

func list(ctx context.Context, db *sql.DB) (names []string, err error) {
	rows, err := db.QueryContext(ctx, eachName, asked)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

func walk[T any](seq iter.Seq2[T, error]) (n int, err error) {
	for _, err := range seq {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
