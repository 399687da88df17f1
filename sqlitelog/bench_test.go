package sqlitelog_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edfsm/edfsm/sqlitelog"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// reading is an event of some 60 bytes as JSON.
type reading struct {
	Sensor string  `json:"sensor"`
	Value  float64 `json:"value"`
	Seq    int64   `json:"seq"`
}

// BenchmarkAppend compares durable appends by many callers with what is
// written without a library: one transaction per event behind a mutex, on a
// file with the same pragmas. Each round measures both; the figures are the
// medians of 7 rounds.
func BenchmarkAppend(b *testing.B) {
	for _, callers := range []int{1, 4, 16, 64, 256, 1024} {
		b.Run(fmt.Sprintf("log=sqlite/codec=json/callers=%d", callers), func(b *testing.B) {
			log := openBench(b)
			base := openMutexed(b)
			notify := func(e reading) error { return log.Notify(context.Background(), []reading{e}) }
			var rates, ratios, p50, p99, perCommit []float64
			for b.Loop() {
				for range 7 {
					plain := appendBy(callers, 300, base.append)
					before, err := log.Transactions(b.Context())
					must(b, err)
					grouped := appendBy(callers, 300*min(callers, 64), notify)
					after, err := log.Transactions(b.Context())
					must(b, err)
					rates = append(rates, grouped.rate)
					ratios = append(ratios, grouped.rate/plain.rate)
					p50 = append(p50, grouped.percentile(50))
					p99 = append(p99, grouped.percentile(99))
					perCommit = append(perCommit, float64(len(grouped.latencies))/float64(after-before-1))
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(rates), "events/s")
			b.ReportMetric(median(ratios), "x-mutex")
			b.ReportMetric(median(p50), "p50-ms")
			b.ReportMetric(median(p99), "p99-ms")
			b.ReportMetric(median(perCommit), "events/commit")
		})
	}
}

// BenchmarkManyLogs appends to a thousand logs of one file at once, and beside
// that with as many callers to one log.
func BenchmarkManyLogs(b *testing.B) {
	b.Run("log=sqlite/codec=json/logs=1000/callers=1000", func(b *testing.B) { benchLogs(b, 1000) })
}

func benchLogs(b *testing.B, logs int) {
	db, err := sqlitelog.OpenDB(b.Context(), filepath.Join(b.TempDir(), "logs.db"), sqlitelog.Options{})
	must(b, err)
	defer db.Close()
	all := make(chan *sqlitelog.Log[reading], logs)
	for i := range logs {
		log, err := sqlitelog.New(b.Context(), db, fmt.Sprint(i), sqlitelog.Config[reading]{})
		must(b, err)
		all <- log
	}
	one := openBench(b)
	var rates, ratios []float64
	for b.Loop() {
		for range 7 {
			single := appendBy(logs, 20*logs, func(e reading) error { return one.Notify(context.Background(), []reading{e}) })
			many := appendBy(logs, 20*logs, func(e reading) error {
				log := <-all
				defer func() { all <- log }()
				return log.Notify(context.Background(), []reading{e})
			})
			rates = append(rates, many.rate)
			ratios = append(ratios, many.rate/single.rate)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(rates), "events/s")
	b.ReportMetric(median(ratios), "x-one-log")
}

// load is what callers have measured.
type load struct {
	rate      float64         // events a second
	latencies []time.Duration // of each event, sorted
}

func (l load) percentile(p int) (ms float64) {
	return float64(l.latencies[(len(l.latencies)-1)*p/100].Microseconds()) / 1000
}

// appendBy lets callers append total events in all.
func appendBy(callers, total int, appendEvent func(reading) error) load {
	latencies := make([]time.Duration, total)
	var next atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for range callers {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(total); n = next.Add(1) {
				begun := time.Now()
				if err := appendEvent(reading{Sensor: "boiler", Value: 71.5, Seq: n}); err != nil {
					panic(err)
				}
				latencies[n-1] = time.Since(begun)
			}
		})
	}
	wg.Wait()
	rate := float64(total) / time.Since(start).Seconds()
	slices.Sort(latencies)
	return load{rate, latencies}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func openBench(b *testing.B) *sqlitelog.Log[reading] {
	log, err := sqlitelog.Open(b.Context(), filepath.Join(b.TempDir(), "log.db"), sqlitelog.Config[reading]{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { log.Close() })
	return log
}

// mutexed is the baseline.
type mutexed struct {
	mu   sync.Mutex
	conn *sqlite.Conn
}

func openMutexed(b *testing.B) *mutexed {
	conn, err := sqlite.OpenConn(filepath.Join(b.TempDir(), "base.db"), sqlite.OpenReadWrite, sqlite.OpenCreate, sqlite.OpenWAL)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	for _, q := range []string{
		"PRAGMA synchronous = FULL",
		"CREATE TABLE log(offset INTEGER PRIMARY KEY, value TEXT NOT NULL, recorded_at INTEGER NOT NULL)",
	} {
		if err := sqlitex.ExecuteTransient(conn, q, nil); err != nil {
			b.Fatal(err)
		}
	}
	return &mutexed{conn: conn}
}

func (m *mutexed) append(e reading) error {
	text := fmt.Sprintf(`{"sensor":%q,"value":%v,"seq":%d}`, e.Sensor, e.Value, e.Seq)
	m.mu.Lock()
	defer m.mu.Unlock()
	stmt, err := m.conn.Prepare("INSERT INTO log(value, recorded_at) VALUES(?, ?)")
	if err != nil {
		return err
	}
	stmt.BindText(1, text)
	stmt.BindInt64(2, time.Now().UnixMilli())
	_, err = stmt.Step()
	return err
}
