package natslog

import (
	"context"
	"math"
	"sync/atomic"
	"time"
)

// KeyOp is what an event does to the older events with its key.
type KeyOp uint8

const (
	// Keep: the event takes their place. Once compacted, a log has the newest
	// event of each key.
	Keep KeyOp = iota

	// Tombstone: the event ends the key. It is itself deleted some compactions
	// later, and then nothing of the key is left.
	Tombstone
)

// tombstoneGrace is how far behind a server may be that still answers.
const tombstoneGrace = 10 * time.Minute

// compactor deletes events that newer ones with their key have made
// superfluous.
type compactor struct {
	s         *store
	high, low int
	grace     time.Duration

	fresh atomic.Int64  // events that came since the last compaction, and those it left
	wake  chan struct{} // holds one: they are more than high
	turn  chan struct{} // held by whoever compacts
}

func newCompactor(s *store, high, low int, grace time.Duration) *compactor {
	return &compactor{s: s, high: high, low: low, grace: grace, wake: make(chan struct{}, 1), turn: make(chan struct{}, 1)}
}

// grown is told of events that were appended.
func (s *store) grown(n int) {
	c := s.compactor
	if c == nil || c.fresh.Add(int64(n)) <= int64(c.high) {
		return
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run compacts whenever the log has grown, until ctx ends.
func (c *compactor) run(ctx context.Context) {
	if err := c.count(ctx); err != nil && ctx.Err() == nil {
		c.s.logger.Warn("edfsm: events not counted", "error", err)
	}
	for {
		select {
		case <-c.wake:
		case <-ctx.Done():
			return
		}
		if _, err := c.compact(ctx); err != nil && ctx.Err() == nil {
			c.s.logger.Error("edfsm: compaction failed", "error", err)
		}
	}
}

// count finds out how much has come since the last compaction.
func (c *compactor) count(ctx context.Context) error {
	m, err := c.s.readMark(ctx)
	if err != nil {
		return err
	}
	n, _, err := c.s.stream.count(ctx, c.s.events, m.Through)
	if err == nil {
		c.s.grown(int(n))
	}
	return err
}

// compact compacts the log and returns how many records it has deleted.
func (c *compactor) compact(ctx context.Context) (dropped int64, err error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	begun, fresh := time.Now(), c.fresh.Load()
	p := pass{c: c}
	if err := p.begin(ctx); err != nil {
		return 0, err
	}
	if err := p.read(ctx); err != nil {
		return 0, err
	}
	if dropped, err = p.delete(ctx); err != nil {
		return dropped, err
	}
	c.fresh.Add(int64(min(len(p.log), c.low)) - fresh)
	c.s.logger.Info("edfsm: compacted", "dropped", dropped, "ms", time.Since(begun).Milliseconds())
	return dropped, p.end(ctx)
}

// pass is one compaction.
type pass struct {
	c    *compactor
	mark mark

	horizon int64 // nothing after it supersedes anything
	limit   int64 // nothing after it goes: subscriptions have not been given it
	ends    int64 // no tombstone after it goes
	through int64 // the last that was not too new to go

	newest  map[string]int64
	unkeyed int64 // the oldest event that was appended without Config.Key
	log     []kept
}

// kept is what a pass remembers of a record.
type kept struct {
	offset int64
	kind   string
	key    key
}

// begin writes the mark, and only then looks what must stay: what begins later
// sees the mark.
func (p *pass) begin(ctx context.Context) (err error) {
	s := p.c.s
	if p.mark, err = s.readMark(ctx); err != nil {
		return err
	}
	snapshot, err := s.stream.last(ctx, s.snapshot)
	if err != nil {
		return err
	}
	if p.settled() {
		p.ends = p.mark.Settled
	}
	if snapshot.offset > 0 { // its state may have keys that a later tombstone ends
		p.ends = min(p.ends, snapshot.position)
	}
	p.mark.Owner, p.mark.Tombstones = s.id, max(p.mark.Tombstones, p.ends)
	head := s.head.Load() // before the mark: a replay of another handle that sees it comes to all this
	if err := s.writeMark(ctx, &p.mark); err != nil {
		return err
	}
	var replaying bool
	if p.horizon, replaying = s.replays.horizon(head); replaying {
		p.ends = 0
	}
	state, err := s.readState(ctx, p.mark.offset)
	p.limit = state.least()
	return err
}

// settled says whether all servers have come to the moment of the mark.
func (p *pass) settled() bool { return time.Since(p.mark.SettledAt) >= p.c.grace }

// read reads the log through the horizon.
func (p *pass) read(ctx context.Context) error {
	p.newest, p.unkeyed = make(map[string]int64), math.MaxInt64
	for after := int64(0); after < p.horizon; {
		page, err := p.c.s.stream.known(ctx, p.c.s.events, after)
		if err != nil {
			return err
		}
		after = page[len(page)-1].offset
		for _, r := range page {
			if r.offset <= p.horizon {
				p.note(r)
			}
		}
	}
	return nil
}

func (p *pass) note(r record) {
	p.log = append(p.log, kept{r.offset, r.kind, r.key})
	switch {
	case r.kind != "":
	case !r.key.known:
		p.unkeyed = min(p.unkeyed, r.offset)
	case r.key.text != "":
		p.newest[r.key.text] = r.offset
	}
}

// superfluous says whether a record may go. The newest never does: the end of
// the log is what appends are compared with.
func (p *pass) superfluous(k kept) bool {
	switch newest := p.newest[k.key.text]; {
	case k.offset >= p.horizon || k.offset > p.limit:
		return false
	case k.kind != "":
		return true
	case !k.key.known || k.key.text == "":
		return false
	case k.offset < newest:
		return true
	default:
		return k.key.tombstone && k.offset <= p.ends && k.offset < p.unkeyed
	}
}

// delete deletes what may go, but of the newest events nothing. What is before
// all that stays goes at once, the rest one by one, oldest first: so what is
// left at any moment is what a compaction could have left.
func (p *pass) delete(ctx context.Context) (dropped int64, err error) {
	s, old := p.c.s, p.log[:max(0, len(p.log)-p.c.low)]
	head := 0
	for head < len(old) && p.superfluous(old[head]) {
		head++
	}
	if head > 0 {
		if err := s.stream.purge(ctx, s.events, old[head-1].offset+1); err != nil {
			return 0, err
		}
		dropped = int64(head)
	}
	for _, k := range old[head:] {
		if p.superfluous(k) {
			if err := s.stream.remove(ctx, s.events, k.offset); err != nil {
				return dropped, err
			}
			dropped++
		}
	}
	if len(old) > 0 {
		p.through = old[len(old)-1].offset
	}
	return dropped, nil
}

// end writes how far the pass has come.
func (p *pass) end(ctx context.Context) error {
	p.mark.Through = max(p.mark.Through, p.through)
	if p.settled() {
		p.mark.Settled, p.mark.SettledAt = min(p.through, p.limit), time.Now()
	}
	return p.c.s.writeMark(ctx, &p.mark)
}
