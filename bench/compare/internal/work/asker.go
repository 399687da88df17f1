package work

import (
	"context"
	"fmt"
	"time"

	"github.com/edfsm/edfsm/bench/internal/measure"
	"github.com/edfsm/edfsm/bench/internal/report"
	"github.com/edfsm/edfsm/bench/internal/suite"
)

// asker is a way to ask, which tells how many values it was given.
type asker struct {
	log, query string
	ask        func(ctx context.Context) (values int, err error)
	ms         measure.Series
}

// compare lets askers take turns and compares each with the first.
func compare(ctx context.Context, r *suite.Run, name string, dims report.Dims, want int, all []*asker) error {
	var turns []measure.Turn
	for _, a := range all {
		turns = append(turns, func(ctx context.Context) error { return a.turn(ctx, r.Scale.Turn/10, want) })
	}
	if err := measure.Rounds(ctx, r.Scale.Rounds, turns...); err != nil {
		return err
	}
	for _, a := range all[1:] {
		dims := dims.With("log", a.log).With("query", a.query)
		r.Results = append(r.Results, report.Compared(name, dims, "ms", a.ms, all[0].log, all[0].ms))
	}
	return nil
}

// turn asks for some time, at least once.
func (a *asker) turn(ctx context.Context, least time.Duration, want int) error {
	questions, begun := 0, time.Now()
	for questions == 0 || time.Since(begun) < least {
		values, err := a.ask(ctx)
		if err == nil && values != want {
			err = fmt.Errorf("%d values, want %d", values, want)
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", a.log, a.query, err)
		}
		questions++
	}
	a.ms = append(a.ms, measure.Millis(time.Since(begun))/float64(questions))
	return nil
}
