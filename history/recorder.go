package history

import "context"

// Recorder makes records of items, such as the events or the outputs of a
// machine: it is an Adapter of package machine. It may be used concurrently.
type Recorder[E any] struct {
	store func(ctx context.Context, items []E) error
}

// NewRecorder returns a recorder that asks f what is to be stored of an item:
// nothing, or one entry or several, each with its name and moment. As a moment
// that an event carries is better than the clock of whoever records it, there is
// no default.
func NewRecorder[E, T any](to *Records[T], f func(item E, emit func(Entry[T]))) *Recorder[E] {
	return &Recorder[E]{func(ctx context.Context, items []E) error {
		var entries []Entry[T]
		for _, item := range items {
			f(item, func(e Entry[T]) { entries = append(entries, e) })
		}
		return to.StoreAll(ctx, entries)
	}}
}

// Notify stores the entries of all items or none, in one transaction, and
// returns when they are durable.
func (r *Recorder[E]) Notify(ctx context.Context, items []E) error { return r.store(ctx, items) }
