package sqlitelog

import (
	"context"
	"errors"
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
	dropping  bool          // what a snapshot contains goes
	inLog     atomic.Int64  // events in the table log, about
	wake      chan struct{} // holds one: the log has grown beyond its high water
	freed     chan struct{} // holds one: a reader has ended or read on
	turn      chan struct{} // held by whoever compacts
	learned   bool          // keys is set; for whoever compacts

	// For whoever has the writer.
	keys    *keys // nil until it is learned
	unkeyed int64 // the oldest event that was appended without Config.Key
	gone    []row // tombstones of the slice before, which keys still has

	// dead is how many events in compacted a newer one has superseded since
	// the last sweep; never too low.
	dead  atomic.Int64
	moved atomic.Int64 // newest offset in compacted
}

func newCompactor(s *store, high, low int) *compactor {
	return &compactor{
		s: s, high: high, low: low,
		wake:    make(chan struct{}, 1),
		freed:   make(chan struct{}, 1),
		turn:    make(chan struct{}, 1),
		unkeyed: math.MaxInt64,
	}
}

// appended is told of each event, whether or not its transaction will succeed.
func (c *compactor) appended(k key, offset int64) {
	if c.keys != nil && k.text != "" {
		c.note(c.keys, k.text, offset)
	}
}

func (c *compactor) note(k *keys, text string, offset int64) {
	if before := k.raise(text, offset); before != 0 && before <= c.moved.Load() {
		c.dead.Add(1)
	}
}

// grown is told of events that were appended.
func (c *compactor) grown(events int) {
	if c.inLog.Add(int64(events)) > int64(c.high) {
		signal(c.wake)
	}
}

// signal says something that one who comes later finds said.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run compacts whenever the log has grown beyond its high water, until ctx
// ends or the log cannot be written any more. After another error the next
// append tries again.
func (c *compactor) run(ctx context.Context) {
	for {
		_, held, err := c.compact(ctx, true)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			c.s.logger().Warn("edfsm: compaction failed", "error", err)
		}
		if errors.Is(err, ErrConflict) || errors.Is(err, ErrFailed) || errors.Is(err, ErrUncertain) {
			return
		}
		if err := c.wait(ctx, held); err != nil {
			return
		}
	}
}

// A compaction that is held up looks again when a reader has read on, or as
// another process may have, but not sooner or later than this.
const heldLeast, heldMost = 100 * time.Millisecond, 2 * time.Second

// wait returns when there is something to do: when the log has grown, or once
// what held the last compaction up may be gone.
func (c *compactor) wait(ctx context.Context, held bool) error {
	if !held {
		select {
		case <-c.wake:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := sqlitedb.Rest(ctx, heldLeast); err != nil {
		return err
	}
	timer := time.NewTimer(heldMost - heldLeast)
	defer timer.Stop()
	select {
	case <-c.freed:
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// compact brings the log down to its low water and gives all free pages back.
// The log's own upkeep does so only when the log is above its high water, and
// keeps some pages for what comes. It is held if it cannot go on for the sake of
// a reader.
func (c *compactor) compact(ctx context.Context, upkeep bool) (done Compaction, held bool, err error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return done, false, ctx.Err()
	}
	if !c.learned {
		if err := c.learn(ctx); err != nil {
			return done, false, err
		}
		c.learned = true
	}
	if upkeep && c.inLog.Load() <= int64(c.high) {
		return done, false, nil
	}
	start := time.Now()
	p := &pass{c: c, least: math.MaxInt64, patient: upkeep}
	if err := p.run(ctx); err != nil || upkeep && p.done == (Compaction{}) {
		return p.done, p.held, err
	}
	keep := 0.0
	if upkeep {
		keep = 0.5
	}
	if err := sqlitedb.Shrink(ctx, c.s.db, keep); err != nil || p.done == (Compaction{}) {
		return p.done, p.held, err
	}
	c.s.logger().Info("edfsm: compacted", "moved", p.done.Moved, "dropped", p.done.Dropped,
		"ms", time.Since(start).Milliseconds())
	return p.done, p.held, nil
}
