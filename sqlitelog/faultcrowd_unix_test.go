//go:build unix

package sqlitelog_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/edfsm/edfsm/internal/crashtest"
	"github.com/edfsm/edfsm/sqlitelog"
)

// The logs of a crowd.
const (
	dropping    = "dropping"    // is left without what a snapshot contains
	subscribed  = "subscribed"  // is compacted as far as it was delivered
	quarantined = "quarantined" // has records that are spoiled
)

// crowdLogs says who appends to which log. The snapshots of a log are those of
// the only one who appends to it.
var crowdLogs = map[string][]int{dropping: {1}, subscribed: {2, 3, 4}, quarantined: {5, 6}}

// hasty is who does not wait for long.
const hasty = 4

// crowd is many who append to three logs of a file at the same time, of whom some
// are refused, while the logs are compacted, delivered and read.
type crowd struct {
	at   crashtest.Place
	file sqlitelog.Options
	db   *sqlitelog.DB // nil: it could not be opened
	logs map[string]*sqlitelog.Log[put]

	// stale is a handle of a log that was opened again since; nil without one.
	stale *sqlitelog.Log[put]

	calls    *calls
	consumer *consumer
	mu       sync.Mutex
	broken   []error // promises that were seen to be broken at once
}

func crowds(file sqlitelog.Options) func(crashtest.Place) *crowd {
	return func(at crashtest.Place) *crowd {
		return &crowd{at: at, file: file, logs: make(map[string]*sqlitelog.Log[put]), calls: newCalls(at), consumer: newConsumer(at)}
	}
}

// Run goes on after an error.
func (w *crowd) Run(ctx context.Context) error {
	return errors.Join(
		w.open(ctx),
		tryShell(w.at.Path("log.db"), trigger),
		w.together(ctx),
		tryShell(w.at.Path("log.db"), spoil),
		w.together(ctx),
		w.Close(),
		w.open(ctx),
		w.together(ctx),
		w.compact(ctx),
	)
}

func (w *crowd) open(ctx context.Context) (err error) {
	if w.db, err = sqlitelog.OpenDB(ctx, w.at.Path("log.db"), w.file); err != nil {
		w.db = nil
		return err
	}
	stale, err := w.openLog(ctx, quarantined)
	for name := range crowdLogs {
		log, failed := w.openLog(ctx, name)
		if failed == nil && name == dropping {
			_, _, failed = log.LoadSnapshot(ctx, "batches") // from here on it is needed
		}
		if err = errors.Join(err, failed); log != nil {
			w.logs[name] = log
		}
	}
	if w.logs[quarantined] != nil {
		w.stale = stale
	}
	return err
}

func (w *crowd) openLog(ctx context.Context, name string) (*sqlitelog.Log[put], error) {
	cfg := sqlitelog.Config[put]{HighWater: 20, LowWater: 5, DropSnapshotted: name == dropping, Quarantine: name == quarantined}
	if name != quarantined {
		cfg.Key = putKey
	}
	log, err := sqlitelog.New(ctx, w.db, name, cfg)
	if err != nil {
		return nil, err
	}
	return log, nil
}

func (w *crowd) Close() (err error) {
	if w.stale != nil {
		err = w.stale.Close()
	}
	for _, log := range w.logs {
		err = errors.Join(err, log.Close())
	}
	if w.db != nil {
		err = errors.Join(err, w.db.Close())
	}
	w.stale, w.db = nil, nil
	clear(w.logs)
	return err
}

// together is what all do at the same time, a few times each.
func (w *crowd) together(ctx context.Context) error {
	var all errorGroup
	for name, log := range w.logs {
		for _, caller := range crowdLogs[name] {
			all.Go(func() error { return w.appends(ctx, log, caller) })
		}
	}
	if log := w.logs[quarantined]; log != nil {
		all.Go(func() error { _, err := collect(log.Feed(ctx)); return unlessPoison(err) })
	}
	if w.stale != nil {
		all.Go(func() error { return w.appendStale(ctx) })
	}
	following, end := context.WithCancel(ctx)
	var consumes errorGroup
	if log := w.logs[subscribed]; log != nil {
		all.Go(func() error { return w.readBeside(ctx, log) })
		consumes.Go(func() (err error) {
			for following.Err() == nil && err == nil {
				err = unlessPoison(w.consumer.follow(following, log, func(int64) {}))
			}
			return err
		})
	}
	err := all.Wait()
	end()
	err = errors.Join(err, consumes.Wait())
	if w.file.ForeignCheckpoints {
		err = errors.Join(err, tryShell(w.at.Path("log.db"), "PRAGMA wal_checkpoint(PASSIVE)"))
	}
	return err
}

// appends are some batches, one that is refused, and a snapshot.
func (w *crowd) appends(ctx context.Context, log *sqlitelog.Log[put], caller int) (err error) {
	for range 4 {
		err = errors.Join(err, w.append(ctx, log, caller))
	}
	if caller == crowdLogs[dropping][0] {
		err = errors.Join(err, w.save(ctx, log, caller))
	}
	return err
}

// append returns an error unless the batch was accepted, or refused on purpose.
func (w *crowd) append(ctx context.Context, log *sqlitelog.Log[put], caller int) error {
	n := w.calls.begin(caller)
	if caller == hasty && n%2 == 0 {
		leaving, leave := context.WithCancel(ctx)
		go leave()
		ctx = leaving
	}
	err := log.Notify(ctx, crowdBatch(n))
	w.calls.end(n, fateOf(err))
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return unlessPoison(err)
}

func fateOf(err error) fate {
	switch {
	case err == nil:
		return accepted
	case errors.Is(err, sqlitelog.ErrUncertain):
		return uncertain
	}
	return refused
}

// saw notes a promise that was broken.
func (w *crowd) saw(broken error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = append(w.broken, broken)
}

// readBeside reads a log, which is appended to and compacted meanwhile.
func (w *crowd) readBeside(ctx context.Context, log *sqlitelog.Log[put]) error {
	for range 5 {
		events, err := collect(log.Feed(ctx))
		if err != nil {
			return err
		}
		if _, err := wholeBatches(nil, events); err != nil {
			w.saw(fmt.Errorf("read beside appends and compaction: %w", err))
		}
	}
	return nil
}

// appendStale appends with a handle that is to be refused.
func (w *crowd) appendStale(ctx context.Context) error {
	for range 3 {
		if err := w.stale.Notify(ctx, []put{{Value: -1}}); err == nil {
			w.saw(errors.New("a log has taken what its former owner has appended"))
		} else if !errors.Is(err, sqlitelog.ErrConflict) && unlessPoison(err) != nil {
			return err
		}
	}
	return nil
}

// save keeps a snapshot, if it is known what that is.
func (w *crowd) save(ctx context.Context, log *sqlitelog.Log[put], caller int) error {
	batches, ok := w.calls.known(caller)
	if !ok {
		return nil
	}
	data, err := json.Marshal(batches)
	if err != nil {
		return err
	}
	return unlessPoison(log.SaveSnapshot(ctx, "batches", data))
}

func (w *crowd) compact(ctx context.Context) (err error) {
	for _, log := range w.logs {
		_, failed := log.Compact(ctx)
		err = errors.Join(err, failed)
	}
	return err
}

// Until gives each promise that was made by then the time 0.
func (w *crowd) Until(moment int, at crashtest.Place) *crowd {
	then := crowds(w.file)(at)
	then.calls, then.broken = w.calls.until(moment, at), w.broken
	then.consumer = w.consumer.until(moment, at)
	if w.file.Durability == sqlitelog.Normal {
		then.Forget()
	}
	return then
}

// Forget leaves only what was handed over.
func (w *crowd) Forget() {
	w.calls.forget()
	w.consumer.forget()
}

// GoOn appends with the handles that are open. Where the file was given up
// somebody else can use it, although it is still open.
func (w *crowd) GoOn(ctx context.Context) error {
	err := w.appendToEach(ctx)
	if errors.Is(err, sqlitelog.ErrFailed) {
		db, logs, stale := w.db, w.logs, w.stale
		w.db, w.logs, w.stale = nil, make(map[string]*sqlitelog.Log[put]), nil
		err = errors.Join(w.open(ctx), w.appendToEach(ctx), w.Close())
		w.db, w.logs, w.stale = db, logs, stale
		w.Close()
		return err
	}
	return errors.Join(err, w.Close())
}

// appendToEach appends two batches to each log, of which not both are refused.
func (w *crowd) appendToEach(ctx context.Context) error {
	for name, log := range w.logs {
		for range 2 {
			if err := w.append(ctx, log, crowdLogs[name][0]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Again appends batches and has everything handed over.
func (w *crowd) Again(ctx context.Context) (left int, err error) {
	if err := errors.Join(w.open(ctx), errors.Join(w.broken...)); err != nil {
		return 0, fmt.Errorf("open again: %w", err)
	}
	there, err := w.check(ctx)
	if err != nil {
		return 0, err
	}
	if err := w.appendToEach(ctx); err != nil {
		return 0, fmt.Errorf("append again: %w", err)
	}
	return w.count(there), errors.Join(w.consumer.checkDelivered(ctx, w.logs[subscribed], there[subscribed]), w.Close())
}
