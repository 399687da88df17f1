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
