package natslog

import (
	"context"
	"sync"
	"time"
)

// poll is after what time somebody who waits looks for the events of others.
const poll = 250 * time.Millisecond

// news wakes those who wait for events of this handle.
type news struct {
	mu   sync.Mutex
	come chan struct{} // closed by tell; nil while nobody waits
}

func (n *news) next() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.come == nil {
		n.come = make(chan struct{})
	}
	return n.come
}

func (n *news) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.come != nil {
		close(n.come)
		n.come = nil
	}
}

// await waits for news, or until it is time to look for those of others.
func await(ctx context.Context, next <-chan struct{}) error {
	timer := time.NewTimer(poll)
	defer timer.Stop()
	select {
	case <-next:
		return nil
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
