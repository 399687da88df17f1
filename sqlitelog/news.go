package sqlitelog

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edfsm/edfsm/internal/sqlitedb"
	"zombiezen.com/go/sqlite"
)

// pollEvery is how soon an append of another process is noticed.
const pollEvery = 100 * time.Millisecond

// news wakes those who wait for the next append to a log. Where nobody waits it
// costs the append one look.
type news struct{ waited atomic.Pointer[chan struct{}] }

// next returns a channel that is closed by the next append. Whoever takes it
// before he reads the log misses nothing.
func (n *news) next() <-chan struct{} {
	for {
		if ch := n.waited.Load(); ch != nil {
			return *ch
		}
		ch := make(chan struct{})
		if n.waited.CompareAndSwap(nil, &ch) {
			return ch
		}
	}
}

func (n *news) tell() {
	if n.waited.Load() == nil {
		return
	}
	if ch := n.waited.Swap(nil); ch != nil {
		close(*ch)
	}
}

// watch is the news of all logs of a file. While anybody follows one of them it
// looks for what other processes append.
type watch struct {
	mu        sync.Mutex
	logs      map[int64]*news // by number
	followers int
	stop      func() // ends the poll
}

func watchOf(db *sqlitedb.DB) *watch {
	return sqlitedb.Shared(db, "log watch", func() *watch { return &watch{logs: make(map[int64]*news)} })
}

// of returns the news of a log, which all its handles share.
func (w *watch) of(number int64) *news {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.logs[number]
	if n == nil {
		n = new(news)
		w.logs[number] = n
	}
	return n
}

// begin must be called before a follower first reads, and end when it leaves.
func (w *watch) begin(db *sqlitedb.DB) (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.followers++
	if w.followers == 1 {
		w.stop = sqlitedb.Go(db, func(ctx context.Context) { w.poll(ctx, db) })
	}
	return w.end
}

func (w *watch) end() {
	w.mu.Lock()
	w.followers--
	last, stop := w.followers == 0, w.stop
	w.mu.Unlock()
	if last {
		stop() // not locked: the poll may be about to tell
	}
}

// poll tells the news of logs that have new events, and at first, and when it
// cannot look, all.
func (w *watch) poll(ctx context.Context, db *sqlitedb.DB) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	seen := int64(-1)
	for {
		newest, logs, err := appended(ctx, db, seen)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil || seen < 0: // a follower finds the error itself
			w.tellAll()
		default:
			for _, number := range logs {
				w.of(number).tell()
			}
		}
		seen = max(seen, newest)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (w *watch) tellAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.logs {
		n.tell()
	}
}

// appended returns the newest offset of a file, and the numbers of the logs that
// have events after an offset. -1 spares looking for them.
func appended(ctx context.Context, db *sqlitedb.DB, after int64) (newest int64, logs []int64, err error) {
	err = sqlitedb.View(ctx, db, func(rx sqlitedb.Rx) (err error) {
		newest, err = newestOf(rx)
		if err != nil || after < 0 || newest <= after {
			return err
		}
		return rx.Each("SELECT log FROM log WHERE offset > ?1 UNION SELECT log FROM compacted WHERE offset > ?1",
			func(stmt *sqlite.Stmt) error {
				logs = append(logs, stmt.ColumnInt64(0))
				return nil
			}, after)
	})
	return newest, logs, err
}
