package sqlitelog

import (
	"context"
	"iter"
	"time"

	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// Feed gives the events that were in the log when the iteration began, oldest
// first. It reads them in pages, the next one while the caller works on one, and
// keeps no transaction open for a caller who is slow. It may be left early, and
// walked any number of times; l does not compact the log beyond what a replay that
// is under way has still to see, and where another handle does, it ends with
// [ErrCompacted].
//
// A record that cannot be read ends it with a [*RecordError], unless
// Config.Quarantine says otherwise, and records that are not in order with
// [ErrCorrupt]. A log whose beginning was dropped fails with [ErrDropped].
func (l *Log[E]) Feed(ctx context.Context) iter.Seq2[E, error] {
	return l.events(ctx, 0, l.store.whole)
}

// Entry is an event with what the log knows about it.
type Entry[E any] struct {
	Offset     int64
	Key        string
	RecordedAt time.Time // by the wall clock of the writer; in ms; it may go back
	Event      E
}

// Entries is [Log.Feed] for a range of offsets, both included, with the entries
// that the events come from. Events that an old record was split into share its
// entry. Of a log whose beginning was dropped it gives what is left.
//
// With to = [Log.Head], the offset of an entry beside that tells how far a long
// walk is.
func (l *Log[E]) Entries(ctx context.Context, from, to int64) iter.Seq2[Entry[E], error] {
	return l.entries(ctx, l.store.records(ctx, from, to, nil))
}

func (l *Log[E]) entries(ctx context.Context, records iter.Seq2[record, error]) iter.Seq2[Entry[E], error] {
	return func(yield func(Entry[E], error) bool) {
		if l.closed.Load() {
			yield(Entry[E]{}, l.store.named(ErrClosed))
			return
		}
		for e, err := range l.entriesOf(ctx, records) {
			if !yield(e, err) {
				return
			}
		}
	}
}

// entriesOf makes entries of records. An error is the last pair.
func (l *Log[E]) entriesOf(ctx context.Context, records iter.Seq2[record, error]) iter.Seq2[Entry[E], error] {
	return func(yield func(Entry[E], error) bool) {
		var events []E
		var sum checksum
		for r, err := range records {
			if err == nil {
				events, err = l.eventsOf(ctx, events[:0], r, &sum)
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
	return Entry[E]{r.offset, r.key.text, time.UnixMilli(r.recordedAt), e}
}

// eventsOf is decode, unless a record that cannot be read is to be put into
// quarantine.
func (l *Log[E]) eventsOf(ctx context.Context, events []E, r record, sum *checksum) ([]E, error) {
	events, err := l.decode(events, r, sum)
	if err != nil && l.cfg.Quarantine {
		err = l.store.quarantine(ctx, r.offset, err)
	}
	return events, err
}

// decode appends the events of a record, which are one unless the codec knows
// an older shape.
func (l *Log[E]) decode(events []E, r record, sum *checksum) ([]E, error) {
	err := ErrCorrupt
	if l.store.intact(r.crc, sum.of(l.store.number, r.offset, r.key, r.value)) {
		if l.decodeAll != nil {
			err = l.decodeAll(r.value, func(e E) { events = append(events, e) })
		} else {
			var zero E
			events = append(events, zero) // in place, which spares an allocation
			err = l.cfg.Codec.Decode(r.value, &events[len(events)-1])
		}
	}
	if err != nil {
		return nil, &RecordError{File: sqlitedb.Path(l.store.db), Log: l.store.name, Offset: r.offset, Key: r.key.text, Err: err}
	}
	return events, nil
}
