package natslog

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go/jetstream"
)

// Log is one log of events in a stream of JetStream. It is an Adapter and a
// Feed of package machine and keeps snapshots for it. It may be used
// concurrently.
type Log[E any] struct {
	store  *store
	cfg    Config[E]
	closed atomic.Bool

	// decodeAll is the codec's own way to make several events of an old
	// record; nil without one.
	decodeAll func(data []byte, emit func(E)) error

	open    context.Context // ends when Close begins
	endOpen context.CancelFunc
	upkeep  sync.WaitGroup // the compactor
}

// Open opens a log and becomes its owner, unless with Config.Reader: whoever
// had it open before can no longer append. The stream and the log are made if
// they do not exist. Open tries again while the servers choose a leader, for as
// long as Config.Timeout or until ctx ends.
//
// The connection stays the caller's. Close the log before it, when the machine
// has ended.
func Open[E any](ctx context.Context, js jetstream.JetStream, cfg Config[E]) (*Log[E], error) {
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("natslog: %w", err)
	}
	stream, err := openStream(ctx, js, cfg.Stream, cfg.Replicas, cfg.Timeout)
	if err != nil {
		return nil, err
	}
	s := &store{
		stream: stream,
		name:   cfg.Name,
		codec:  cfg.Codec.Name(),
		reader: cfg.Reader,
		logger: cfg.Logger.With("stream", cfg.Stream, "log", cfg.Name),
	}
	if err := openStore(ctx, s); err != nil {
		return nil, s.named(err)
	}
	l := &Log[E]{store: s, cfg: cfg}
	if c, ok := cfg.Codec.(interface {
		DecodeAll(data []byte, emit func(E)) error
	}); ok {
		l.decodeAll = c.DecodeAll
	}
	l.open, l.endOpen = context.WithCancel(context.WithoutCancel(ctx))
	if cfg.Key != nil && !cfg.Reader {
		s.compactor = newCompactor(s, cfg.HighWater, cfg.LowWater, cfg.grace)
		l.upkeep.Go(func() { s.compactor.run(l.open) })
	}
	s.logger.Info("edfsm: log opened", "head", s.head.Load())
	return l, nil
}

// Notify appends the events, all or none, and returns when they are stored as
// the stream promises: see the package's doc. More than [MaxEvents] are refused
// with [ErrTooLarge].
//
// ctx is obeyed until the events are sent; then the outcome is waited for, for
// as long as Config.Timeout. Calls are made one after the other.
func (l *Log[E]) Notify(ctx context.Context, events []E) error {
	if err := l.writable(); err != nil {
		return err
	}
	if len(events) == 0 {
		return nil
	}
	if len(events) > MaxEvents {
		return l.store.named(fmt.Errorf("%d events, more than %d: %w", len(events), MaxEvents, ErrTooLarge))
	}
	return l.store.named(l.store.append(ctx, func(w *write) error { return l.fill(w, events) }, len(events)))
}

// fill encodes events as the records of a write.
func (l *Log[E]) fill(w *write, events []E) (err error) {
	for i, e := range events {
		r := &w.records[i]
		if r.value, err = l.cfg.Codec.Append(nil, e); err != nil {
			return fmt.Errorf("encode event %d of %d: %w", i+1, len(events), err)
		}
		if l.cfg.Key != nil {
			text, op := l.cfg.Key(e)
			r.key = key{known: true, tombstone: text != "" && op == Tombstone, text: text}
		}
		if err := l.store.stream.fits(r); err != nil {
			return fmt.Errorf("event %d of %d: %w", i+1, len(events), err)
		}
	}
	return nil
}

func (l *Log[E]) writable() error {
	switch {
	case l.closed.Load():
		return l.store.named(ErrClosed)
	case l.cfg.Reader:
		return l.store.named(ErrReadOnly)
	}
	return nil
}

// Head returns the offset of the newest record of the log that this handle
// knows to be stored. It may be the record of an opening.
func (l *Log[E]) Head() int64 { return l.store.head.Load() }

// Compact compacts the log now, whatever came since the last time, and returns
// how many events it has deleted. It goes as far as replays of this handle and
// subscriptions allow. Without Config.Key it does nothing.
func (l *Log[E]) Compact(ctx context.Context) (dropped int64, err error) {
	if err := l.writable(); err != nil {
		return 0, err
	}
	if l.store.compactor == nil {
		return 0, nil
	}
	dropped, err = l.store.compactor.compact(ctx)
	return dropped, l.store.named(err)
}

// Close ends the log's upkeep and its deliveries, and refuses further calls. It
// may be called more than once. The connection stays open.
func (l *Log[E]) Close() error {
	first := !l.closed.Swap(true)
	l.endOpen()
	l.upkeep.Wait()
	if first {
		l.store.logger.Info("edfsm: log closed")
	}
	return nil
}
