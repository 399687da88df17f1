//go:build unix

package sqlitelog_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

func stateOf(batches []int) map[string]int { return foldBatches(batches, faultBatch) }

// foldBatches is the state that batches lead to.
func foldBatches(batches []int, batch func(int) []put) map[string]int {
	state := make(map[string]int)
	for _, n := range batches {
		foldOn(state, batch(n))
	}
	return state
}

var errLost = errors.New("was accepted and is lost")

// check compares the log, just opened, with what was promised, and returns the
// batches that are there.
func (w *workload) check(ctx context.Context) (batches []int, err error) {
	all, err := collect(w.log.Feed(ctx))
	if err != nil {
		return nil, err
	}
	if batches, err = marks(all); err != nil {
		return nil, err
	}
	for n := range w.accepted {
		if !slices.Contains(batches, n) {
			return nil, fmt.Errorf("batch %d %w; there are %v", n, errLost, batches)
		}
	}
	for _, n := range batches {
		if _, ok := w.accepted[n]; !ok && !w.maybe[n] {
			return nil, fmt.Errorf("batch %d was refused and is there, of %v", n, batches)
		}
	}
	if n, ok := w.gap(batches); ok {
		return nil, fmt.Errorf("there are batches %v: %d, before them, %w", batches, n, errLost)
	}
	if got, want := fold(all), stateOf(batches); !maps.Equal(got, want) {
		return nil, fmt.Errorf("batches %v lead to %v, want %v", batches, got, want)
	}
	w.settle(batches)
	return batches, errors.Join(w.checkSnapshot(ctx, fold(all)), w.consumer.check(ctx, w.log, batches))
}

// settle takes note that what is not there will never be.
func (w *workload) settle(batches []int) {
	gone := func(n int) bool { return !slices.Contains(batches, n) }
	maps.DeleteFunc(w.maybe, func(n int, _ bool) bool { return gone(n) })
	maps.DeleteFunc(w.once, func(n int, _ bool) bool { return gone(n) })
}

// gap returns a batch that was accepted and is not there, although a later one is.
func (w *workload) gap(batches []int) (n int, ok bool) {
	for n := range slices.Max(append(batches, 0)) {
		if w.once[n] && !slices.Contains(batches, n) {
			return n, true
		}
	}
	return 0, false
}

// marks returns the numbers of the batches, which are whole and in order.
func marks(events []put) (batches []int, err error) {
	batches, err = pairs(events)
	if err == nil && !slices.IsSorted(batches) {
		err = fmt.Errorf("batches are not in order: %v", batches)
	}
	return batches, err
}

// pairs returns the numbers of the batches, which are whole and there once.
func pairs(events []put) (batches []int, err error) {
	var found []int
	for _, e := range events {
		if e.Key == "" {
			found = append(found, e.Value)
		}
	}
	for i := 0; i < len(found); i += 2 {
		if i+1 == len(found) || found[i] != found[i+1] || slices.Contains(batches, found[i]) {
			return nil, fmt.Errorf("marks are not in pairs, or there twice: %v", found)
		}
		batches = append(batches, found[i])
	}
	return batches, nil
}

func (w *workload) checkSnapshot(ctx context.Context, want map[string]int) error {
	data, feed, err := w.log.LoadSnapshot(ctx, "state")
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	if data == nil {
		if len(w.snapshots) > 0 {
			return fmt.Errorf("a snapshot %w", errLost)
		}
		return nil
	}
	state := make(map[string]int)
	if err := json.Unmarshal(data, &state); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	after, err := collect(feed)
	if err != nil {
		return fmt.Errorf("after the snapshot: %w", err)
	}
	if got := foldOn(state, after); !maps.Equal(got, want) {
		return fmt.Errorf("the snapshot leads to %v, want %v", got, want)
	}
	return nil
}
