package sqlitelog

import (
	"context"
	"errors"
	"hash/maphash"
	"math"
	"sync/atomic"
	"time"

	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// KeyOp is what an event does to the older events with its key.
type KeyOp uint8

const (
	// Keep: the event takes their place. Once compacted, a log has the newest
	// event of each key.
	Keep KeyOp = iota

	// Tombstone: the event ends the key. It is itself deleted when it is
	// compacted, and then nothing of the key is left.
	Tombstone
)

// Compaction is what a compaction did, in events.
type Compaction struct {
	Moved   int64 // survivors that went from log to compacted
	Dropped int64 // events that were deleted
}

// A slice ends after so many offsets or so long.
var (
	sliceRows = 512
	sliceTime = 2 * time.Millisecond
)

// compactor deletes events that newer ones with their key have made
// superfluous, and moves those that survive to the table compacted. It works in
// slices that share the transactions of the appends.
type compactor struct {
	s         *store
	high, low int
	inLog     atomic.Int64 // events in the table log, about
	wake      chan struct{}
	turn      chan struct{} // held by whoever compacts
	learned   bool          // keys is set; for whoever compacts

	// For whoever has the writer.
	keys      *keys    // nil until it is learned
	forgotten []keyRow // tombstones that were deleted, still to be deleted from keys

	// dead is how many events in compacted a newer one has superseded since
	// the last sweep; never too low.
	dead  atomic.Int64
	moved atomic.Int64 // newest offset in compacted
}

// keys tells the newest event of each key by the key's hash. It takes some 40
// bytes a key. It may be wrong where two keys collide or an append was rolled
// back, so that the row itself is looked at before anything is deleted.
type keys struct {
	seed   maphash.Seed
	newest map[uint64]int64
}

func newKeys() *keys {
	return &keys{seed: maphash.MakeSeed(), newest: make(map[uint64]int64)}
}

func newCompactor(s *store, high, low int) *compactor {
	return &compactor{
		s: s, high: high, low: low,
		wake: make(chan struct{}, 1),
		turn: make(chan struct{}, 1),
	}
}

// note is told of each event with a key.
func (c *compactor) note(key string, offset int64) {
	if c.keys != nil {
		c.keys.note(c, key, offset)
	}
}

func (k *keys) note(c *compactor, key string, offset int64) {
	h := maphash.String(k.seed, key)
	before := k.newest[h]
	if offset <= before {
		return
	}
	if before != 0 && before <= c.moved.Load() {
		c.dead.Add(1)
	}
	k.newest[h] = offset
}

func (k *keys) forget(key string, offset int64) {
	if h := maphash.String(k.seed, key); k.newest[h] == offset {
		delete(k.newest, h)
	}
}

// grown is told of events that were appended.
func (c *compactor) grown(events int) {
	if c.inLog.Add(int64(events)) > int64(c.high) {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

// run compacts whenever the log has grown beyond its high water, until ctx
// ends or the log cannot be written any more. After another error the next
// append tries again.
func (c *compactor) run(ctx context.Context) {
	for {
		_, err := c.compact(ctx, true)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			sqlitedb.Logger(c.s.db).Warn("edfsm: compaction failed", "file", c.s.db.Path(), "log", c.s.name, "error", err)
		}
		if errors.Is(err, ErrConflict) || errors.Is(err, ErrFailed) || errors.Is(err, ErrUncertain) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
	}
}

// learn reads the keys of the whole log, and the last of them while nobody
// appends.
func (c *compactor) learn(ctx context.Context) error {
	k := newKeys()
	err := sqlitedb.View(ctx, c.s.db, func(rx sqlitedb.Rx) error {
		moved, _, err := rx.Int(c.s.sql.newestCompacted, c.s.number)
		c.moved.Store(moved)
		return err
	})
	if err != nil {
		return err
	}
	var after, inLog int64
	scan := func(rx sqlitedb.Rx, limit int) (full bool, err error) {
		for _, t := range []struct {
			query string
			isLog bool
		}{{c.s.sql.compacted.keys, false}, {c.s.sql.log.keys, true}} {
			rows, err := c.rows(rx, t.query, after, math.MaxInt64, limit)
			if err != nil {
				return false, err
			}
			for _, r := range rows {
				if r.key.has {
					k.note(c, r.key.text, r.offset)
				}
				after = r.offset
			}
			if t.isLog {
				inLog += int64(len(rows))
			}
			if len(rows) == limit {
				return true, nil
			}
		}
		return false, nil
	}
	for more := true; more; {
		err := sqlitedb.View(ctx, c.s.db, func(rx sqlitedb.Rx) (err error) {
			more, err = scan(rx, 4096)
			return err
		})
		if err != nil {
			return err
		}
	}
	err = sqlitedb.Update(ctx, c.s.db, func(tx sqlitedb.Tx) error {
		_, err := scan(tx.Rx, math.MaxInt)
		c.keys = k
		return err
	})
	if err != nil {
		return err
	}
	c.inLog.Store(0)
	c.grown(int(inLog))
	return nil
}

// keyRow is a record without its value.
type keyRow struct {
	offset int64
	key    key
}

func (c *compactor) rows(rx sqlitedb.Rx, query string, after, through int64, limit int) ([]keyRow, error) {
	stmt, err := rx.Prepare(query)
	if err != nil {
		return nil, err
	}
	stmt.BindInt64(1, c.s.number)
	stmt.BindInt64(2, after)
	stmt.BindInt64(3, through)
	var rows []keyRow
	for len(rows) < limit {
		row, err := stmt.Step()
		if err != nil {
			return nil, err
		}
		if !row {
			return rows, nil
		}
		rows = append(rows, keyRow{stmt.ColumnInt64(0), keyAt(stmt, 1)})
	}
	return rows, stmt.Reset()
}

// compact brings the log down to its low water and gives all free pages back.
// The log's own upkeep does so only when the log is above its high water, and
// keeps some pages for what comes.
func (c *compactor) compact(ctx context.Context, upkeep bool) (done Compaction, err error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return done, ctx.Err()
	}
	if !c.learned {
		if err := c.learn(ctx); err != nil {
			return done, err
		}
		c.learned = true
	}
	if upkeep && c.inLog.Load() <= int64(c.high) {
		return done, nil
	}
	start := time.Now()
	p := &pass{c: c, least: math.MaxInt64, patient: upkeep}
	if err := p.run(ctx); err != nil {
		return p.done, err
	}
	keep := 0.0
	if upkeep {
		keep = 0.5
	}
	if err := sqlitedb.Shrink(ctx, c.s.db, keep); err != nil {
		return p.done, err
	}
	sqlitedb.Logger(c.s.db).Info("edfsm: compacted", "file", c.s.db.Path(), "log", c.s.name,
		"moved", p.done.Moved, "dropped", p.done.Dropped, "ms", time.Since(start).Milliseconds())
	return p.done, nil
}

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
