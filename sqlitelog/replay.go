package sqlitelog

import (
	"cmp"
	"context"
	"iter"

	"github.com/edfsm/edfsm/internal/sqlitedb"
	"zombiezen.com/go/sqlite"
)

// A page is full when it has so many rows or bytes.
var (
	pageRows  = 1024
	pageBytes = 1 << 20
)

// records reads the events of a range of offsets, bounds included, in pages, so
// that a caller who is slow holds no read transaction open. Its end is at most
// the newest event at its start, when check, if there is one, is asked.
func (s *store) records(ctx context.Context, from, to int64, check func(sqlitedb.Rx) error) iter.Seq2[record, error] {
	return s.walk(ctx, page{after: max(from, 1) - 1, end: to, check: check})
}

// walk reads on from a page that is still empty. While the caller works on one
// page, the next is read.
func (s *store) walk(ctx context.Context, empty page) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		first := empty
		if err := s.replays.begin(ctx, &first, min(first.end, s.head.Load())); err != nil {
			yield(record{}, err)
			return
		}
		defer s.finishReplay(&first)
		var a ahead
		defer a.stop()
		p, spare := &first, new(page)
		err := s.readPage(ctx, p, true)
		for {
			if err != nil {
				yield(record{}, err)
				return
			}
			more := p.after < p.end
			if more {
				a.start(ctx, s, p, spare)
			}
			for _, r := range p.records {
				if !yield(r, nil) {
					return
				}
			}
			if !more {
				return
			}
			err = cmp.Or(a.wait(), ctx.Err())
			p, spare = spare, p
		}
	}
}

// ahead reads a page in the background.
type ahead struct {
	cancel context.CancelFunc
	done   chan error // nil: nothing is read
}

// start reads the page that follows p into next.
func (a *ahead) start(ctx context.Context, s *store, p, next *page) {
	next.after, next.end, next.only, next.compactions = p.after, p.end, p.only, p.compactions
	ctx, a.cancel = context.WithCancel(ctx)
	done := make(chan error, 1)
	a.done = done
	go func() { done <- s.readPage(ctx, next, false) }()
}

func (a *ahead) wait() error {
	err := <-a.done
	a.done = nil
	a.cancel()
	return err
}

// stop interrupts what is read, and waits until that has ended.
func (a *ahead) stop() {
	if a.done != nil {
		a.cancel()
		a.wait()
	}
}

func (s *store) finishReplay(p *page) {
	s.replays.finish(p)
	s.freed()
}

// freed tells the compactor that a reader holds it up no longer, perhaps.
func (s *store) freed() {
	if s.compactor != nil {
		signal(s.compactor.freed)
	}
}

func (s *store) readPage(ctx context.Context, p *page, first bool) error {
	return sqlitedb.View(ctx, s.db, func(rx sqlitedb.Rx) error { return s.named(s.read(rx, p, first)) })
}

// page is a part of a log in memory, and where to go on.
type page struct {
	records     []record
	rows        int // that were looked at
	values      sqlitedb.Values
	after, end  int64 // what is still to be read: after < offset <= end
	only        *span // nil: whenever it was recorded
	compactions int64 // how often the log had been compacted at the start
	check       func(sqlitedb.Rx) error
}

// read reads a page from both tables at one moment. Of one log, all that was
// compacted is older than the rest.
func (s *store) read(rx sqlitedb.Rx, p *page, first bool) error {
	if err := s.checkCompactions(rx, p, first); err != nil {
		return err
	}
	if first && p.check != nil {
		if err := p.check(rx); err != nil {
			return err
		}
	}
	if first {
		newest, err := newestOf(rx)
		if err != nil {
			return err
		}
		p.end = min(p.end, newest)
	}
	return s.readTables(rx, p)
}

func (s *store) readTables(rx sqlitedb.Rx, p *page) error {
	p.records, p.rows = p.records[:0], 0
	p.values.Reset()
	for _, query := range []string{s.sql.compacted.read, s.sql.log.read} {
		stmt, err := rx.Prepare(query)
		if err != nil {
			return err
		}
		stmt.BindInt64(1, s.number)
		stmt.BindInt64(2, p.after)
		stmt.BindInt64(3, p.end)
		if full, err := p.fill(stmt); err != nil || full {
			return err
		}
	}
	p.after = p.end
	return nil
}

// checkCompactions fails if somebody else has compacted the log since the first
// page, beyond what was read: a later page may lack what the earlier ones relied
// on. Our own compactor heeds s.replays.
func (s *store) checkCompactions(rx sqlitedb.Rx, p *page, first bool) error {
	n, _, err := rx.Int("SELECT compactions FROM logs WHERE number = ?", s.number)
	if first {
		p.compactions = n
	}
	if err != nil || n == p.compactions {
		return err
	}
	floor, _, err := rx.Int("SELECT floor FROM logs WHERE number = ?", s.number)
	if err != nil || floor <= p.after {
		return err
	}
	epoch, _, err := rx.Int("SELECT epoch FROM logs WHERE number = ?", s.number)
	if err == nil && epoch != s.epoch {
		err = ErrCompacted
	}
	return err
}

// fill reads rows until the page is full or they come to an end.
func (p *page) fill(stmt *sqlite.Stmt) (full bool, err error) {
	for ; p.rows < pageRows && p.values.Size() < pageBytes; p.rows++ {
		row, err := stmt.Step()
		if err != nil || !row {
			return false, err
		}
		r := record{offset: stmt.ColumnInt64(0), recordedAt: stmt.ColumnInt64(4), crc: stmt.ColumnInt64(5)}
		if err := inOrder(r.offset, p.after); err != nil {
			return false, err
		}
		p.after = r.offset
		if !p.only.has(r.recordedAt) {
			continue
		}
		r.key, r.value = keyAt(stmt, 1), p.values.Copy(stmt, 3)
		p.records = append(p.records, r)
	}
	return true, stmt.Reset()
}
