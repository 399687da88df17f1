// Package engine says what is measured: something that keeps events.
package engine

import "context"

// Engine is one way to keep events.
type Engine struct {
	Name    string                        // short, as in "sqlite", "mutex", "plainfile", "bbolt-batch"
	Durable bool                          // whether Append returns when the event is on disk
	How     string                        // one line for the reader: what Append does, and with which settings
	Open    func(dir string) (Log, error) // in an empty folder, or one it has used before
}

// Log is open. Append may be called concurrently; Replay hands over all events
// in order, each valid until yield returns.
type Log interface {
	Append(ctx context.Context, event []byte) error
	Replay(yield func(event []byte) error) error
	Close() error
}

// Counter is a Log that can tell how many commits, or syncs, its appends took.
type Counter interface {
	Batches() (commits int64)
}
