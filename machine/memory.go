package machine

import (
	"context"
	"iter"
	"slices"
	"sync"
)

// Memory is a [Log] in memory, for tests and for machines whose state outlives
// a machine but not the process. The zero value is an empty log. It keeps
// snapshots and is safe for concurrent use.
type Memory[E any] struct {
	mu        sync.Mutex
	events    []E
	snapshots map[string]memorySnapshot
}

type memorySnapshot struct {
	data  []byte
	after int
}

// Notify appends the events. It never fails.
func (m *Memory[E]) Notify(_ context.Context, events []E) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = append(m.events, events...)
	return nil
}

// Feed gives the events that were in the log when the iteration began. It may
// be walked any number of times.
func (m *Memory[E]) Feed(ctx context.Context) iter.Seq2[E, error] {
	return m.from(ctx, 0)
}

// SaveSnapshot implements [Snapshotter].
func (m *Memory[E]) SaveSnapshot(_ context.Context, id string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.snapshots == nil {
		m.snapshots = make(map[string]memorySnapshot)
	}
	m.snapshots[id] = memorySnapshot{data: append([]byte{}, data...), after: len(m.events)}
	return nil
}

// LoadSnapshot implements [Snapshotter].
func (m *Memory[E]) LoadSnapshot(ctx context.Context, id string) ([]byte, iter.Seq2[E, error], error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.snapshots[id]
	if !ok {
		return nil, nil, nil
	}
	return slices.Clone(s.data), m.from(ctx, s.after), nil
}

func (m *Memory[E]) from(ctx context.Context, start int) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		m.mu.Lock()
		events := m.events[start:len(m.events):len(m.events)]
		m.mu.Unlock()
		for _, e := range events {
			if err := ctx.Err(); err != nil {
				var zero E
				yield(zero, err)
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}
