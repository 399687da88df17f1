package natslog

import (
	"context"
	"errors"
	"iter"
	"sync"
)

// replays is the replays of a handle that are under way, and where they end at
// the earliest: of what they have still to read, nothing may go for the sake of
// an event that they will not come to.
type replays struct {
	mu   sync.Mutex
	ends map[*int64]struct{}
}

// begin lets a replay in that will end at an offset or later.
func (r *replays) begin(end int64) (finish func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ends == nil {
		r.ends = make(map[*int64]struct{})
	}
	r.ends[&end] = struct{}{}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.ends, &end)
	}
}

// horizon is the offset behind which no event supersedes one yet, at most head,
// and whether replays are under way.
func (r *replays) horizon(head int64) (int64, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for end := range r.ends {
		head = min(head, *end)
	}
	return head, len(r.ends) > 0
}

// records reads the events after an offset, through the newest at its start. It
// fails if check, unless nil, does not like the mark that it finds there.
func (s *store) records(ctx context.Context, after int64, check func(mark) error) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		defer s.replays.begin(s.head.Load())()
		r := replay{s: s, after: after}
		err := r.start(ctx)
		if err == nil && check != nil {
			err = check(r.mark)
		}
		for err == nil && r.after < r.end {
			var page []record
			if page, err = r.page(ctx); err != nil {
				break
			}
			for _, record := range page {
				if !yield(record, nil) {
					return
				}
			}
		}
		if err != nil {
			yield(record{}, s.named(err))
		}
	}
}

// replay is how far a replay has come.
type replay struct {
	s          *store
	after, end int64 // what is still to be read: after < offset <= end
	mark       mark  // as it was at the start
}

// start sets the end: the newest record of the log, once it is sure that
// nothing older is to come.
func (r *replay) start(ctx context.Context) error {
	if !r.s.reader {
		if err := r.s.take(ctx); err == nil {
			r.s.leave()
		} else if !errors.Is(err, ErrConflict) {
			return err
		}
	}
	// The mark first: what a compaction that has written it deletes is
	// superseded by something before the end.
	var err error
	if r.mark, err = r.s.readMark(ctx); err != nil {
		return err
	}
	newest, err := r.s.stream.last(ctx, r.s.events)
	r.end = max(newest.offset, r.s.head.Load())
	return err
}

// page reads on. It fails if somebody else has compacted the log since the
// start: this page may lack what the earlier ones relied on. The compactor of
// this handle heeds the replays.
func (r *replay) page(ctx context.Context) (events []record, err error) {
	page, err := r.s.stream.known(ctx, r.s.events, r.after)
	if err != nil {
		return nil, err
	}
	now, err := r.s.readMark(ctx)
	if err != nil {
		return nil, err
	}
	if now.offset != r.mark.offset && now.Owner != r.s.id {
		return nil, ErrCompacted
	}
	r.after = page[len(page)-1].offset
	for _, record := range page {
		if record.kind == "" && record.offset <= r.end {
			events = append(events, record)
		}
	}
	return events, nil
}
