package natslog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
)

// store is one log of a stream, as bytes.
type store struct {
	subjects
	stream *stream
	name   string
	codec  string
	id     string // of this handle
	reader bool

	head    atomic.Int64 // offset of the newest record that is known to be stored
	replays replays
	news    news
	logger  *slog.Logger

	turn chan struct{} // held by whoever writes

	// For whoever has the turn.
	writes   int64
	pending  *write // whose outcome is not known
	doubt    error  // why not
	conflict error  // somebody else has the log

	compactor *compactor // nil: the log is never compacted
}

// openStore finds the log in its stream and becomes its owner, or only finds it.
func openStore(ctx context.Context, s *store) error {
	s.id = rand.Text()
	s.turn = make(chan struct{}, 1)
	s.subjects = subjectsOf(s.stream.name, s.name)
	if s.reader {
		newest, err := s.stream.last(ctx, s.events)
		if err == nil && newest.offset == 0 {
			err = ErrNoLog
		}
		if err != nil {
			return err
		}
		s.head.Store(newest.offset)
		return s.checkCodec(newest)
	}
	return s.own(ctx)
}

// own ends the log with a record that says who owns it from there on. Whoever
// owned it before expects another end.
func (s *store) own(ctx context.Context) error {
	for try := 1; ; try++ {
		newest, err := s.stream.last(ctx, s.events)
		if err != nil {
			return err
		}
		if err := s.checkCodec(newest); err != nil {
			return err
		}
		w := s.opening(newest.offset)
		if try > 3 && newest.offset > 0 {
			w.guard = "" // its owner appends all the time and would keep us out
		}
		last, err := s.stream.put(ctx, w)
		switch {
		case errors.Is(err, ErrConflict) && ctx.Err() == nil:
			continue
		case err != nil:
			return err
		}
		s.head.Store(last)
		if newest.kind != kindOpen {
			return nil
		}
		return s.stream.remove(ctx, s.events, newest.offset) // of an owner who has appended nothing
	}
}

func (s *store) checkCodec(newest record) error {
	if newest.offset > 0 && newest.codec != s.codec {
		return fmt.Errorf("%w: it was written with %q, not with %q", ErrCodec, newest.codec, s.codec)
	}
	return nil
}

// opening is the record of an owner behind an offset.
func (s *store) opening(after int64) *write {
	w := s.newWrite(s.events, 1)
	w.after = after
	w.records[0].kind = kindOpen
	return w
}

// newWrite makes a write of n records to a subject of the log, which lets it in
// only if this owner has appended all that it has.
func (s *store) newWrite(subject string, n int) *write {
	s.writes++
	w := &write{subject: subject, guard: s.events, after: s.head.Load(), id: fmt.Sprintf("%s-%d", s.id, s.writes)}
	for i := range n {
		r := newRecord(subject, w.id, i+1, n)
		r.codec = s.codec
		w.records = append(w.records, r)
	}
	return w
}

// named says where an error has happened.
func (s *store) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("stream %s: log %q: %w", s.stream.name, s.name, err)
}

// take takes the turn to write and settles what is not settled.
func (s *store) take(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	err := s.settle(ctx)
	if err != nil {
		s.leave()
	}
	return err
}

func (s *store) leave() { <-s.turn }

// append stores events, all or none, behind all that this owner has stored.
func (s *store) append(ctx context.Context, fill func(*write) error, n int) error {
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.leave()
	w := s.newWrite(s.events, n)
	if err := fill(w); err != nil {
		return err
	}
	last, err := s.put(ctx, w)
	if err != nil {
		return err
	}
	s.head.Store(last)
	s.news.tell()
	s.grown(n)
	return nil
}

// put stores a write for whoever has the turn, and remembers what it learns.
func (s *store) put(ctx context.Context, w *write) (last int64, err error) {
	last, err = s.stream.put(ctx, w)
	switch {
	case errors.Is(err, ErrUncertain):
		s.pending, s.doubt = w, err
	case errors.Is(err, ErrConflict):
		s.lose(err)
	}
	return last, err
}

func (s *store) lose(err error) {
	s.conflict = err
	s.logger.Warn("edfsm: log has another owner", "error", err)
}

// settle finds out whether the write whose outcome is not known was stored, and
// keeps it out if it was not: it may still be on its way.
func (s *store) settle(ctx context.Context) error {
	if s.conflict != nil || s.pending == nil {
		return s.conflict
	}
	fence := s.opening(s.pending.after)
	fence.id = s.pending.id + "-fence"
	fence.records[0].id = fence.id
	last, err := s.stream.put(ctx, fence)
	if errors.Is(err, ErrConflict) {
		newest, e := s.stream.last(ctx, s.events)
		if e != nil {
			err = e
		} else if newest.id == s.pending.id {
			last, err = newest.offset, nil
		}
	}
	switch {
	case err == nil:
		s.logger.Info("edfsm: outcome settled", "head", last)
		s.pending, s.doubt = nil, nil
		s.head.Store(last)
		return nil
	case errors.Is(err, ErrConflict):
		s.pending = nil
		s.lose(err)
		return err
	}
	return fmt.Errorf("%w (%w): %w", ErrFailed, err, s.doubt)
}
