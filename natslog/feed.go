package natslog

import (
	"context"
	"iter"
	"time"
)

// Feed gives the events that were in the log when the iteration began, oldest
// first. It reads them in pages, so it may be slow, be left early, and be walked
// any number of times; the log is not compacted beyond what a replay of this
// handle has still to see. A record that cannot be read ends it with a
// [*RecordError].
func (l *Log[E]) Feed(ctx context.Context) iter.Seq2[E, error] {
	return l.events(ctx, 0, nil)
}

// events gives the events after an offset.
func (l *Log[E]) events(ctx context.Context, after int64, check func(mark) error) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		for e, err := range l.entries(ctx, l.store.records(ctx, after, check)) {
			if !yield(e.Event, err) {
				return
			}
		}
	}
}

// Entry is an event with what the log knows about it.
type Entry[E any] struct {
	Offset     int64
	Key        string
	RecordedAt time.Time // by the clock of the stream's leader; it may go back
	Event      E
}

// Entries is [Log.Feed] for the events after an offset, with the entries that
// they come from. Events that an old record was split into share its entry.
func (l *Log[E]) Entries(ctx context.Context, after int64) iter.Seq2[Entry[E], error] {
	return l.entries(ctx, l.store.records(ctx, max(after, 0), nil))
}

// entries makes entries of records. An error is the last pair.
func (l *Log[E]) entries(ctx context.Context, records iter.Seq2[record, error]) iter.Seq2[Entry[E], error] {
	return func(yield func(Entry[E], error) bool) {
		if l.closed.Load() {
			yield(Entry[E]{}, l.store.named(ErrClosed))
			return
		}
		var events []E
		for r, err := range records {
			if err == nil {
				err = ctx.Err()
			}
			if err == nil {
				events, err = l.decode(events[:0], r)
			}
			if err != nil {
				yield(Entry[E]{}, err)
				return
			}
			for _, e := range events {
				if !yield(entryOf(r, e), nil) {
					return
				}
			}
		}
	}
}

func entryOf[E any](r record, e E) Entry[E] {
	return Entry[E]{r.offset, r.key.text, r.recordedAt, e}
}

// decode appends the events of a record, which are one unless the codec knows
// an older shape.
func (l *Log[E]) decode(events []E, r record) ([]E, error) {
	err := ErrCorrupt
	if r.crc == r.checksum() {
		if l.decodeAll != nil {
			err = l.decodeAll(r.value, func(e E) { events = append(events, e) })
		} else {
			var e E
			err = l.cfg.Codec.Decode(r.value, &e)
			events = append(events, e)
		}
	}
	if err != nil {
		return nil, &RecordError{Stream: l.store.stream.name, Log: l.store.name, Offset: r.offset, Key: r.key.text, Err: err}
	}
	return events, nil
}
