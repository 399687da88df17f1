package machine

import (
	"context"
	"io"
	"slices"
	"sync"
)

// mailbox is a bounded queue from many senders to one taker, first in, first
// out, also among senders who wait for a place. The taker takes all that waits
// in one turn of the lock.
type mailbox[T any] struct {
	size int
	wake chan struct{} // holds one, for an idle taker

	mu      sync.Mutex
	queue   []T
	blocked []*blockedSender[T] // none while the queue has room
	idle    bool                // the taker found nothing
	closed  bool

	// The taker's own: what it took, and how much of that it has given out.
	taken   []T
	given   int
	drained bool // closed, and nothing will follow what was taken
}

type blockedSender[T any] struct {
	item T
	done chan error // holds one
}

func newMailbox[T any](size int) mailbox[T] {
	return mailbox[T]{size: size, wake: make(chan struct{}, 1)}
}

// put returns when the item has a place.
func (b *mailbox[T]) put(ctx context.Context, item T) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return ErrStopped
	}
	if len(b.queue) < b.size {
		b.queue = append(b.queue, item)
		b.unlockAndWake()
		return nil
	}
	s := &blockedSender[T]{item, make(chan error, 1)}
	b.blocked = append(b.blocked, s)
	b.mu.Unlock()

	select {
	case err := <-s.done:
		return err
	case <-ctx.Done():
		return b.leave(s, ctx.Err())
	}
}

// leave gives up the wait for a place, unless it is over.
func (b *mailbox[T]) leave(s *blockedSender[T], err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.Index(b.blocked, s)
	if i < 0 {
		return <-s.done
	}
	b.blocked = slices.Delete(b.blocked, i, i+1)
	return err
}

// close refuses what has no place yet. It may be called again.
func (b *mailbox[T]) close() {
	b.mu.Lock()
	b.closed = true
	for _, s := range b.blocked {
		s.done <- ErrStopped
	}
	b.blocked = nil
	b.unlockAndWake()
}

func (b *mailbox[T]) unlockAndWake() {
	idle := b.idle
	b.idle = false
	b.mu.Unlock()
	if !idle {
		return
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take waits for the next item. It returns io.EOF when the mailbox is closed
// and empty, and ctx's cause when ctx ends, even if items are waiting. The
// item is valid until take or poll is called again.
func (b *mailbox[T]) take(ctx context.Context) (*T, error) {
	for ctx.Err() == nil {
		if item := b.poll(); item != nil {
			return item, nil
		}
		if b.drained {
			return nil, io.EOF
		}
		select {
		case <-b.wake:
		case <-ctx.Done():
		}
	}
	return nil, context.Cause(ctx)
}

// poll returns the next item, or nil if none is waiting.
func (b *mailbox[T]) poll() *T {
	if b.given == len(b.taken) {
		b.refill()
	}
	if len(b.taken) == 0 {
		return nil
	}
	b.given++
	return &b.taken[b.given-1]
}

func (b *mailbox[T]) refill() {
	clear(b.taken)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.taken, b.queue, b.given = b.queue, b.taken[:0], 0
	b.idle, b.drained = len(b.taken) == 0, b.closed

	n := min(len(b.blocked), b.size)
	for _, s := range b.blocked[:n] {
		b.queue = append(b.queue, s.item)
		s.done <- nil
	}
	b.blocked = slices.Delete(b.blocked, 0, n)
}
