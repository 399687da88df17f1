package main

import (
	"context"
	"iter"
	"math"
	"time"
)

// samples takes a reading at once and then one each period, until ctx ends.
// One that cannot be taken ends the sequence with its error.
func samples(ctx context.Context, every time.Duration, measure func() (Reading, error)) iter.Seq2[Reading, error] {
	return func(yield func(Reading, error) bool) {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for ctx.Err() == nil {
			reading, err := measure()
			if !yield(reading.rounded(), err) || err != nil {
				return
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
			}
		}
	}
}

// rounded drops what nobody wants to read.
func (r Reading) rounded() Reading {
	round := func(v float64) float64 { return math.Round(v*1e4) / 1e4 }
	return Reading{r.Time.Round(time.Millisecond), round(r.Load), round(r.Memory), round(r.Pressure)}
}
