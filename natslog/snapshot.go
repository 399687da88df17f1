package natslog

import (
	"context"
	"errors"
	"iter"
)

// SaveSnapshot keeps data as the state after all events that were accepted by
// this log so far. A log keeps one snapshot: it takes the place of the one
// before, whatever the id of that was. When it returns the data is as durable as
// an event. An owner that was replaced fails with [ErrConflict].
//
// Data that one message has no room for is stored as a batch of up to 1,000
// messages; more is [ErrTooLarge].
func (l *Log[E]) SaveSnapshot(ctx context.Context, id string, data []byte) error {
	if err := l.writable(); err != nil {
		return err
	}
	return l.store.named(l.store.saveSnapshot(ctx, id, data))
}

// LoadSnapshot returns the newest snapshot, if it has that id, and the events
// after it, as [Log.Feed] gives them. Without one it returns neither, nor an
// error: then the whole log is to be replayed. A snapshot that is not as it was
// written counts as none and is reported to Config.Logger.
//
// The walk over the events fails with [ErrCompacted] if the log was compacted
// beyond the snapshot in the meantime: load again.
func (l *Log[E]) LoadSnapshot(ctx context.Context, id string) (data []byte, events iter.Seq2[E, error], err error) {
	if l.closed.Load() {
		return nil, nil, l.store.named(ErrClosed)
	}
	position, data, err := l.store.loadSnapshot(ctx, id)
	if errors.Is(err, ErrCorrupt) {
		l.store.logger.Warn("edfsm: snapshot ignored", "id", id, "error", err)
		return nil, nil, nil
	}
	if err != nil || data == nil {
		return nil, nil, l.store.named(err)
	}
	reaches := func(m mark) error {
		if m.Tombstones > position {
			return ErrCompacted
		}
		return nil
	}
	return data, l.events(ctx, position, reaches), nil
}

// partSize is how much of a snapshot a message takes: the rest is for headers.
func (s *stream) partSize() int { return max(1, int(s.conn.MaxPayload())*3/4) }

func (s *store) saveSnapshot(ctx context.Context, id string, data []byte) error {
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.leave()
	size := s.stream.partSize()
	n := max(1, (len(data)+size-1)/size)
	if n > MaxEvents {
		return ErrTooLarge
	}
	w := s.newWrite(s.snapshot, n)
	for i := range w.records {
		r := &w.records[i]
		r.state, r.position = id, w.after
		r.value = data[i*size : min(len(data), (i+1)*size)]
	}
	last, err := s.put(ctx, w)
	if err != nil {
		return err
	}
	return s.stream.purge(ctx, s.snapshot, last-int64(n)+1)
}

// loadSnapshot returns the newest snapshot, no data if it has another id.
func (s *store) loadSnapshot(ctx context.Context, id string) (position int64, data []byte, err error) {
	for seen := int64(0); ; {
		newest, err := s.stream.last(ctx, s.snapshot)
		if err != nil || newest.offset == 0 || newest.state != id {
			return 0, nil, err
		}
		data, err := s.parts(ctx, newest)
		if !errors.Is(err, ErrCorrupt) || newest.offset == seen {
			return newest.position, data, err
		}
		seen = newest.offset // another may have taken its place meanwhile
	}
}

// parts reads the snapshot that ends with a record.
func (s *store) parts(ctx context.Context, newest record) (data []byte, err error) {
	data = []byte{}
	n := 0
	for after := newest.offset - int64(newest.of); after < newest.offset; {
		page, err := s.stream.known(ctx, s.snapshot, after)
		if err != nil {
			return nil, err
		}
		for _, r := range page {
			after = r.offset
			if r.id != newest.id {
				continue
			}
			if n++; r.part != n || r.crc != r.checksum() {
				return nil, ErrCorrupt
			}
			data = append(data, r.value...)
		}
	}
	if n != newest.of {
		return nil, ErrCorrupt
	}
	return data, nil
}
