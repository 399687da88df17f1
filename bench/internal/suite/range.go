package suite

import (
	"context"

	"github.com/edfsm/edfsm/bench/internal/measure"
	"github.com/edfsm/edfsm/bench/internal/report"
	"github.com/edfsm/edfsm/history"
)

// Range asks for as many rows of each of 50 of 100 records as the shortest
// history has, from the middle of histories of several lengths, and beside that
// with one statement for any range.
func (r *Run) Range(ctx context.Context) error {
	return r.inPasts(ctx, "range", func(pasts []*past) error {
		n := pasts[0].rows
		want := n * records / 2
		ours, plain := make([]measure.Series, len(pasts)), make([]measure.Series, len(pasts))
		var turns []measure.Turn
		for i, p := range pasts {
			first := (p.rows - n) / 2
			w := history.Window{Start: moment(first), End: moment(first + n - 1)}
			turns = append(turns,
				func(ctx context.Context) error {
					return repeated(ctx, &ours[i], r.Scale.Turn/10, want, func() (int, error) { return walk(p.h.Query(ctx, asked, w)) })
				},
				func(ctx context.Context) error {
					return repeated(ctx, &plain[i], 0, want, func() (int, error) {
						return p.query(anyRange, w.Start.UnixMilli(), w.End.UnixMilli())
					})
				})
		}
		if err := measure.Rounds(ctx, r.Scale.Rounds, turns...); err != nil {
			return err
		}
		for i, p := range pasts {
			r.addQuery("range", report.Dims{"records": records / 2, "rows": p.rows, "n": n}, ours, plain, i)
		}
		return nil
	})
}

const anyRange = `SELECT record_name, stored_at, id, value FROM record_history
	WHERE record_name LIKE 'left/%' AND (?1 IS NULL OR stored_at >= ?1) AND (?2 IS NULL OR stored_at <= ?2)
	ORDER BY record_name, stored_at DESC, id DESC`
