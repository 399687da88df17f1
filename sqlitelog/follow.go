package sqlitelog

import (
	"context"
	"errors"
	"iter"

	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// Follow gives the events after an offset, first those that are stored, then
// those that come: in order, none twice, none left out. It ends when ctx ends,
// with its error, when the log is closed, and otherwise as [Log.Entries] does;
// the error is the last pair.
//
// What is appended through the same [DB] is seen as soon as it is durable, what
// others append, such as another process, within some 100 ms. The iteration holds no transaction
// open and may be slow: as long as l owns the log, nothing is compacted that it
// has not yet read. Of what was compacted before it began it gets the survivors.
// If another owner compacts what it has not read, it ends with [ErrCompacted], and
// where events after the offset were dropped for a snapshot, with [ErrDropped].
//
// Only while it is walked does the log know of it. [Log.Deliver] is for those
// who must not miss anything between two runs.
func (l *Log[E]) Follow(ctx context.Context, after int64) iter.Seq2[Entry[E], error] {
	return func(yield func(Entry[E], error) bool) {
		if l.closed.Load() {
			yield(Entry[E]{}, l.store.named(ErrClosed))
			return
		}
		open, end := l.whileOpen(ctx)
		defer end()
		for e, err := range l.entriesOf(open, l.store.follow(open, after)) {
			if err != nil {
				err = l.ended(ctx, err)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// whileOpen returns a context that ends with ctx, and when the log or its file
// is closed.
func (l *Log[E]) whileOpen(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(l.open, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// ended returns why a call that ran under [Log.whileOpen] has failed.
func (l *Log[E]) ended(ctx context.Context, err error) error {
	switch {
	case !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case l.open.Err() != nil:
		return l.store.named(ErrClosed)
	}
	return err
}

// follow reads the records after an offset in pages, and waits at the end.
func (s *store) follow(ctx context.Context, after int64) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		p := page{after: max(after, 0)}
		err := s.replays.follow(ctx, &p)
		if err != nil {
			yield(record{}, err)
			return
		}
		defer s.finishReplay(&p)
		defer s.watch.begin(s.db)()
		for first := true; ; first = false {
			next := s.news.next()
			if err = s.readOn(ctx, &p, first); err != nil {
				yield(record{}, err)
				return
			}
			s.replays.passed(&p)
			s.freed()
			for _, r := range p.records {
				if err := ctx.Err(); err != nil {
					yield(record{}, err)
					return
				}
				if !yield(r, nil) {
					return
				}
			}
			if p.after < p.end {
				continue
			}
			if err = await(ctx, next); err != nil {
				yield(record{}, err)
				return
			}
		}
	}
}

// readOn reads the next page of what there is by now.
func (s *store) readOn(ctx context.Context, p *page, first bool) error {
	return sqlitedb.View(ctx, s.db, func(rx sqlitedb.Rx) error {
		err := s.checkCompactions(rx, p, first)
		if first && err == nil {
			err = s.wholeAfter(rx, p.after)
		}
		if err == nil {
			err = s.readAfter(rx, p)
		}
		return s.named(err)
	})
}

// readAfter reads a page that ends at most at the newest event.
func (s *store) readAfter(rx sqlitedb.Rx, p *page) error {
	newest, err := newestOf(rx)
	if err != nil {
		return err
	}
	p.end = max(p.after, newest) // the newest may have gone since
	return s.readTables(rx, p)
}

func await(ctx context.Context, next <-chan struct{}) error {
	select {
	case <-next:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
