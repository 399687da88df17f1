package sqlitelog

import (
	"context"
	"hash/maphash"
	"time"

	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// A slice ends after so many offsets or so long.
var (
	sliceRows = 512
	sliceTime = 2 * time.Millisecond
)

// pass is one compaction: first of what was compacted before, then of the
// oldest events of the table log. A tombstone may go only if both parts have
// heeded no replay that ends before it.
type pass struct {
	c       *compactor
	patient bool
	done    Compaction

	shifting bool     // in the second part
	bound    int64    // the least end of the replays that are under way during the slice in hand
	watched  bool     // there are such replays
	least    int64    // the least bound so far
	gone     []keyRow // tombstones that the slice in hand deletes
}

func (p *pass) run(ctx context.Context) error {
	c := p.c
	var cut int64
	err := sqlitedb.View(ctx, c.s.db, func(rx sqlitedb.Rx) (err error) {
		cut, _, err = rx.Int(c.s.sql.nth, c.s.number, int64(c.low))
		return err
	})
	if err != nil || cut == 0 {
		return err
	}
	if dead := c.dead.Load(); dead > 0 {
		complete, err := p.slices(ctx, c.moved.Load(), p.sweep)
		if err != nil || !complete {
			return err
		}
		c.dead.Add(-dead)
	}
	p.shifting = true
	_, err = p.slices(ctx, cut, p.shift)
	return err
}

// sliceFunc works on offsets in a transaction and returns the last one it has
// come to, and what it did.
type sliceFunc func(tx sqlitedb.Tx, after, through int64) (last int64, done Compaction, err error)

// slices runs slice after slice from the first event through an offset. It is
// not complete if a replay that is under way ends before that offset.
func (p *pass) slices(ctx context.Context, through int64, slice sliceFunc) (complete bool, err error) {
	for after := int64(0); after < through; {
		start := time.Now()
		last, err := p.slice(ctx, after, through, slice)
		if err != nil || last == after {
			return false, err
		}
		after = last
		if err := p.pause(ctx, time.Since(start)); err != nil {
			return false, err
		}
	}
	return true, nil
}

// slice lets no replay begin until its outcome is known: such a replay would
// begin on a moment before it and go on after it.
func (p *pass) slice(ctx context.Context, after, through int64, slice sliceFunc) (last int64, err error) {
	c := p.c
	c.s.replays.beginning.Lock()
	defer c.s.replays.beginning.Unlock()
	p.bound, p.watched = c.s.replays.bound()
	p.least = min(p.least, p.bound)
	through = min(through, p.bound)
	if after >= through {
		return after, nil
	}
	var done Compaction
	err = sqlitedb.Update(ctx, c.s.db, func(tx sqlitedb.Tx) (err error) {
		defer func() { err = c.s.named(err) }()
		if err := c.s.checkOwner(tx); err != nil {
			return err
		}
		for _, r := range c.forgotten {
			c.keys.forget(r.key.text, r.offset)
		}
		p.gone = nil
		last, done, err = slice(tx, after, through)
		if err != nil || done == (Compaction{}) {
			return err
		}
		return tx.Exec(raiseFloor, last, c.s.number)
	})
	if err != nil {
		return after, err
	}
	c.forgotten = p.gone
	p.done.Moved += done.Moved
	p.done.Dropped += done.Dropped
	if p.shifting {
		c.inLog.Add(-done.Moved - done.Dropped)
	}
	return last, nil
}

// pause leaves the writer to the appends for twice as long as a slice took,
// unless they are about to outrun the compaction.
func (p *pass) pause(ctx context.Context, slice time.Duration) error {
	c := p.c
	if !p.patient || c.inLog.Load() > int64(c.high+(c.high-c.low)/2) {
		return ctx.Err()
	}
	return sqlitedb.Rest(ctx, 2*slice)
}

// sweep deletes from compacted what newer events have superseded.
func (p *pass) sweep(tx sqlitedb.Tx, after, through int64) (last int64, done Compaction, err error) {
	last, err = p.runs(tx, p.c.s.sql.compacted.keys, after, through, func(start, end int64, n int, dead bool) error {
		if !dead {
			return nil
		}
		done.Dropped += int64(n)
		return tx.Exec(p.c.s.sql.compacted.drop, p.c.s.number, start, end)
	})
	return last, done, err
}

// shift takes the oldest events out of log.
func (p *pass) shift(tx sqlitedb.Tx, after, through int64) (last int64, done Compaction, err error) {
	c := p.c
	last, err = p.runs(tx, c.s.sql.log.keys, after, through, func(start, end int64, n int, dead bool) error {
		if dead {
			done.Dropped += int64(n)
			return nil
		}
		done.Moved += int64(n)
		c.moved.Store(end)
		return tx.Exec(c.s.sql.move, c.s.number, start, end)
	})
	if err != nil || last == after {
		return last, done, err
	}
	return last, done, tx.Exec(c.s.sql.log.drop, c.s.number, after, last)
}

// runs calls f for each run of events that share their fate, until a slice is
// full. A run begins after start and has n events, the last at end.
func (p *pass) runs(tx sqlitedb.Tx, query string, after, through int64, f func(start, end int64, n int, dead bool) error) (last int64, err error) {
	rows, err := p.c.rows(tx.Rx, query, after, through, sliceRows)
	if err != nil || len(rows) == 0 {
		return through, err
	}
	began := time.Now()
	start, n, fate := after, 0, false
	last = after
	for i, r := range rows {
		dead, err := p.dead(tx, r)
		if err != nil {
			return after, err
		}
		if n > 0 && dead != fate {
			if err := f(start, last, n, fate); err != nil {
				return after, err
			}
			start, n = last, 0
		}
		last, fate = r.offset, dead
		n++
		if i%32 == 31 && time.Since(began) > sliceTime {
			break
		}
	}
	return last, f(start, last, n, fate)
}

// dead reports whether an event may be deleted: because of a newer event with
// its key that every replay comes to, or because it is a tombstone of which
// nothing older is left.
func (p *pass) dead(tx sqlitedb.Tx, r keyRow) (bool, error) {
	if !r.key.has {
		return false, nil
	}
	k := p.c.keys
	newest := k.newest[maphash.String(k.seed, r.key.text)]
	switch {
	case newest == r.offset:
		return p.deadTombstone(r), nil
	case newest < r.offset:
		return false, nil
	case newest > p.bound:
		p.c.dead.Add(1) // for the next sweep
		return false, nil
	}
	same, err := p.c.hasKey(tx, newest, r.key.text)
	if !same {
		p.c.dead.Add(1) // a newer event may still come
	}
	return same, err
}

// deadTombstone keeps a tombstone that a replay may still need, which has come by
// an older event of the key, or for the sake of which a slice before has kept
// such an event.
func (p *pass) deadTombstone(r keyRow) bool {
	switch {
	case !r.key.tombstone:
		return false
	case p.watched || r.offset > p.least:
		p.c.dead.Add(1) // for the next sweep
		return false
	}
	p.gone = append(p.gone, r)
	return true
}

// hasKey looks at the row itself. An append that was rolled back may have left
// its offset in keys, and the offset may since have been given to another key
// or another log.
func (c *compactor) hasKey(tx sqlitedb.Tx, offset int64, key string) (bool, error) {
	for _, query := range []string{
		"SELECT key = ? AND log = ? FROM log WHERE offset = ?",
		"SELECT key = ? AND log = ? FROM compacted WHERE offset = ?",
	} {
		same, found, err := tx.Int(query, key, c.s.number, offset)
		if err != nil || found {
			return same == 1, err
		}
	}
	return false, nil
}
