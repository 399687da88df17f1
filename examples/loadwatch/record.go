package main

import (
	"context"
	"time"

	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/examples/loadwatch/load"
	"github.com/edfsm/edfsm/history"
	"github.com/edfsm/edfsm/machine"
)

const (
	week = 7 * 24 * time.Hour

	// atOnce is how many readings may wait to be stored in one transaction.
	atOnce = 1024
)

// openReadings opens the history of a file, in which each value of a reading is
// in a record of its own. They are kept for a week, by the time of the reading. A
// reading that comes again, as of a series that is read anew, is kept twice.
func openReadings(ctx context.Context, db *history.DB) (*history.Recorder[load.Reading], error) {
	h, err := history.New(ctx, db, history.Config{
		Retention: []history.Rule{{Pattern: "reading/*", Age: week}},
	})
	if err != nil {
		return nil, err
	}
	records, err := recordsOf(h)
	if err != nil {
		return nil, err
	}
	return history.NewRecorder(records, func(r load.Reading, emit func(history.Entry[float64])) {
		emit(history.Entry[float64]{Name: "reading/load", Value: r.Load, At: r.Time})
		emit(history.Entry[float64]{Name: "reading/memory", Value: r.Memory, At: r.Time})
		emit(history.Entry[float64]{Name: "reading/pressure", Value: r.Pressure, At: r.Time})
	}), nil
}

// recordsOf is the view of a history for what readings are made of.
func recordsOf(h *history.History) (*history.Records[float64], error) {
	numbers, err := codec.Of[float64](codec.JSON)
	if err != nil {
		return nil, err
	}
	return history.Of(h, numbers), nil
}

// recorder stores readings beside the machine, so that neither waits for the
// other: what comes while one transaction waits for the disk goes into the next.
// A kill takes the transaction in hand, whole or not at all, and what waits.
type recorder struct {
	to      machine.Adapter[load.Reading]
	waiting chan load.Reading
}

func newRecorder(to machine.Adapter[load.Reading]) *recorder {
	return &recorder{to, make(chan load.Reading, atOnce)}
}

// add hands over a reading. When too many wait, it waits for a place.
func (r *recorder) add(ctx context.Context, reading load.Reading) error {
	select {
	case r.waiting <- reading:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close says that there will be no more.
func (r *recorder) close() { close(r.waiting) }

// run stores readings until close or the end of ctx, and then those that wait.
// The first that cannot be stored ends it.
func (r *recorder) run(ctx context.Context) error {
	var batch []load.Reading
	for more := true; more; {
		batch, more = r.take(ctx, batch[:0])
		if len(batch) == 0 {
			continue
		}
		if err := r.to.Notify(context.WithoutCancel(ctx), batch); err != nil {
			return err
		}
	}
	return nil
}

// take appends the next reading and all that wait behind it.
func (r *recorder) take(ctx context.Context, batch []load.Reading) (_ []load.Reading, more bool) {
	select {
	case next, ok := <-r.waiting:
		if !ok {
			return batch, false
		}
		batch, more = append(batch, next), true
	case <-ctx.Done():
	}
	for range len(r.waiting) {
		batch = append(batch, <-r.waiting)
	}
	return batch, more
}
