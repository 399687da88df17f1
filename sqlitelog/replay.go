package sqlitelog

import (
	"context"
	"fmt"
	"iter"

	"github.com/edfsm/edfsm/internal/sqlitedb"
	"zombiezen.com/go/sqlite"
)

const (
	pageRows  = 1024
	pageBytes = 1 << 20

	selectFirst = `SELECT offset, key, value, crc FROM log
		WHERE offset > ? AND offset <= ? AND log = ? ORDER BY offset`
	selectOther = `SELECT offset, key, value, crc FROM log INDEXED BY log_by_log
		WHERE offset > ? AND offset <= ? AND log = ? AND log > 1 ORDER BY offset`
)

// records reads the log in pages, so that no read transaction is open while
// the caller works, up to the newest event at its start.
func (s *store) records(ctx context.Context) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		var p page
		var sum checksum
		for p.end = -1; p.end < 0 || p.after < p.end; {
			if err := sqlitedb.View(ctx, s.db, func(rx sqlitedb.Rx) error { return s.read(rx, &p) }); err != nil {
				yield(record{}, fmt.Errorf("log %q: %w", s.name, err))
				return
			}
			for _, r := range p.records {
				var err error
				if r.crc != sum.of(s.number, r.offset, r.key, r.value) {
					err = s.recordError(r, ErrCorrupt)
				}
				if !yield(r, err) || err != nil {
					return
				}
			}
		}
	}
}

// page is a part of a log in memory, and where to go on.
type page struct {
	records    []record
	data       []byte
	size       int // bytes in records
	after, end int64
}

func (s *store) read(rx sqlitedb.Rx, p *page) (err error) {
	if p.end < 0 {
		if p.end, _, err = rx.Int("SELECT max(offset) FROM log"); err != nil {
			return err
		}
	}
	query := selectFirst
	if s.number > 1 {
		query = selectOther
	}
	stmt, err := rx.Prepare(query)
	if err != nil {
		return err
	}
	stmt.BindInt64(1, p.after)
	stmt.BindInt64(2, p.end)
	stmt.BindInt64(3, s.number)
	return p.fill(stmt)
}

// fill reads rows until the page is full. The page is the last one if the rows
// come to an end.
func (p *page) fill(stmt *sqlite.Stmt) error {
	p.records, p.data, p.size = p.records[:0], p.data[:0], 0
	for len(p.records) < pageRows && p.size < pageBytes {
		row, err := stmt.Step()
		if err != nil {
			return err
		}
		if !row {
			p.after = p.end
			return nil
		}
		r := record{offset: stmt.ColumnInt64(0), value: p.column(stmt, 2), crc: stmt.ColumnInt64(3)}
		if !stmt.ColumnIsNull(1) {
			r.key = p.column(stmt, 1)
		}
		p.records = append(p.records, r)
		p.after = r.offset
	}
	return stmt.Reset()
}

// column copies a column's bytes into the page. When data has to grow, earlier
// records keep the array it had before.
func (p *page) column(stmt *sqlite.Stmt, col int) []byte {
	n := stmt.ColumnLen(col)
	p.size += n
	start := len(p.data)
	if cap(p.data)-start < n {
		p.data = make([]byte, 0, max(n, min(2*cap(p.data), pageBytes), 4096))
		start = 0
	}
	p.data = p.data[:start+n]
	stmt.ColumnBytes(col, p.data[start:])
	return p.data[start : start+n : start+n]
}

func (s *store) recordError(r record, err error) error {
	return &RecordError{File: s.db.Path(), Log: s.name, Offset: r.offset, Key: string(r.key), Err: err}
}
