package machine

import (
	"context"
	"iter"
)

// Adapter takes items in order: events, commands or outputs. Notify must
// neither keep nor change the slice, which the caller uses again. A durable
// adapter keeps all items of one call or none, and returns when they are
// durable. A machine does not call it without items.
//
// A machine calls its adapters one at a time from the goroutine of Run and
// waits for each, so a slow adapter slows its machine. An adapter shared by
// several machines must be safe for concurrent use.
type Adapter[T any] interface {
	Notify(ctx context.Context, items []T) error
}

// Feed gives back, oldest first, the events to start from. An error ends the
// sequence and comes as its last pair, with the zero event.
type Feed[E any] interface {
	Feed(ctx context.Context) iter.Seq2[E, error]
}

// Log keeps the events of one machine and gives them back when the machine
// starts again.
type Log[E any] interface {
	Adapter[E]
	Feed[E]
}

// Snapshotter is implemented by a [Log] that can keep snapshots. The id names
// how a state was encoded; a snapshot is of use only under its own id.
type Snapshotter[E any] interface {
	// SaveSnapshot keeps data as the state after all events that this log
	// accepted so far. It does not keep the slice.
	SaveSnapshot(ctx context.Context, id string, data []byte) error

	// LoadSnapshot returns the newest snapshot with that id and the events
	// after it. Without one, data and events are nil, and the caller turns to
	// Feed, which fails if events before some other snapshot are gone.
	LoadSnapshot(ctx context.Context, id string) (data []byte, events iter.Seq2[E, error], err error)
}
