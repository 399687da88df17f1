package main

import (
	"context"
	"iter"
	"math"
	"time"

	"github.com/edfsm/edfsm/examples/loadwatch/load"
)

// samples takes a reading at once and then one each period, until ctx ends.
// One that cannot be taken ends the sequence with its error.
func samples(ctx context.Context, every time.Duration, measure func() (load.Reading, error)) iter.Seq2[load.Reading, error] {
	return func(yield func(load.Reading, error) bool) {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for ctx.Err() == nil {
			reading, err := measure()
			if !yield(rounded(reading), err) || err != nil {
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
func rounded(r load.Reading) load.Reading {
	round := func(v float64) float64 { return math.Round(v*1e4) / 1e4 }
	return load.Reading{
		Time:     r.Time.Round(time.Millisecond),
		Load:     round(r.Load),
		Memory:   round(r.Memory),
		Pressure: round(r.Pressure),
	}
}
