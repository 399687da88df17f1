package sqlitelog

import (
	"context"
	"slices"
	"time"

	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// A slice ends after so many events or so long.
var (
	sliceRows = 512
	sliceTime = 2 * time.Millisecond
)

// maxGrain is how much larger slices get when the log is that many times beyond
// its high water: callers who append hundreds of events at a time would outrun
// usual ones.
const maxGrain = 8

// pass is one compaction: first of what was compacted before, then of the
// oldest events of the table log. A tombstone may go only if both parts have
// heeded no replay that ends before it.
type pass struct {
	c       *compactor
	patient bool
	done    Compaction

	held     bool  // a reader was in the way
	shifting bool  // in the second part
	least    int64 // no tombstone after it goes: the least end of the replays that were under way in any slice

	// Of the slice in hand.
	bound   int64         // the least end of the replays that are under way
	watched bool          // there are such replays
	grain   int           // how much larger than usual it may be
	took    time.Duration // in its transaction
	rows    []row
	gone    []row // tombstones that are deleted, and dropped events with a key
	dropped int64 // the last event that goes because a snapshot contains it

	others map[int64]row // events that the slice in hand has looked up

	value    []byte
	checksum checksum
}

func (p *pass) run(ctx context.Context) error {
	c := p.c
	var cut int64
	err := sqlitedb.View(ctx, c.s.db, func(rx sqlitedb.Rx) (err error) {
		cut, _, err = rx.Int(c.s.sql.nth, c.s.number, int64(c.low))
		return err
	})
	if err != nil {
		return err
	}
	if cut == 0 {
		c.inLog.Store(min(c.inLog.Load(), int64(c.low)))
		return nil
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
// not complete if a replay that is under way ends before that offset, or a
// follower or subscription has not come to it.
func (p *pass) slices(ctx context.Context, through int64, slice sliceFunc) (complete bool, err error) {
	for after := int64(0); after < through; {
		last, err := p.slice(ctx, after, through, slice)
		if err != nil || last == after {
			p.held = err == nil
			return false, err
		}
		after = last
		if err := p.pause(ctx); err != nil {
			return false, err
		}
	}
	return true, nil
}

func (p *pass) slice(ctx context.Context, after, through int64, slice sliceFunc) (last int64, err error) {
	c := p.c
	var done Compaction
	defer c.s.replays.release()
	err = sqlitedb.Update(ctx, c.s.db, func(tx sqlitedb.Tx) (err error) {
		defer func() { err = c.s.named(err) }()
		if err := c.s.checkOwner(tx); err != nil {
			return err
		}
		start := time.Now()
		defer func() { p.took = time.Since(start) }()
		p.begin()
		given, err := c.s.given(tx)
		if err != nil {
			return err
		}
		last, done, err = slice(tx, after, max(after, min(through, p.bound, given)))
		if err != nil || done == (Compaction{}) {
			return err
		}
		return p.mark(tx, last)
	})
	if err != nil {
		return after, err
	}
	c.gone = p.gone
	p.done.Moved += done.Moved
	p.done.Dropped += done.Dropped
	if p.shifting {
		c.inLog.Add(-done.Moved - done.Dropped)
	}
	return last, nil
}

// mark keeps what a slice has done. A snapshot that cannot be continued any more
// goes with what it would be continued with.
func (p *pass) mark(tx sqlitedb.Tx, last int64) error {
	number := p.c.s.number
	if err := tx.Exec(raiseFloor, last, number); err != nil {
		return err
	}
	var tombstone int64
	for _, r := range p.gone {
		if r.key.tombstone {
			tombstone = r.offset
		}
	}
	if tombstone == 0 && p.dropped == 0 {
		return nil
	}
	err := tx.Exec("UPDATE logs SET dropped = max(dropped, ?), tombstones = max(tombstones, ?) WHERE number = ?", p.dropped, tombstone, number)
	if err != nil {
		return err
	}
	return tx.Exec("DELETE FROM snapshots WHERE log = ? AND position < ?", number, max(tombstone, p.dropped))
}

// begin begins a slice in its transaction, perhaps again.
func (p *pass) begin() {
	p.grain = 1
	if p.patient {
		p.grain = min(max(int(p.c.inLog.Load())/max(p.c.high, 1), 1), maxGrain)
	}
	p.bound, p.watched = p.c.s.replays.hold()
	p.least = min(p.least, p.bound)
	p.others, p.gone, p.dropped = make(map[int64]row), nil, 0
	for _, r := range p.c.gone { // their slice was committed
		p.c.keys.forget(r.key.text, r.offset)
	}
}

// pause leaves the writer to the appends for three times as long as a slice took,
// so that they keep three quarters of their rate, and for less when they are about
// to outrun the compaction.
func (p *pass) pause(ctx context.Context) error {
	c := p.c
	switch inLog := c.inLog.Load(); {
	case !p.patient || inLog > 2*int64(c.high):
		return ctx.Err()
	case inLog > int64(c.high+(c.high-c.low)/2):
		return sqlitedb.Rest(ctx, p.took)
	}
	return sqlitedb.Rest(ctx, 3*p.took)
}

// sweep deletes from compacted what newer events have superseded.
func (p *pass) sweep(tx sqlitedb.Tx, after, through int64) (last int64, done Compaction, err error) {
	last, err = p.runs(tx, p.c.s.sql.compacted, after, through, func(start, end int64, n int, dead bool) error {
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
	last, err = p.runs(tx, c.s.sql.log, after, through, func(start, end int64, n int, dead bool) error {
		if dead {
			done.Dropped += int64(n)
			return nil
		}
		done.Moved += int64(n)
		c.moved.Store(end)
		return tx.Exec(c.s.sql.move, c.s.number, start, end)
	})
	if err != nil || done == (Compaction{}) {
		return last, done, err
	}
	return last, done, tx.Exec(c.s.sql.log.drop, c.s.number, after, last)
}

// runs calls f for each run of events that share their fate, until a slice is
// full. A run begins after start and has n events, the last at end.
func (p *pass) runs(tx sqlitedb.Tx, t table, after, through int64, f func(start, end int64, n int, dead bool) error) (last int64, err error) {
	last, err = p.read(tx, t, after, through)
	if err != nil || len(p.rows) == 0 {
		return last, err
	}
	began := time.Now()
	start, end, n, fate := after, after, 0, false
	for _, r := range p.rows {
		if n > 0 && time.Since(began) > time.Duration(p.grain)*sliceTime/2 {
			last = end
			break
		}
		dead, err := p.dead(tx, r)
		if err != nil {
			return after, err
		}
		if n > 0 && dead != fate {
			if err := f(start, end, n, fate); err != nil {
				return after, err
			}
			start, n = end, 0
		}
		end, fate = r.offset, dead
		n++
	}
	return last, f(start, end, n, fate)
}

// dead reports whether an event may be deleted: because of a newer event with
// its key that every replay comes to, or because it is a tombstone of which
// nothing older is left. Of a record that is not as it was written nobody knows
// what it was: it stays.
func (p *pass) dead(tx sqlitedb.Tx, r row) (bool, error) {
	if !r.intact {
		return false, nil
	}
	if p.c.dropping && !p.watched && r.offset <= p.c.s.contained.Load() {
		p.drop(r)
		return true, nil
	}
	if r.key.text == "" {
		return false, nil
	}
	keys := p.c.keys
	newest := keys.of(r.key.text)
	switch {
	case newest == r.offset:
		return p.deadTombstone(r), nil
	case newest < r.offset: // see below
		keys.set(r.key.text, r.offset)
		p.c.dead.Add(1)
		p.least = min(p.least, newest) // what it was taken for may be left, and the slice may be run again
		return false, nil
	case newest > p.bound:
		p.c.dead.Add(1) // for the next sweep
		return p.superseded(r), nil
	}
	same, err := p.hasKey(tx, newest, r.key.text)
	if err == nil && !same { // the map was wrong
		keys.set(r.key.text, r.offset)
	}
	return same, err
}

// drop is told of an event that goes because a snapshot contains it.
func (p *pass) drop(r row) {
	p.dropped = r.offset
	if r.key.text != "" {
		p.gone = append(p.gone, r)
	}
}

// deadTombstone keeps a tombstone that a replay may still need, which has come by
// an older event of the key, or for the sake of which a slice before has kept
// such an event; one that the state in the newest snapshot needs; and one that
// may be of an older event whose key is not known.
func (p *pass) deadTombstone(r row) bool {
	snapshot := p.c.s.snapshotAt.Load()
	switch {
	case !r.key.tombstone || r.offset > p.c.unkeyed:
		return false
	case p.watched || r.offset > p.least || snapshot > 0 && r.offset > snapshot:
		p.c.dead.Add(1) // for the next sweep
		return false
	}
	p.gone = append(p.gone, r)
	return true
}

// superseded reports whether a newer event of the slice has the key. It keeps
// short what is compacted while replays come one after the other.
func (p *pass) superseded(r row) bool {
	i := p.find(r.offset)
	return slices.ContainsFunc(p.rows[i+1:], func(newer row) bool { return newer.intact && newer.key.text == r.key.text })
}
