package suite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/edfsm/edfsm/bench/internal/measure"
	"github.com/edfsm/edfsm/history"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// records is how many a history has, half of which are asked for.
const (
	records = 100
	asked   = "left/*"
)

func recordName(n int) string {
	side := "left"
	if n%2 == 1 {
		side = "right"
	}
	return fmt.Sprintf("%s/%02d", side, n)
}

// moment is that of the n-th value of each record.
func moment(n int) time.Time { return time.UnixMilli(1_700_000_000_000 + int64(n)*1000) }

func historyValue(n int) []byte {
	return fmt.Appendf(nil, `{"sensor":"boiler","value":71.5,"seq":%d}`, n)
}

// fillHistory makes a history with so many rows of each record.
func fillHistory(ctx context.Context, path string, rows int) (err error) {
	h, err := history.Open(ctx, path, history.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	const most = 1000
	batch := make([]history.Entry[[]byte], 0, most)
	for record := range records {
		for n := range rows {
			batch = append(batch, history.Entry[[]byte]{Name: recordName(record), Value: historyValue(n), At: moment(n)})
			if len(batch) < most && (n+1 < rows || record+1 < records) {
				continue
			}
			if err := h.StoreAll(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return nil
}

// past is a history that is queried, through its package and by hand.
type past struct {
	rows int // of each record
	h    *history.History
	conn *sqlite.Conn
}

func openPast(ctx context.Context, path string, rows int) (*past, error) {
	if err := fillHistory(ctx, path, rows); err != nil {
		return nil, err
	}
	h, err := history.Open(ctx, path, history.Config{})
	if err != nil {
		return nil, err
	}
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	conn.SetInterrupt(ctx.Done())
	return &past{rows, h, conn}, nil
}

func (p *past) Close() error { return errors.Join(p.conn.Close(), p.h.Close()) }

// query runs a statement by hand and counts its rows, whose values it reads.
func (p *past) query(statement string, args ...any) (rows int, err error) {
	value := make([]byte, 1024)
	err = sqlitex.Execute(p.conn, statement, &sqlitex.ExecOptions{
		Args: args,
		ResultFunc: func(stmt *sqlite.Stmt) error {
			rows++
			_ = stmt.ColumnText(0)
			stmt.ColumnBytes(3, value)
			return nil
		},
	})
	return rows, err
}

// repeated adds to a series the ms of one of many queries, which fill some time
// and must each have so many rows.
func repeated(ctx context.Context, s *measure.Series, least time.Duration, want int, query func() (int, error)) error {
	queries := 0
	begun := time.Now()
	for queries == 0 || time.Since(begun) < least {
		rows, err := query()
		switch {
		case err != nil:
			return err
		case rows != want:
			return fmt.Errorf("%d rows, want %d", rows, want)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		queries++
	}
	*s = append(*s, measure.Millis(time.Since(begun))/float64(queries))
	return nil
}

// inPasts calls f with histories of three lengths, each ten times the one before.
func (r *Run) inPasts(ctx context.Context, name string, f func([]*past) error) error {
	return r.in(func(dir string) (err error) {
		var all []*past
		defer func() {
			for _, p := range all {
				err = errors.Join(err, p.Close())
			}
		}()
		for rows := r.Scale.Rows / 100; rows <= r.Scale.Rows; rows *= 10 {
			r.say("%s: filling %d records with %d rows each", name, records, rows)
			p, err := openPast(ctx, fmt.Sprintf("%s/%d.db", dir, rows), rows)
			if err != nil {
				return err
			}
			all = append(all, p)
		}
		r.say("%s: querying", name)
		return f(all)
	})
}
