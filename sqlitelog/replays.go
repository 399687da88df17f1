package sqlitelog

import (
	"context"
	"math"
	"sync"
)

// replays is the replays of a log that are under way, and where they end at the
// earliest: of what they have still to read, nothing may go for the sake of an event that
// they will not come to.
type replays struct {
	mu    sync.Mutex
	ends  map[*page]int64
	slice chan struct{} // closed when the slice in hand is over; nil without one

	// followers are replays without an end, with what they have come to: what
	// lies after that stays as it is.
	followers map[*page]int64
}

// begin lets a replay in that will end at least at an offset. It waits for the
// slice in hand: the replay would begin on a moment before that and go on after
// it.
func (r *replays) begin(ctx context.Context, p *page, end int64) error {
	return r.enter(ctx, func() {
		if r.ends == nil {
			r.ends = make(map[*page]int64)
		}
		r.ends[p] = end
	})
}

// follow lets a follower in, as begin does a replay.
func (r *replays) follow(ctx context.Context, p *page) error {
	return r.enter(ctx, func() {
		if r.followers == nil {
			r.followers = make(map[*page]int64)
		}
		r.followers[p] = p.after
	})
}

// passed is told when a follower has read on.
func (r *replays) passed(p *page) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.followers[p] = p.after
}

// leastPassed returns what all followers have come to.
func (r *replays) leastPassed() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	least := int64(math.MaxInt64)
	for _, after := range r.followers {
		least = min(least, after)
	}
	return least
}

func (r *replays) enter(ctx context.Context, enter func()) error {
	for {
		slice := r.tryEnter(enter)
		if slice == nil {
			return nil
		}
		select {
		case <-slice:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *replays) tryEnter(enter func()) (slice <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.slice == nil {
		enter()
	}
	return r.slice
}

func (r *replays) finish(p *page) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.ends, p)
	delete(r.followers, p)
}

// hold keeps new replays out until release, and returns the least of the ends
// and whether there is any. Whoever has the writer may call it again.
func (r *replays) hold() (bound int64, any bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.slice == nil {
		r.slice = make(chan struct{})
	}
	bound = math.MaxInt64
	for _, end := range r.ends {
		bound = min(bound, end)
	}
	return bound, len(r.ends) > 0
}

func (r *replays) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.slice != nil {
		close(r.slice)
		r.slice = nil
	}
}
