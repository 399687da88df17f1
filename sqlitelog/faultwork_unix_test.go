//go:build unix

package sqlitelog_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/edfsm/edfsm/internal/crashtest"
	"github.com/edfsm/edfsm/sqlitelog"
)

// workload is somebody who uses a log and remembers what it has promised.
type workload struct {
	at   crashtest.Place
	file sqlitelog.Options
	flaw flaw
	half bool                // the day is short
	log  *sqlitelog.Log[put] // nil: it could not be opened

	doubt  bool  // the outcome of a commit is unknown, so that the file is given up
	broken error // a promise that was seen to be broken at once

	batches   int          // tried so far
	accepted  map[int]int  // batches, and when they were accepted
	maybe     map[int]bool // batches that may be there too
	once      map[int]bool // batches that were ever accepted
	snapshots []int        // when one was accepted
	consumer  *consumer
}

// flaw is how a workload is broken on purpose, to see that it is noticed.
type flaw uint8

const (
	sound      flaw = iota
	early           // a batch counts as accepted before it is appended
	earlyAgain      // so it does for those who come after the first
	parted          // a batch is appended in two parts
	unchecked       // checksums are not compared
)

// works returns somebody who uses a log of a file that is opened like this.
func works(file sqlitelog.Options) func(crashtest.Place) *workload {
	return func(at crashtest.Place) *workload {
		return &workload{
			at: at, file: file,
			accepted: make(map[int]int), maybe: make(map[int]bool), once: make(map[int]bool),
			consumer: newConsumer(at),
		}
	}
}

// worksHalf is works on a day on which each thing is done once, so that all that
// can fail can be tried.
func worksHalf(at crashtest.Place) *workload {
	w := works(sqlitelog.Options{})(at)
	w.half = true
	return w
}

// flawed is works, broken on purpose.
func flawed(f flaw) func(crashtest.Place) *workload {
	return func(at crashtest.Place) *workload {
		w := works(sqlitelog.Options{})(at)
		w.flaw = f
		return w
	}
}

// faultBatch is the n-th batch: marks that stay at both ends, and what is
// compacted between them, now and then of several pages.
func faultBatch(n int) []put {
	batch := []put{{Value: n}, {Key: fmt.Sprint("k", n%7), Value: n}}
	if n%5 == 0 {
		batch = append(batch, put{Key: fmt.Sprint("k", n*3%7), Delete: true})
	}
	if n%4 == 0 {
		for i := range 120 {
			batch = append(batch, put{Key: fmt.Sprint("many", i%90), Value: n})
		}
	}
	return append(batch, put{Value: n})
}

// Run goes on after an error.
func (w *workload) Run(ctx context.Context) error {
	if w.half {
		return errors.Join(w.open(ctx), w.appends(ctx, 2), w.deliver(ctx), w.save(ctx), w.compact(ctx), w.Close(), w.open(ctx), w.appends(ctx, 1))
	}
	return errors.Join(
		w.open(ctx),
		w.appends(ctx, 6),
		w.deliver(ctx),
		w.save(ctx),
		w.appends(ctx, 6),
		w.compact(ctx),
		w.Close(),
		w.open(ctx),
		w.appends(ctx, 5),
		w.save(ctx),
		w.deliver(ctx),
		w.compact(ctx),
		w.appends(ctx, 2),
	)
}

// open opens the log and loads the snapshot, which is needed from then on.
func (w *workload) open(ctx context.Context) error {
	w.log, w.doubt = nil, false
	log, err := sqlitelog.Open(ctx, w.at.Path("log.db"), sqlitelog.Config[put]{Key: putKey, HighWater: 1 << 30, LowWater: 10, File: w.file})
	if err != nil {
		return err
	}
	if w.flaw == unchecked {
		log.Unchecked()
	}
	if _, _, err := log.LoadSnapshot(ctx, "state"); err != nil {
		return errors.Join(err, log.Close())
	}
	w.log = log
	return nil
}

func (w *workload) Close() (err error) {
	if w.log != nil {
		err = w.log.Close()
		w.log = nil
	}
	return err
}

func (w *workload) appends(ctx context.Context, n int) (err error) {
	for range n {
		err = errors.Join(err, w.append(ctx))
	}
	return err
}

func (w *workload) append(ctx context.Context) error {
	if w.log == nil {
		return nil
	}
	w.batches++
	if w.flaw == early {
		w.accept(w.batches)
	}
	head := w.log.Head()
	err := w.notify(ctx, faultBatch(w.batches))
	if err != nil && w.flaw == sound && w.log.Head() != head {
		w.broken = fmt.Errorf("the head went to %d with a batch that was not accepted: %w", w.log.Head(), err)
	}
	if w.doubt && !errors.Is(err, sqlitelog.ErrFailed) {
		w.broken = fmt.Errorf("after a commit whose outcome is unknown the file is used on: %v", err)
	}
	switch {
	case err == nil:
		w.accept(w.batches)
	case errors.Is(err, sqlitelog.ErrUncertain):
		w.maybe[w.batches] = true
		w.doubt = true
	}
	return errors.Join(err, w.broken)
}

func (w *workload) notify(ctx context.Context, batch []put) error {
	if w.flaw != parted {
		return w.log.Notify(ctx, batch)
	}
	half := len(batch) / 2
	return errors.Join(w.log.Notify(ctx, batch[:half]), w.log.Notify(ctx, batch[half:]))
}

func (w *workload) accept(n int) {
	if !w.once[n] {
		w.accepted[n], w.once[n] = w.at.Now(), true
	}
}

// save keeps a snapshot, if it is known what that is. One of a log without events
// may go with the first tombstone: whoever finds none has lost nothing.
func (w *workload) save(ctx context.Context) error {
	if w.log == nil || len(w.maybe) > 0 || w.log.Head() == 0 {
		return nil
	}
	data, err := json.Marshal(stateOf(slices.Sorted(maps.Keys(w.accepted))))
	if err != nil {
		return err
	}
	err = w.log.SaveSnapshot(ctx, "state", data)
	if err == nil {
		w.snapshots = append(w.snapshots, w.at.Now())
	}
	return err
}

func (w *workload) compact(ctx context.Context) error {
	if w.log == nil {
		return nil
	}
	_, err := w.log.Compact(ctx)
	return err
}

// deliver hands over what there is.
func (w *workload) deliver(ctx context.Context) error {
	if w.log == nil {
		return nil
	}
	return w.consumer.deliver(ctx, w.log)
}

// Until gives each promise that was made by then the time 0.
func (w *workload) Until(moment int, at crashtest.Place) *workload {
	then := works(w.file)(at)
	then.flaw = w.flaw
	then.batches, then.maybe, then.once = w.batches, maps.Clone(w.maybe), maps.Clone(w.once)
	for n, when := range w.accepted {
		if when <= moment {
			then.accepted[n] = 0
		} else {
			then.maybe[n] = true
		}
	}
	for _, when := range w.snapshots {
		if when <= moment {
			then.snapshots = []int{0}
		}
	}
	then.consumer = w.consumer.until(moment, at)
	if w.file.Durability == sqlitelog.Normal {
		then.Forget()
	}
	return then
}

// Forget leaves only what was handed over.
func (w *workload) Forget() {
	for n := range w.accepted {
		w.maybe[n] = true
	}
	clear(w.accepted)
	w.consumer.forget()
	w.snapshots = nil
}

// GoOn appends with the handle that is open.
func (w *workload) GoOn(ctx context.Context) error {
	err := w.append(ctx)
	if errors.Is(err, sqlitelog.ErrFailed) {
		w.Close()
		return w.broken
	}
	return errors.Join(err, w.Close())
}

// Again appends a batch and has everything handed over.
func (w *workload) Again(ctx context.Context) (left int, err error) {
	if w.flaw == earlyAgain {
		w.flaw = early
	}
	if err := w.open(ctx); err != nil {
		return 0, fmt.Errorf("open again: %w", err)
	}
	batches, err := w.check(ctx)
	if err != nil {
		return len(batches), err
	}
	if err := w.append(ctx); err != nil {
		return len(batches), fmt.Errorf("append again: %w", err)
	}
	return len(batches), errors.Join(w.consumer.checkDelivered(ctx, w.log, append(slices.Clip(batches), w.batches)), w.Close())
}
