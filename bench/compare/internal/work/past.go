package work

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/edfsm/edfsm/bench/compare/internal/peer"
	"github.com/edfsm/edfsm/bench/internal/report"
	"github.com/edfsm/edfsm/bench/internal/suite"
	"github.com/edfsm/edfsm/history"
)

// records is how many there are, half of which are asked for.
const (
	records = 100
	asked   = "left/*"
)

// past is a history, and tables with the same rows.
type past struct {
	rows   int // of each record
	h      *history.History
	tables []table
}

type table struct {
	log string // the name of its database
	*sql.DB
}

// Latest asks for the newest value of each of 50 of 100 records through
// database/sql, with a statement that numbers all rows and with one for each
// record, beside a history of the same length.
func Latest(ctx context.Context, r *suite.Run) error {
	return inPasts(ctx, r, "latest", func(p *past) error {
		all := []*asker{{log: "history", ask: func(ctx context.Context) (int, error) { return walk(p.h.Latest(ctx, asked, 1)) }}}
		for _, t := range p.tables {
			all = append(all,
				&asker{log: t.log, query: "row-number", ask: func(ctx context.Context) (int, error) { return count(ctx, t.DB, numberAll, asked) }},
				&asker{log: t.log, query: "by-record", ask: func(ctx context.Context) (int, error) { return byRecord(ctx, t.DB) }})
		}
		return compare(ctx, r, "latest", report.Dims{"records": records / 2, "rows": p.rows, "n": 1}, records/2, all)
	})
}

// Range asks for as many rows of each of 50 of 100 records as the shortest
// history has, from the middle, through database/sql and beside a history of the
// same length.
func Range(ctx context.Context, r *suite.Run) error {
	return inPasts(ctx, r, "range", func(p *past) error {
		n := r.Scale.Rows / 100
		first := (p.rows - n) / 2
		w := history.Window{Start: moment(first), End: moment(first + n - 1)}
		all := []*asker{{log: "history", ask: func(ctx context.Context) (int, error) { return walk(p.h.Query(ctx, asked, w)) }}}
		for _, t := range p.tables {
			all = append(all, &asker{log: t.log, query: "between", ask: func(ctx context.Context) (int, error) {
				return count(ctx, t.DB, between, asked, w.Start.UnixMilli(), w.End.UnixMilli())
			}})
		}
		return compare(ctx, r, "range", report.Dims{"records": records / 2, "rows": p.rows, "n": n}, n*records/2, all)
	})
}

// inPasts calls f with pasts of three lengths, each ten times the one before.
func inPasts(ctx context.Context, r *suite.Run, name string, f func(*past) error) error {
	for rows := r.Scale.Rows / 100; rows <= r.Scale.Rows; rows *= 10 {
		r.Progress(fmt.Sprintf("%s: SQL, %d records with %d rows each", name, records, rows))
		err := in(r, func(dir string) (err error) {
			p := &past{rows: rows}
			defer func() { err = errors.Join(err, p.close()) }()
			if err := p.fill(ctx, dir); err != nil {
				return err
			}
			return f(p)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *past) fill(ctx context.Context, dir string) (err error) {
	if p.h, err = fillHistory(ctx, filepath.Join(dir, "history.db"), p.rows); err != nil {
		return err
	}
	for _, d := range peer.Databases() {
		db, err := fillTable(ctx, d, filepath.Join(dir, d.Name+".db"), p.rows)
		if err != nil {
			return fmt.Errorf("%s: %w", d.Name, err)
		}
		p.tables = append(p.tables, table{d.Name, db})
	}
	return nil
}

// close closes what was opened.
func (p *past) close() (err error) {
	for _, t := range p.tables {
		err = errors.Join(err, t.Close())
	}
	if p.h != nil {
		err = errors.Join(err, p.h.Close())
	}
	return err
}
