//go:build unix

package history_test

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/edfsm/edfsm/history"
	"github.com/edfsm/edfsm/internal/sqlitedb"
	"zombiezen.com/go/sqlite"
)

// read returns the rows that are there. All ways to read them must agree.
func (w *workload) read(ctx context.Context) ([]seen, error) {
	rows, err := gather(w.h.Query(ctx, "*", history.Window{}))
	if err != nil {
		return nil, err
	}
	for _, check := range []func(context.Context, []row) error{w.checkRows, w.checkLatest, w.checkNames, w.checkView} {
		if err := check(ctx, rows); err != nil {
			return nil, err
		}
	}
	return seenIn(rows)
}

// readRows is read without another look.
func (w *workload) readRows(ctx context.Context) ([]seen, error) {
	rows, err := gather(w.h.Query(ctx, "*", history.Window{}))
	if err != nil {
		return nil, err
	}
	return seenIn(rows)
}

func seenIn(rows []row) (all []seen, err error) {
	for _, r := range rows {
		n, err := placeOf(string(r.Value))
		if err != nil {
			return nil, wrong("%s has %.40q", r.Record, r.Value)
		}
		at := place{r.Record, n}
		if !r.At.Equal(at.at()) {
			return nil, wrong("%v has the moment %v", at, r.At)
		}
		all = append(all, seen{placed{at, string(r.Value)}, r.ID})
	}
	return all, nil
}

type row = history.Row[[]byte]

// gather returns what comes before the first error.
func gather[T any](seq iter.Seq2[T, error]) (all []T, err error) {
	for v, err := range seq {
		if err != nil {
			return all, err
		}
		all = append(all, v)
	}
	return all, nil
}

// checkRows looks at the order of rows, and at their ranks.
func (w *workload) checkRows(_ context.Context, rows []row) error {
	for i, r := range rows {
		rank := 1
		if i > 0 && rows[i-1].Record == r.Record {
			rank = rows[i-1].Rank + 1
		}
		if r.Rank != rank || i > 0 && compareRows(rows[i-1], r) >= 0 {
			return wrong("row %d of %s is number %d, %v", r.Rank, r.Record, rank, r.At)
		}
	}
	return nil
}

func compareRows(a, b row) int {
	return cmp.Or(cmp.Compare(a.Record, b.Record), b.At.Compare(a.At), cmp.Compare(b.ID, a.ID))
}

// checkLatest compares the newest rows with all.
func (w *workload) checkLatest(ctx context.Context, rows []row) error {
	latest, err := gather(w.h.Latest(ctx, "r/*", 2))
	if err != nil {
		return err
	}
	var want []row
	for _, r := range rows {
		if r.Rank <= 2 && strings.HasPrefix(r.Record, "r/") {
			want = append(want, r)
		}
	}
	if !slices.EqualFunc(latest, want, sameRow) {
		return wrong("the latest are %v, want %v", latest, want)
	}
	return nil
}

func sameRow(a, b row) bool {
	return compareRows(a, b) == 0 && a.Rank == b.Rank && a.Codec == b.Codec && string(a.Value) == string(b.Value)
}

// checkNames looks whether the records are those that have rows.
func (w *workload) checkNames(ctx context.Context, rows []row) error {
	names, err := gather(w.h.Names(ctx, "*"))
	if err != nil {
		return err
	}
	stats, err := gather(w.h.Stats(ctx, "*"))
	if err != nil {
		return err
	}
	var want []history.Stat
	for _, r := range rows {
		if r.Rank == 1 {
			want = append(want, history.Stat{Name: r.Record, Codec: r.Codec, Last: r.At})
		}
		last := &want[len(want)-1]
		last.Rows, last.First = int64(r.Rank), r.At
	}
	if !slices.Equal(stats, want) {
		return wrong("stats are %v, want %v", stats, want)
	}
	if !slices.EqualFunc(names, want, func(name string, s history.Stat) bool { return name == s.Name }) {
		return wrong("names are %v, want those of %v", names, want)
	}
	return nil
}

// checkView compares the rows with those of the view for people.
func (w *workload) checkView(ctx context.Context, rows []row) error {
	want := make(map[string]bool)
	for _, r := range rows {
		want[fmt.Sprint(r.ID, r.Record, string(r.Value), r.At.UnixMilli())] = true
	}
	n := 0
	return sqlitedb.View(ctx, w.db, func(rx sqlitedb.Rx) error {
		err := rx.Each("SELECT id, record_name, value, stored_at FROM record_history", func(stmt *sqlite.Stmt) error {
			n++
			r := fmt.Sprint(stmt.ColumnInt64(0), stmt.ColumnText(1), stmt.ColumnText(2), stmt.ColumnInt64(3))
			if !want[r] {
				return wrong("the view has %.80q", r)
			}
			return nil
		})
		if err == nil && n != len(rows) {
			err = wrong("the view has %d rows, not %d", n, len(rows))
		}
		return err
	})
}

// checkFile looks at the file as SQLite does, for which a read that fails is
// damage, and for rows and ids out of place.
func (w *workload) checkFile(ctx context.Context) error {
	return sqlitedb.View(ctx, w.db, func(rx sqlitedb.Rx) error {
		for _, query := range []string{
			"SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
			"SELECT count(*) FROM history WHERE record NOT IN (SELECT number FROM records)",
			"SELECT count(*) FROM history WHERE sequence >= (SELECT next FROM history_sequence)",
			"SELECT count(*) - count(DISTINCT sequence) FROM history",
		} {
			if n, _, err := rx.Int(query); err != nil || n != 0 {
				return cmp.Or(err, wrong("%s: %d", query, n))
			}
		}
		return nil
	})
}
