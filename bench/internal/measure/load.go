package measure

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Latencies are how long each operation took, sorted.
type Latencies []time.Duration

// Quantile is the least latency that a share q of the operations did not exceed,
// in ms; 0 if there were none. Of fewer than 1/(1-q) operations it is the
// slowest.
func (l Latencies) Quantile(q float64) (ms float64) {
	if len(l) == 0 {
		return 0
	}
	// q*n is not exact: 0.99 of 100 must be 99, and not the next.
	rank := int(q*float64(len(l)) + 1 - 1e-9)
	return Millis(l[min(max(rank, 1), len(l))-1])
}

// Millis is a duration in ms.
func Millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Load is what callers have felt.
type Load struct {
	Rate      float64 // operations a second
	Latencies Latencies
}

// Operation is the n-th of what callers do, counted from 1 over all of them.
type Operation func(ctx context.Context, n int64) error

// For lets callers work at the same time, each one operation after the other,
// until turn is over; at least one each. It returns when the last has ended, and
// so that time counts too.
func For(ctx context.Context, callers int, turn time.Duration, do Operation) (Load, error) {
	over, cancel := context.WithTimeout(ctx, turn)
	defer cancel()
	return until(ctx, over.Done(), callers, do)
}

// While lets callers work as For does, as long as other runs.
func While(ctx context.Context, callers int, do Operation, other func(ctx context.Context) error) (Load, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	over := make(chan struct{})
	var failed error
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(over)
		failed = other(ctx)
	})
	load, err := until(ctx, over, callers, do)
	if err != nil {
		cancel()
	}
	wg.Wait()
	return load, errors.Join(err, failed)
}

func until(ctx context.Context, over <-chan struct{}, callers int, do Operation) (Load, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	all := make([]Latencies, callers)
	var wg sync.WaitGroup
	begun := time.Now()
	for c := range all {
		wg.Go(func() {
			var err error
			if all[c], err = call(ctx, over, &next, do); err != nil {
				cancel(err) // the first is the cause, the others follow from it
			}
		})
	}
	wg.Wait()
	took := time.Since(begun)
	if ctx.Err() != nil {
		return Load{}, context.Cause(ctx)
	}
	latencies := slices.Concat(all...)
	slices.Sort(latencies)
	return Load{Rate: float64(len(latencies)) / took.Seconds(), Latencies: latencies}, nil
}

// call is one caller.
func call(ctx context.Context, over <-chan struct{}, next *atomic.Int64, do Operation) (l Latencies, err error) {
	for {
		begun := time.Now()
		if err := do(ctx, next.Add(1)); err != nil {
			return l, err
		}
		l = append(l, time.Since(begun))
		select {
		case <-over:
			return l, nil
		case <-ctx.Done():
			return l, nil
		default:
		}
	}
}
