package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/edfsm/edfsm/internal/sqlitedb"
	"github.com/edfsm/edfsm/timeutil"
	"zombiezen.com/go/sqlite"
)

// Imported is how far an import has come.
type Imported struct {
	Rows   int64 // stored by this call
	Bad    int64 // passed over by this call, with the consent of ImportOptions.Bad
	ID     int64 // of the last row that was dealt with, by this call or one before
	LastID int64 // of the last row of the source
}

// ImportOptions say who is told about an import. The zero value tells nobody.
type ImportOptions struct {
	// Progress is called after each transaction.
	Progress func(Imported)

	// Bad is called for each row that cannot be stored, in the order of their
	// ids. If it returns nil the row is passed over, else the import ends with
	// its error. nil: it ends with the [*ImportError].
	Bad func(*ImportError) error
}

// ImportError says which row of a source cannot be stored, and why: [ErrName],
// [ErrTime], [ErrTooLarge], [ErrJSON], or [ErrCodec] if its record has values
// that are not JSON.
type ImportError struct {
	Path string
	ID   int64
	Err  error
}

func (e *ImportError) Error() string {
	return fmt.Sprintf("%s: record_history, id %d: %v", e.Path, e.ID, e.Err)
}

func (e *ImportError) Unwrap() error { return e.Err }

// importBytes and pageRows are how much is stored in one transaction.
const importBytes = 1 << 20

// Import stores the rows of another database, in the order of their ids, which
// has a table
//
//	record_history(id, record_name, value_json, stored_at)
//
// with JSON as values and Unix ms as stored_at. They have the codec "json". Each id
// must be an integer and the only one, else the error is [ErrID]. The source is
// only read and nothing is left beside it; no program may write it meanwhile. One that has a WAL or a journal which was not written back is
// refused with [ErrUnclean]: close the program that has it open, or, if that was
// killed, open and close it once with the sqlite3 shell.
//
// Rows are stored in transactions of some 1,000, and with each the file keeps how
// far it has come. So an import that was ended by an error, by ctx or with the
// process is taken up where it stopped when it is called again, and no row is
// stored twice: also after an import that was complete only rows with greater
// ids are stored. A source is known by its absolute path without symbolic links.
// Of two imports of a source at a time one ends with [ErrImporting].
func (h *History) Import(ctx context.Context, path string, opts ImportOptions) (Imported, error) {
	if err := h.usable(); err != nil {
		return Imported{}, err
	}
	source, err := sqlitedb.RealPath(path)
	if err != nil {
		return Imported{}, err
	}
	im := &importing{h: h, path: path, source: source, opts: opts, refused: make(map[string]error)}
	err = sqlitedb.View(ctx, h.db, func(rx sqlitedb.Rx) (err error) {
		im.done.ID, im.begun, err = rx.Int(importedSo, source)
		return err
	})
	err = h.named("", err)
	if err == nil {
		err = sqlitedb.ViewUntouched(ctx, path, func(rx sqlitedb.Rx) error { return im.run(ctx, rx) })
	}
	return im.done, err
}

const importedSo = "SELECT last FROM history_imports WHERE source = ?"

type importing struct {
	h            *History
	path, source string
	opts         ImportOptions
	done         Imported
	begun        bool // the file says how far the import has come

	rows []newRow // read and not yet stored
	size int      // bytes in rows
	bad  int      // passed over since the last transaction
	id   int64    // of the last row that was read

	refused map[string]error // why not, or nil, for the records in rows
}

func (im *importing) run(ctx context.Context, rx sqlitedb.Rx) error {
	im.id = math.MinInt64
	if im.begun {
		im.id = im.done.ID
	}
	stmt, err := im.prepare(rx)
	if err != nil {
		return err
	}
	resumed := im.begun
	for first := true; ; first = false {
		row, err := stmt.Step()
		if err != nil {
			return fmt.Errorf("%s: after id %d: %w", im.path, im.id, err)
		}
		if !row {
			return im.flush(ctx)
		}
		isInt, again := stmt.ColumnType(0) == sqlite.TypeInteger, stmt.ColumnInt64(0) == im.id
		switch {
		case !isInt || again && !first:
			err = fmt.Errorf("%s: record_history, after id %d: %w", im.path, im.id, ErrID)
		case again && resumed:
			continue // it was dealt with
		default:
			err = im.take(ctx, stmt)
		}
		if err != nil {
			return errors.Join(im.flush(ctx), err)
		}
		if len(im.rows)+im.bad == pageRows || im.size >= importBytes {
			if err := im.flush(ctx); err != nil {
				return err
			}
		}
	}
}

// prepare returns the statement for the rows from im.id on: that one too, as
// there may be two of it.
func (im *importing) prepare(rx sqlitedb.Rx) (*sqlite.Stmt, error) {
	stmt, err := rx.Prepare("SELECT id, record_name, value_json, stored_at FROM record_history WHERE id >= ? ORDER BY id")
	if err != nil {
		if sqlite.ErrCode(err) == sqlite.ResultError { // no such table, no such column
			err = fmt.Errorf("%w: %w", ErrForeign, err)
		}
		return nil, fmt.Errorf("%s: %w", im.path, err)
	}
	// What the statement does not give, such as NULL, is the least of all.
	least, any, err := rx.Text("SELECT typeof(id) FROM record_history ORDER BY id LIMIT 1")
	if err == nil && any && least != "integer" {
		err = fmt.Errorf("record_history: %w: one is %s", ErrID, least)
	}
	if err == nil {
		im.done.LastID, _, err = rx.Int("SELECT ifnull(max(id), 0) FROM record_history")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", im.path, err)
	}
	stmt.BindInt64(1, im.id)
	return stmt, nil
}

// take puts a row to those that are to be stored.
func (im *importing) take(ctx context.Context, stmt *sqlite.Stmt) error {
	id := stmt.ColumnInt64(0)
	row, bad := importRow(stmt)
	if bad == nil {
		var err error
		if bad, err = im.whyNot(ctx, row.name); err != nil {
			return err
		}
	}
	if bad != nil {
		if err := im.passOver(&ImportError{im.path, id, bad}); err != nil {
			return err
		}
	} else {
		im.rows = append(im.rows, row)
		im.size += len(row.value)
	}
	im.id = id
	return nil
}

func (im *importing) passOver(bad *ImportError) error {
	if im.opts.Bad == nil {
		return bad
	}
	if err := im.opts.Bad(bad); err != nil {
		return err
	}
	im.bad++
	return nil
}

// whyNot returns why a record is no place for JSON, if so. It is asked before a
// row is stored, as afterwards one such row would undo those beside it.
func (im *importing) whyNot(ctx context.Context, name string) (refused, err error) {
	refused, known := im.refused[name]
	if known {
		return refused, nil
	}
	err = sqlitedb.View(ctx, im.h.db, func(rx sqlitedb.Rx) error {
		codec, exists, err := rx.Text("SELECT codec FROM records WHERE name = ?", name)
		if exists {
			refused = sameCodec(codec, jsonCodec)
		}
		return err
	})
	im.refused[name] = refused
	return refused, im.h.named(name, err)
}

func importRow(stmt *sqlite.Stmt) (row newRow, err error) {
	if t := stmt.ColumnType(1); t != sqlite.TypeText {
		return row, fmt.Errorf("%w: it is %v", ErrName, t)
	}
	if t := stmt.ColumnType(3); t != sqlite.TypeInteger {
		return row, fmt.Errorf("%w: it is %v", ErrTime, t)
	}
	row = newRow{name: stmt.ColumnText(1), value: make([]byte, stmt.ColumnLen(2))}
	if row.time, err = timeutil.FromUint64(uint64(stmt.ColumnInt64(3))); err != nil {
		return row, err
	}
	stmt.ColumnBytes(2, row.value)
	if !json.Valid(row.value) || !utf8.Valid(row.value) {
		return row, ErrJSON
	}
	return row, row.check()
}

// flush stores what was read, and with it how far that is.
func (im *importing) flush(ctx context.Context) error {
	if len(im.rows) == 0 && im.bad == 0 {
		return nil
	}
	if err := im.h.store(ctx, &batch{codec: jsonCodec, rows: im.rows, also: im.advance}); err != nil {
		return err
	}
	im.done.Rows += int64(len(im.rows))
	im.done.Bad += int64(im.bad)
	im.done.ID, im.begun = im.id, true
	im.rows, im.size, im.bad = im.rows[:0], 0, 0
	clear(im.refused)
	if im.opts.Progress != nil {
		im.opts.Progress(im.done)
	}
	return nil
}

func (im *importing) advance(tx sqlitedb.Tx) error {
	last, begun, err := tx.Int(importedSo, im.source)
	if err != nil {
		return err
	}
	if begun != im.begun || last != im.done.ID {
		return fmt.Errorf("%w: %s", ErrImporting, im.path)
	}
	return tx.Exec(`INSERT INTO history_imports(source, last) VALUES(?, ?)
		ON CONFLICT(source) DO UPDATE SET last = excluded.last`, im.source, im.id)
}
