package measure

import (
	"context"
	"time"
)

// Turn measures one of those that are compared, once.
type Turn func(ctx context.Context) error

// Rounds lets them take turns, A B A B, so that each round is of the same
// moments for all. It ends with the first failure, and with ctx.
func Rounds(ctx context.Context, rounds int, turns ...Turn) error {
	for range rounds {
		for _, turn := range turns {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := turn(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// Seconds is how long f takes.
func Seconds(f func() error) (seconds float64, err error) {
	begun := time.Now()
	err = f()
	return time.Since(begun).Seconds(), err
}
