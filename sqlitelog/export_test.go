package sqlitelog

import (
	"context"
	"strconv"

	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// RangeQueries returns the statements that go through a range of offsets of
// the log with a number.
func RangeQueries(number int64) []string {
	q := queriesFor(number)
	return []string{q.log.read, q.log.keys, q.log.drop, q.compacted.read, q.compacted.keys, q.compacted.drop, q.move}
}

// SetGrain makes pages of replays and slices of compactions small, and returns
// what makes them large again.
func SetGrain(page, slice int) (reset func()) {
	oldPage, oldSlice := pageRows, sliceRows
	pageRows, sliceRows = page, slice
	return func() { pageRows, sliceRows = oldPage, oldSlice }
}

// Transactions returns how many write transactions the file has begun.
func (l *Log[E]) Transactions(ctx context.Context) (n uint64, err error) {
	err = sqlitedb.Update(ctx, l.store.db, func(tx sqlitedb.Tx) error {
		n = tx.ID()
		return nil
	})
	return n, err
}

// KeyMap returns a map of n keys, as a compacted log has it.
func KeyMap(n int) any {
	c := newCompactor(&store{}, 1, 1)
	c.keys = newKeys()
	for i := range n {
		c.note(strconv.Itoa(i), int64(i+1))
	}
	return c
}
