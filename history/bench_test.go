package history_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edfsm/edfsm/history"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// BenchmarkStore compares durable stores by many callers with what is written
// without a library: one transaction per store behind a mutex, on a file with the
// same pragmas, in a table with an index on name and time. Each round measures
// both; the figures are the medians of 7 rounds. Each record has pages of its
// own, so that a transaction writes at least one for each of its records.
func BenchmarkStore(b *testing.B) {
	for _, c := range []struct{ records, callers int }{{100, 1}, {100, 16}, {100, 64}, {100, 256}, {1, 16}, {1, 64}, {1, 256}} {
		b.Run(fmt.Sprintf("records=%d/callers=%d", c.records, c.callers), func(b *testing.B) {
			h := open(b, filepath.Join(b.TempDir(), "history.db"), history.Config{})
			defer h.Close()
			base := openMutexed(b)
			var rates, ratios, p50, p99 []float64
			for b.Loop() {
				for range 7 {
					plain := storeBy(c.callers, 300, func(n int64) error { return base.store(n, c.records) })
					grouped := storeBy(c.callers, 300*min(c.callers, 64), storeIn(h, c.records))
					rates = append(rates, grouped.rate)
					ratios = append(ratios, grouped.rate/plain.rate)
					p50 = append(p50, grouped.percentile(50))
					p99 = append(p99, grouped.percentile(99))
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(rates), "rows/s")
			b.ReportMetric(median(ratios), "x-mutex")
			b.ReportMetric(median(p50), "p50-ms")
			b.ReportMetric(median(p99), "p99-ms")
		})
	}
}

// BenchmarkStoreBesideQuery stores alone and then while all of 200,000 rows are
// read again and again.
func BenchmarkStoreBesideQuery(b *testing.B) {
	for _, callers := range []int{1, 16} {
		b.Run(fmt.Sprintf("callers=%d/rows=200000", callers), func(b *testing.B) {
			h := filled(b, 20, 10_000)
			var ratios, p99, p99AtRest, queries []float64
			for b.Loop() {
				for range 5 {
					rest := storeBy(callers, 100*callers, storeIn(h, 100))
					ctx, cancel := context.WithCancel(b.Context())
					var wg sync.WaitGroup
					var read atomic.Int64
					wg.Go(func() {
						for ctx.Err() == nil {
							for range h.Query(ctx, "*", history.Window{}) {
								read.Add(1)
							}
						}
					})
					busy := storeBy(callers, 100*callers, storeIn(h, 100))
					cancel()
					wg.Wait()
					ratios = append(ratios, busy.rate/rest.rate)
					p99 = append(p99, busy.percentile(99))
					p99AtRest = append(p99AtRest, rest.percentile(99))
					queries = append(queries, float64(read.Load()))
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(ratios), "x-rest")
			b.ReportMetric(median(p99), "p99-ms")
			b.ReportMetric(median(p99AtRest), "p99-rest-ms")
			b.ReportMetric(median(queries), "rows-read")
		})
	}
}

// BenchmarkStoreDuringCleanup lets 16 callers store at rest and while the older
// half of 1,000,000 rows is deleted. Medians of 3 rounds.
func BenchmarkStoreDuringCleanup(b *testing.B) {
	b.Run("callers=16/rows=1000000", func(b *testing.B) {
		var ratios, p99, p99AtRest, seconds []float64
		for b.Loop() {
			for range 3 {
				h := filled(b, 100, 10_000)
				rest := storeBy(16, 5_000, storeIn(h, 100))
				done := make(chan struct{})
				start := time.Now()
				go func() {
					defer close(done)
					n, err := h.Cleanup(context.Background(), at(5_000))
					must(b, err)
					if n != 500_000 {
						panic(n)
					}
					seconds = append(seconds, time.Since(start).Seconds())
				}()
				busy := storeUntil(16, done, storeIn(h, 100))
				must(b, h.Close())
				ratios = append(ratios, busy.rate/rest.rate)
				p99 = append(p99, busy.percentile(99))
				p99AtRest = append(p99AtRest, rest.percentile(99))
			}
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(median(seconds), "cleanup-s")
		b.ReportMetric(median(ratios), "x-rest")
		b.ReportMetric(median(p99), "p99-ms")
		b.ReportMetric(median(p99AtRest), "p99-rest-ms")
	})
}

// load is what callers have measured.
type load struct {
	rate      float64         // stores a second
	latencies []time.Duration // of each store, sorted
}

func (l load) percentile(p int) (ms float64) {
	return float64(l.latencies[(len(l.latencies)-1)*p/100].Microseconds()) / 1000
}

// storeFunc stores the n-th value.
type storeFunc func(n int64) error

// storeBy lets callers store total values in all.
func storeBy(callers, total int, store storeFunc) load {
	done := make(chan struct{})
	var calls atomic.Int64
	return storeUntil(callers, done, func(n int64) error {
		if calls.Add(1) == int64(total) {
			close(done)
		}
		return store(n)
	})
}

// storeUntil lets callers store until done is closed.
func storeUntil(callers int, done <-chan struct{}, store storeFunc) load {
	var next atomic.Int64
	latencies := make([][]time.Duration, callers)
	var wg sync.WaitGroup
	start := time.Now()
	for c := range callers {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				begun := time.Now()
				if err := store(next.Add(1)); err != nil {
					panic(err)
				}
				latencies[c] = append(latencies[c], time.Since(begun))
			}
		})
	}
	wg.Wait()
	took := time.Since(start).Seconds()
	all := slices.Concat(latencies...)
	slices.Sort(all)
	return load{float64(len(all)) / took, all}
}

func benchValue(n int64) string { return fmt.Sprintf(`{"sensor":"boiler","value":71.5,"seq":%d}`, n) }

// storeIn stores in so many records, later than anything that is cleaned up.
func storeIn(h *history.History, records int) storeFunc {
	return func(n int64) error {
		return h.Store(context.Background(), fmt.Sprint("new", n%int64(records)), []byte(benchValue(n)), at(1_000_000+int(n)))
	}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// filled is a history with so many rows in each of so many records.
func filled(b *testing.B, records, rows int) *history.History {
	b.Helper()
	path := filepath.Join(b.TempDir(), "history.db")
	must(b, open(b, path, history.Config{}).Close())
	fill(b, path, records, rows)
	h := open(b, path, history.Config{})
	b.Cleanup(func() { h.Close() })
	return h
}

func fill(b *testing.B, path string, records, rows int) {
	b.Helper()
	shell(b, path,
		"PRAGMA synchronous = OFF",
		fmt.Sprintf(`INSERT INTO records WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r WHERE n < %d)
			SELECT n, printf('record/%%04d', n), 'bytes' FROM r`, records),
		fmt.Sprintf(`INSERT INTO history WITH RECURSIVE v(n) AS (SELECT 0 UNION ALL SELECT n+1 FROM v WHERE n < %d)
			SELECT number, %d + n, number * %d + n, CAST('{"sensor":"boiler","value":71.5,"seq":1234}' AS BLOB) FROM records, v`,
			rows-1, at(0).UnixMilli(), rows),
		"UPDATE history_sequence SET next = 1000000000",
		"PRAGMA wal_checkpoint(TRUNCATE)")
}

// mutexed is the baseline.
type mutexed struct {
	mu   sync.Mutex
	conn *sqlite.Conn
}

func openMutexed(b *testing.B) *mutexed {
	conn, err := sqlite.OpenConn(filepath.Join(b.TempDir(), "base.db"), sqlite.OpenReadWrite, sqlite.OpenCreate, sqlite.OpenWAL)
	must(b, err)
	b.Cleanup(func() { conn.Close() })
	for _, q := range []string{
		"PRAGMA synchronous = FULL",
		sourceSchema,
		"CREATE INDEX by_name ON record_history(record_name, stored_at)",
	} {
		must(b, sqlitex.ExecuteTransient(conn, q, nil))
	}
	return &mutexed{conn: conn}
}

func (m *mutexed) store(n int64, records int) error {
	name, value := fmt.Sprint("new", n%int64(records)), benchValue(n)
	m.mu.Lock()
	defer m.mu.Unlock()
	stmt, err := m.conn.Prepare("INSERT INTO record_history(record_name, value_json, stored_at) VALUES(?, ?, ?)")
	if err != nil {
		return err
	}
	stmt.BindText(1, name)
	stmt.BindText(2, value)
	stmt.BindInt64(3, at(int(n)).UnixMilli())
	_, err = stmt.Step()
	return err
}
