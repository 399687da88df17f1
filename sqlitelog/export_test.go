package sqlitelog

import (
	"context"
	"math"
	"strconv"
	"time"

	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// RangeQueries returns the statements that go through a range of offsets of
// the log with a number.
func RangeQueries(number int64) []string {
	q := queriesFor(number)
	return []string{q.log.next, q.compacted.next, q.log.read, q.log.keys, q.log.drop, q.log.count, q.compacted.read, q.compacted.keys, q.compacted.drop, q.compacted.count, q.move}
}

// SetGrain sets the size of pages of replays and slices of compactions, the latter
// whatever time they take, and returns what makes them as usual again.
func SetGrain(page, slice int) (reset func()) {
	oldPage, oldSlice, oldTime, oldStride := pageRows, sliceRows, sliceTime, firstQueries.stride
	pageRows, sliceRows, sliceTime, firstQueries.stride = page, slice, time.Hour, int64(slice)+2
	return func() { pageRows, sliceRows, sliceTime, firstQueries.stride = oldPage, oldSlice, oldTime, oldStride }
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
		c.note(c.keys, strconv.Itoa(i), int64(i+1))
	}
	return c
}

// Pass returns a compaction that is driven by hand: each call does what is left
// of the table log, through an offset, as one slice.
func (l *Log[E]) Pass(ctx context.Context) (shift func(after, through int64) (last int64, err error), err error) {
	c := l.store.compactor
	c.turn <- struct{}{} // for ever
	if err := c.learn(ctx); err != nil {
		return nil, err
	}
	c.learned = true
	p := &pass{c: c, least: math.MaxInt64, shifting: true}
	return func(after, through int64) (int64, error) { return p.slice(ctx, after, through, p.shift) }, nil
}

// Unchecked lets the log take rows that do not match their checksums.
func (l *Log[E]) Unchecked() { l.store.unchecked = true }

// KeysKnown returns the size of the map from keys to their newest events.
func (l *Log[E]) KeysKnown() int { return len(l.store.compactor.keys.newest) }
