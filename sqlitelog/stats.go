package sqlitelog

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// Stats says how a log is. Its JSON names are stable, and fit for [expvar].
type Stats struct {
	Head        int64     `json:"head_offset"`
	Log         int64     `json:"log_events"`               // in the table log
	Compacted   int64     `json:"compacted_events"`         // in the table compacted
	Quarantined int64     `json:"quarantined_events"`       // in the table quarantine
	Newest      time.Time `json:"newest_event_at,omitzero"` // when the newest event that is left was recorded

	// Of the file, with all that it contains. Free pages count.
	FileBytes int64 `json:"file_bytes"`
	WALBytes  int64 `json:"wal_bytes"`

	Subscriptions []Subscription `json:"subscriptions,omitempty"` // by name

	// What this handle has done. Commits counts those with events of the log:
	// what many callers append may be in one.
	Appended   int64   `json:"appended_events"`
	Commits    int64   `json:"commits"`
	CommitMean float64 `json:"events_per_commit_mean"`
	CommitMax  int64   `json:"events_per_commit_max"`
	Conflicts  int64   `json:"conflicts"` // appends that were refused with [ErrConflict]
}

// Stats says how the log is now. It counts rows, beside the appends: some 20 ms
// for 100,000 events, so ever longer for a log that is not compacted. While
// events are appended its numbers are of moments close to each other.
func (l *Log[E]) Stats(ctx context.Context) (Stats, error) {
	if l.closed.Load() {
		return Stats{}, l.store.named(ErrClosed)
	}
	st := l.store.counts.stats()
	st.Head = l.Head()
	err := sqlitedb.View(ctx, l.store.db, func(rx sqlitedb.Rx) error {
		return l.store.named(l.store.count(rx, &st))
	})
	if err == nil {
		st.FileBytes, st.WALBytes, err = sqlitedb.Size(ctx, l.store.db)
	}
	if err != nil {
		return Stats{}, err
	}
	return st, nil
}

// count sets what is counted in the file.
func (s *store) count(rx sqlitedb.Rx, st *Stats) (err error) {
	if st.Log, _, err = rx.Int(s.sql.log.count, s.number, int64(0)); err != nil {
		return err
	}
	if st.Compacted, _, err = rx.Int(s.sql.compacted.count, s.number, int64(0)); err != nil {
		return err
	}
	if st.Subscriptions, err = s.subscriptions(rx); err != nil {
		return err
	}
	if st.Quarantined, _, err = rx.Int(countQuarantined, s.number); err != nil {
		return err
	}
	newest, err := newestIn(rx, s.number, 0)
	if err != nil || newest == 0 {
		return err
	}
	ms, _, err := rx.Int(`SELECT recorded_at FROM log WHERE offset = ?1
		UNION ALL SELECT recorded_at FROM compacted WHERE offset = ?1`, newest)
	st.Newest = time.UnixMilli(ms)
	return err
}

// counts is what a handle has done.
type counts struct {
	appended, commits, largest, conflicts atomic.Int64

	// Of the transaction in hand, for whoever has the writer.
	tx     uint64
	events int64
}

// share is a call's part in a transaction.
type share struct {
	first  bool  // of the log's calls in it
	events int64 // of the log in it, so far
}

// joined notes that the transaction has got n events more, which it may still lose.
func (c *counts) joined(tx sqlitedb.Tx, n int) share {
	first := c.tx != tx.ID()
	if first {
		c.tx, c.events = tx.ID(), 0
	}
	c.events += int64(n)
	return share{first, c.events}
}

// committed counts n events and their share in a transaction that is durable.
func (c *counts) committed(n int, s share) {
	c.appended.Add(int64(n))
	if s.first {
		c.commits.Add(1)
	}
	raise(&c.largest, s.events)
}

func (c *counts) stats() Stats {
	st := Stats{
		Appended:  c.appended.Load(),
		Commits:   c.commits.Load(),
		CommitMax: c.largest.Load(),
		Conflicts: c.conflicts.Load(),
	}
	if st.Commits > 0 {
		st.CommitMean = float64(st.Appended) / float64(st.Commits)
	}
	return st
}

// raise sets v to n unless it is greater.
func raise(v *atomic.Int64, n int64) {
	for old := v.Load(); old < n && !v.CompareAndSwap(old, n); old = v.Load() {
	}
}
