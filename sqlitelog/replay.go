package sqlitelog

import (
	"context"
	"iter"
	"math"
	"sync"

	"github.com/edfsm/edfsm/internal/sqlitedb"
	"zombiezen.com/go/sqlite"
)

// A page is full when it has so many rows or bytes.
var (
	pageRows  = 1024
	pageBytes = 1 << 20
)

// records reads the events of a range of offsets, bounds included, in pages, so
// that no read transaction is open while the caller works. Its end is at most
// the newest event at its start.
func (s *store) records(ctx context.Context, from, to int64) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		p := page{after: max(from, 1) - 1, end: to}
		err := s.replays.begin(&p, func() error { return s.readPage(ctx, &p, true) })
		defer s.replays.end(&p)
		for {
			if err != nil {
				yield(record{}, err)
				return
			}
			for _, r := range p.records {
				if !yield(r, nil) {
					return
				}
			}
			if p.after >= p.end {
				return
			}
			err = s.readPage(ctx, &p, false)
		}
	}
}

func (s *store) readPage(ctx context.Context, p *page, first bool) error {
	return sqlitedb.View(ctx, s.db, func(rx sqlitedb.Rx) error { return s.named(s.read(rx, p, first)) })
}

// page is a part of a log in memory, and where to go on.
type page struct {
	records     []record
	data        []byte
	size        int   // bytes in records
	after, end  int64 // what is still to be read: after < offset <= end
	compactions int64 // how often the log had been compacted at the start
}

// read reads a page from both tables at one moment. Of one log, all that was
// compacted is older than the rest.
func (s *store) read(rx sqlitedb.Rx, p *page, first bool) error {
	if err := s.checkCompactions(rx, p, first); err != nil {
		return err
	}
	if first {
		newest, _, err := rx.Int(`SELECT max(ifnull((SELECT max(offset) FROM log), 0), ifnull((SELECT max(offset) FROM compacted), 0))`)
		if err != nil {
			return err
		}
		p.end = min(p.end, newest)
	}
	p.records, p.data, p.size = p.records[:0], p.data[:0], 0
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
// page: a later page may lack what the earlier ones relied on. Our own
// compactor heeds s.replays.
func (s *store) checkCompactions(rx sqlitedb.Rx, p *page, first bool) error {
	n, _, err := rx.Int("SELECT compactions FROM logs WHERE number = ?", s.number)
	if err != nil {
		return err
	}
	if first {
		p.compactions = n
	}
	if n == p.compactions {
		return nil
	}
	epoch, _, err := rx.Int("SELECT epoch FROM logs WHERE number = ?", s.number)
	if err == nil && epoch != s.epoch {
		err = ErrCompacted
	}
	return err
}

// fill reads rows until the page is full or they come to an end.
func (p *page) fill(stmt *sqlite.Stmt) (full bool, err error) {
	for len(p.records) < pageRows && p.size < pageBytes {
		row, err := stmt.Step()
		if err != nil || !row {
			return false, err
		}
		r := record{offset: stmt.ColumnInt64(0), key: keyAt(stmt, 1), value: p.column(stmt, 3)}
		r.recordedAt, r.crc = stmt.ColumnInt64(4), stmt.ColumnInt64(5)
		p.records = append(p.records, r)
		p.after = r.offset
	}
	return true, stmt.Reset()
}

// column copies a column's bytes into the page. When data has to grow, earlier
// records keep the array it had before.
func (p *page) column(stmt *sqlite.Stmt, col int) []byte {
	start := len(p.data)
	n := stmt.ColumnBytes(col, p.data[start:cap(p.data)])
	if n == cap(p.data)-start { // there may be more
		n = stmt.ColumnLen(col)
		p.data = make([]byte, 0, max(n+1, min(2*cap(p.data), pageBytes), 4096))
		start = 0
		stmt.ColumnBytes(col, p.data[:n])
	}
	p.size += n
	p.data = p.data[:start+n]
	return p.data[start : start+n : start+n]
}

// replays is the ends of the replays that are under way: of what they have
// still to read, nothing may go for the sake of an event that they will not
// come to.
type replays struct {
	beginning sync.RWMutex // for writing: no replay begins while a slice of a compaction commits

	mu   sync.Mutex
	ends map[*page]int64
}

// begin reads the first page, which says where the replay ends.
func (r *replays) begin(p *page, read func() error) error {
	r.beginning.RLock()
	defer r.beginning.RUnlock()
	err := read()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ends == nil {
		r.ends = make(map[*page]int64)
	}
	r.ends[p] = p.end
	return err
}

func (r *replays) end(p *page) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.ends, p)
}

// bound returns the least of the ends, and whether there is any.
func (r *replays) bound() (bound int64, any bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	bound = math.MaxInt64
	for _, end := range r.ends {
		bound = min(bound, end)
	}
	return bound, len(r.ends) > 0
}
