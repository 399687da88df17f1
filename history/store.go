package history

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/edfsm/edfsm/internal/sqlitedb"
	"github.com/edfsm/edfsm/timeutil"
)

const (
	maxName  = 1024
	maxValue = sqlitedb.MaxValue

	// bytesCodec is the codec of values that are stored as bytes.
	bytesCodec = "bytes"

	jsonCodec = "json"
)

// Entry is a value to be stored, with its moment. The ms of At are kept, what is
// below is dropped.
type Entry[T any] struct {
	Name  string
	Value T
	At    time.Time
}

// Store adds a value to the record with a name, which is made if need be, and
// returns when that is durable: it survives the process, and with a disk that
// honours syncs the machine too. Calls that wait for the disk share one
// transaction.
//
// Values need not come in the order of their moments, and a record may have many
// of the same moment. A record that has values of another codec is refused with
// [ErrCodec]; that of bytes has the name "bytes".
//
// ctx is obeyed until the turn of the value in a transaction has come, and then
// nothing was stored; later the outcome is waited for.
func (h *History) Store(ctx context.Context, name string, value []byte, at time.Time) error {
	return h.StoreAll(ctx, []Entry[[]byte]{{name, value, at}})
}

// StoreAll is [History.Store] for several values, of any records: all are stored
// or none. Of equal moments a later one of entries is newer.
func (h *History) StoreAll(ctx context.Context, entries []Entry[[]byte]) error {
	b := batch{codec: bytesCodec, rows: make([]newRow, 0, len(entries))}
	for _, e := range entries {
		if err := b.add(e.Name, e.Value, e.At); err != nil {
			return h.named(e.Name, err)
		}
	}
	return h.store(ctx, &b)
}

// batch is rows to be stored in one transaction, which have the same codec.
type batch struct {
	codec string
	rows  []newRow
	also  func(sqlitedb.Tx) error // what else is written with them; may be nil
}

type newRow struct {
	name  string
	value []byte
	time  timeutil.Millis
}

func (b *batch) add(name string, value []byte, at time.Time) error {
	if at.IsZero() {
		return fmt.Errorf("%w: it is the zero time", ErrTime)
	}
	time, err := timeutil.FromTime(at)
	if err != nil {
		return err
	}
	row := newRow{name, value, time}
	b.rows = append(b.rows, row)
	return row.check()
}

// name is that of a row's record; "" beyond the rows.
func (b *batch) name(row int) string {
	if row >= len(b.rows) {
		return ""
	}
	return b.rows[row].name
}

func (r newRow) check() error {
	if len(r.value) > maxValue {
		return fmt.Errorf("%w: %d", ErrTooLarge, len(r.value))
	}
	return checkName(r.name)
}

func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: it is empty", ErrName)
	case len(name) > maxName:
		return fmt.Errorf("%w: it has %d bytes, more than %d", ErrName, len(name), maxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: it is not UTF-8", ErrName)
	case strings.ContainsRune(name, 0):
		return fmt.Errorf("%w: it has a NUL", ErrName)
	}
	return nil
}

// store waits for a place in the queue, and then for the batch to be durable.
func (h *History) store(ctx context.Context, b *batch) error {
	if err := h.usable(); err != nil {
		return err
	}
	if len(b.rows) == 0 && b.also == nil {
		return nil
	}
	select {
	case h.places <- struct{}{}:
		defer func() { <-h.places }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		if err := h.file.reserve(ctx, h.db, len(b.rows)); err != nil {
			return h.named("", err)
		}
		var row int
		err := h.file.update(ctx, h.db, func(tx sqlitedb.Tx) (err error) {
			row, err = h.insert(tx, b)
			return err
		})
		if err != errUsedUp {
			return h.named(b.name(row), err) // it may be another's, for whom SQLite undid all
		}
	}
}

// insert returns which row an error is of.
func (h *History) insert(tx sqlitedb.Tx, b *batch) (failed int, err error) {
	sequence, err := h.file.take(len(b.rows))
	if err != nil {
		return 0, err
	}
	for i, row := range b.rows {
		r, err := h.file.record(tx, row.name, b.codec)
		if err == nil {
			err = insertRow(tx, r, row, sequence+int64(i))
		}
		if err != nil {
			return i, err
		}
	}
	if b.also == nil {
		return 0, nil
	}
	if err := b.also(tx); err != nil {
		return len(b.rows), err
	}
	return 0, nil
}

func insertRow(tx sqlitedb.Tx, r record, row newRow, sequence int64) error {
	stmt, err := tx.Prepare("INSERT INTO history(record, time, sequence, value) VALUES(?, ?, ?, ?)")
	if err != nil {
		return err
	}
	stmt.BindInt64(1, r.number)
	stmt.BindInt64(2, int64(row.time))
	stmt.BindInt64(3, sequence)
	if r.codec == jsonCodec { // as text, so that SQLite's JSON functions take it
		stmt.BindText(4, string(row.value))
	} else {
		stmt.BindBytes(4, row.value)
	}
	_, err = stmt.Step()
	return err
}
