package suite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/edfsm/edfsm/bench/internal/measure"
	"github.com/edfsm/edfsm/bench/internal/report"
	"github.com/edfsm/edfsm/history"
)

// Cleanup deletes the older half of a history while callers store.
func (r *Run) Cleanup(ctx context.Context) error {
	return r.in(func(dir string) (err error) {
		c := cleanup{rows: r.Scale.Rows / 5}
		r.say("cleanup: %d rows", records*c.rows)
		p, err := r.openProbe(dir)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, p.Close()) }()
		filled := filepath.Join(dir, "filled.db")
		if err := fillHistory(ctx, filled, c.rows); err != nil {
			return err
		}
		err = measure.Rounds(ctx, r.Scale.Rounds, p.turn(r.Scale.Turn/2), func(ctx context.Context) error {
			return r.in(func(dir string) error { return c.turn(ctx, r, filled, filepath.Join(dir, "history.db")) })
		})
		if err != nil {
			return err
		}
		dims := report.Dims{"records": records, "rows": records * c.rows, "callers": upkeepCallers}
		r.add(upkeep("cleanup", dims, "rows/s", c.quiet, c.during, c.ms, p)...)
		return nil
	})
}

type cleanup struct {
	rows int // of each record

	quiet, during loads
	ms            measure.Series
}

// turn stores in a history at rest, and in the same while half of it is deleted.
func (c *cleanup) turn(ctx context.Context, r *Run, filled, path string) (err error) {
	if err := copyFile(filled, path); err != nil {
		return err
	}
	h, err := history.Open(ctx, path, history.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	do := func(ctx context.Context, n int64) error {
		return h.Store(ctx, recordName(int(n)%records), historyValue(int(n)), moment(c.rows+int(n)))
	}
	quiet, err := measure.For(ctx, upkeepCallers, r.Scale.Turn, do)
	if err != nil {
		return err
	}
	deleted, seconds := int64(0), 0.0
	during, err := measure.While(ctx, upkeepCallers, do, func(ctx context.Context) (err error) {
		seconds, err = measure.Seconds(func() (err error) {
			deleted, err = h.Cleanup(ctx, moment(c.rows/2))
			return err
		})
		return err
	})
	if err == nil && deleted != int64(records*(c.rows/2)) {
		err = fmt.Errorf("%d of %d rows were deleted", deleted, records*(c.rows/2))
	}
	c.quiet, c.during, c.ms = append(c.quiet, quiet), append(c.during, during), append(c.ms, 1000*seconds)
	return err
}
