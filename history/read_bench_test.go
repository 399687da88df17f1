package history_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/edfsm/edfsm/history"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// BenchmarkLatest compares the latest rows of each record with a query that
// numbers all rows and takes the first ones, on the same file. Medians of 5
// rounds.
func BenchmarkLatest(b *testing.B) {
	for _, shape := range []struct{ records, rows int }{{100, 10_000}, {10, 200_000}} {
		path := filepath.Join(b.TempDir(), fmt.Sprint(shape.rows, ".db"))
		must(b, open(b, path, history.Config{}).Close())
		fill(b, path, shape.records, shape.rows)
		h := open(b, path, history.Config{})
		defer h.Close()
		conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
		must(b, err)
		defer conn.Close()
		for _, n := range []int{1, 10, 100} {
			b.Run(fmt.Sprintf("records=%d/rows=%d/n=%d", shape.records, shape.rows, n), func(b *testing.B) {
				var ms, ratios []float64
				for b.Loop() {
					for range 5 {
						seeks := latest(b, h, n, n*shape.records)
						all := timed(func() { numberAll(b, conn, n, n*shape.records) })
						ms = append(ms, seeks)
						ratios = append(ratios, all/seeks)
					}
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(median(ms), "ms")
				b.ReportMetric(median(ratios), "x-number-all")
			})
		}
	}
}

// BenchmarkLatestAsItGrows compares a history with one of ten times its length.
func BenchmarkLatestAsItGrows(b *testing.B) {
	short, long := filled(b, 100, 1_000), filled(b, 100, 10_000)
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("records=100/rows=1000-10000/n=%d", n), func(b *testing.B) {
			var ratios []float64
			for b.Loop() {
				for range 7 {
					ratios = append(ratios, latest(b, long, n, 100*n)/latest(b, short, n, 100*n))
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(ratios), "x-tenth")
		})
	}
}

// BenchmarkQueryAll reads 1,000,000 rows, and beside that steps through them
// without a library.
func BenchmarkQueryAll(b *testing.B) {
	b.Run("records=100/rows=10000", benchQueryAll)
}

func benchQueryAll(b *testing.B) {
	path := filepath.Join(b.TempDir(), "history.db")
	must(b, open(b, path, history.Config{}).Close())
	fill(b, path, 100, 10_000)
	h := open(b, path, history.Config{})
	defer h.Close()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	must(b, err)
	defer conn.Close()
	var rates, ratios []float64
	for b.Loop() {
		for range 3 {
			paged := latest(b, h, 1_000_000, 1_000_000)
			stepped := timed(func() {
				count(b, conn, "SELECT name, time, sequence, value FROM history JOIN records ON number = record", 0, 1_000_000)
			})
			rates = append(rates, 1e9/paged)
			ratios = append(ratios, stepped/paged)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(rates), "rows/s")
	b.ReportMetric(median(ratios), "x-stepped")
}

func timed(f func()) (ms float64) {
	start := time.Now()
	f()
	return float64(time.Since(start).Nanoseconds()) / 1e6
}

// latest queries as often as it takes to be measured, and returns the ms of one
// query.
func latest(b *testing.B, h *history.History, n, want int) (ms float64) {
	queries := 0.0
	start := time.Now()
	for queries == 0 || time.Since(start) < 20*time.Millisecond {
		rows := 0
		for _, err := range h.Latest(b.Context(), "*", n) {
			must(b, err)
			rows++
		}
		if rows != want {
			b.Fatalf("%d rows, want %d", rows, want)
		}
		queries++
	}
	return float64(time.Since(start).Nanoseconds()) / 1e6 / queries
}

func numberAll(b *testing.B, conn *sqlite.Conn, n, want int) {
	count(b, conn, `SELECT name, time, sequence, value FROM (
		SELECT *, ROW_NUMBER() OVER (PARTITION BY record ORDER BY time DESC, sequence DESC) AS rank FROM history
	) JOIN records ON number = record WHERE rank <= ?`, n, want)
}

// count reads all columns of all rows of a query.
func count(b *testing.B, conn *sqlite.Conn, query string, n, want int) {
	opts := &sqlitex.ExecOptions{}
	if n > 0 {
		opts.Args = []any{n}
	}
	rows, buf := 0, make([]byte, 1024)
	opts.ResultFunc = func(stmt *sqlite.Stmt) error {
		rows++
		_ = stmt.ColumnText(0)
		stmt.ColumnBytes(3, buf)
		return nil
	}
	must(b, sqlitex.Execute(conn, query, opts))
	if rows != want {
		b.Fatalf("%d rows, want %d", rows, want)
	}
}
