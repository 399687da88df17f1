package sqlitelog

import (
	"cmp"
	"slices"
	"time"

	"github.com/edfsm/edfsm/internal/sqlitedb"
	"zombiezen.com/go/sqlite"
)

// row is a record without its value. It is intact if it is as it was written.
type row struct {
	offset int64
	key    key
	intact bool
}

// read sets the rows of the slice in hand, the log's next events in a table, and
// returns the offset through which there are no others.
func (p *pass) read(tx sqlitedb.Tx, t table, after, through int64) (last int64, err error) {
	p.rows = p.rows[:0]
	next, _, err := tx.Int(t.next, p.c.s.number, after)
	if err != nil || next == 0 || next > through {
		return through, err
	}
	through = min(through, next+int64(p.grain)*p.c.s.sql.stride)
	stmt, err := tx.Prepare(t.read)
	if err != nil {
		return after, err
	}
	stmt.BindInt64(1, p.c.s.number)
	stmt.BindInt64(2, after)
	stmt.BindInt64(3, through)
	began := time.Now()
	for len(p.rows) < p.grain*sliceRows && (len(p.rows) == 0 || time.Since(began) < time.Duration(p.grain)*sliceTime/2) {
		found, err := stmt.Step()
		if err != nil || !found {
			return through, err
		}
		r := p.row(stmt)
		if err := inOrder(r.offset, max(after, last)); err != nil {
			return after, err
		}
		p.rows, last = append(p.rows, r), r.offset
	}
	return last, stmt.Reset()
}

// row reads a record of the columns of [table.read].
func (p *pass) row(stmt *sqlite.Stmt) row {
	r := row{offset: stmt.ColumnInt64(0), key: keyAt(stmt, 1)}
	if n := stmt.ColumnLen(3); n > len(p.value) {
		p.value = make([]byte, 2*n)
	}
	value := p.value[:stmt.ColumnBytes(3, p.value)]
	r.intact = p.c.s.intact(stmt.ColumnInt64(5), p.checksum.of(p.c.s.number, r.offset, r.key, value))
	return r
}

// hasKey reports whether the log has an event with a key at an offset. An append
// that was rolled back may have left its offset in the map, and the offset may
// since have been given to another key or another log.
func (p *pass) hasKey(tx sqlitedb.Tx, offset int64, text string) (bool, error) {
	r, err := p.at(tx, offset)
	return r.intact && r.key.text == text, err
}

// at returns the event at an offset, a zero row if there is none.
func (p *pass) at(tx sqlitedb.Tx, offset int64) (r row, err error) {
	if i := p.find(offset); i >= 0 {
		return p.rows[i], nil
	}
	if r, ok := p.others[offset]; ok {
		return r, nil
	}
	for _, t := range []table{p.c.s.sql.log, p.c.s.sql.compacted} {
		stmt, err := tx.Prepare(t.at)
		if err != nil {
			return r, err
		}
		stmt.BindInt64(1, p.c.s.number)
		stmt.BindInt64(2, offset)
		found, err := stmt.Step()
		if err != nil {
			return r, err
		}
		if found {
			r = p.row(stmt)
			if err := stmt.Reset(); err != nil {
				return r, err
			}
			break
		}
	}
	p.others[offset] = r
	return r, nil
}

// find returns the place of an offset in the rows of the slice in hand, -1 if
// it is not there.
func (p *pass) find(offset int64) int {
	i, found := slices.BinarySearchFunc(p.rows, offset, func(r row, offset int64) int { return cmp.Compare(r.offset, offset) })
	if !found {
		return -1
	}
	return i
}
