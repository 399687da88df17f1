package suite

import (
	"context"

	"github.com/edfsm/edfsm/bench/internal/measure"
	"github.com/edfsm/edfsm/bench/internal/report"
)

// Latest asks for the newest rows of each of 50 of 100 records, in histories of
// several lengths, and beside that numbers all rows to take the first ones.
func (r *Run) Latest(ctx context.Context) error {
	return r.inPasts(ctx, "latest", func(pasts []*past) error {
		for _, n := range []int{1, 10, 100} {
			if n > pasts[0].rows {
				break
			}
			if err := r.latest(ctx, pasts, n); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *Run) latest(ctx context.Context, pasts []*past, n int) error {
	want := n * records / 2
	ours, plain := make([]measure.Series, len(pasts)), make([]measure.Series, len(pasts))
	var turns []measure.Turn
	for i, p := range pasts {
		turns = append(turns, func(ctx context.Context) error {
			return repeated(ctx, &ours[i], r.Scale.Turn/10, want, func() (int, error) { return walk(p.h.Latest(ctx, asked, n)) })
		})
		if n == 1 { // it takes as long for more
			turns = append(turns, func(ctx context.Context) error {
				return repeated(ctx, &plain[i], 0, want, func() (int, error) { return p.query(numberAll, n) })
			})
		}
	}
	if err := measure.Rounds(ctx, r.Scale.Rounds, turns...); err != nil {
		return err
	}
	for i, p := range pasts {
		dims := report.Dims{"records": records / 2, "rows": p.rows, "n": n}
		r.addQuery("latest", dims, ours, plain, i)
	}
	return nil
}

const numberAll = `SELECT record_name, stored_at, id, value FROM (
		SELECT *, ROW_NUMBER() OVER (PARTITION BY record_name ORDER BY stored_at DESC, id DESC) AS rank
		FROM record_history WHERE record_name LIKE 'left/%'
	) WHERE rank <= ? ORDER BY record_name, rank`

// addQuery adds what a query took in the i-th history, against the one before
// and against the same by hand, where these were measured.
func (r *Run) addQuery(name string, dims report.Dims, ours, plain []measure.Series, i int) {
	alone := true
	if len(plain[i]) > 0 {
		alone = false
		r.add(report.Compared(name, dims, "ms", ours[i], "plainquery", plain[i]))
	}
	if i > 0 {
		alone = false
		r.add(report.Compared(name, dims, "ms", ours[i], "shorter", ours[i-1]))
	}
	if alone {
		r.add(report.Figure(name, dims, "ms", ours[i]))
	}
	if len(plain[i]) > 0 {
		r.add(report.Figure(name, dims.With("query", "plainquery"), "ms", plain[i]))
	}
}
