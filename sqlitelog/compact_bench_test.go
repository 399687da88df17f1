package sqlitelog_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/edfsm/edfsm/sqlitelog"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// never is a high water that no benchmark reaches.
const never = 1 << 30

// BenchmarkCompact compacts 100,000 events, of 1,000 keys (nearly all are dead)
// and of 100,000 (all are live), and beside that lets SQLite do as much in one
// transaction; x-single says how much longer that took. Medians of 5 rounds.
func BenchmarkCompact(b *testing.B) {
	for _, keys := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("log=sqlite/events=100000/keys=%d", keys), func(b *testing.B) {
			var seconds, ratios []float64
			for b.Loop() {
				for range 5 {
					log, path := filled(b, 100_000, keys)
					sliced := timed(func() {
						_, err := log.Compact(context.Background())
						must(b, err)
					})
					must(b, log.Close())

					log, path = filled(b, 100_000, keys)
					must(b, log.Close())
					single := timed(func() { compactAtOnce(b, path) })

					seconds = append(seconds, sliced)
					ratios = append(ratios, single/sliced)
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(seconds)*1000, "ms")
			b.ReportMetric(median(ratios), "x-single")
		})
	}
}

// BenchmarkAppendWhileCompacting tells what 16 callers feel of the upkeep of a
// log: each round appends to a log at rest and to one that has just grown beyond
// its high water of 100,000 events and is being brought down to nothing.
func BenchmarkAppendWhileCompacting(b *testing.B) {
	for _, keys := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("log=sqlite/callers=16/keys=%d", keys), func(b *testing.B) {
			var ratios, p99, p99AtRest []float64
			for b.Loop() {
				for range 5 {
					rest := appendKeyed(b, keys, never)
					busy := appendKeyed(b, keys, 100_000)
					ratios = append(ratios, busy.rate/rest.rate)
					p99 = append(p99, busy.percentile(99))
					p99AtRest = append(p99AtRest, rest.percentile(99))
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(ratios), "x-at-rest")
			b.ReportMetric(median(p99), "p99-ms")
			b.ReportMetric(median(p99AtRest), "p99-at-rest-ms")
		})
	}
}

func appendKeyed(b *testing.B, keys, highWater int) load {
	log, path := filled(b, 100_000, keys)
	must(b, log.Close())
	log = open(b, path, sqlitelog.Config[put]{Key: putKey, HighWater: highWater, LowWater: 1})
	defer log.Close()
	return appendBy(16, 20_000, func(r reading) error {
		return log.Notify(context.Background(), []put{keyed(int(r.Seq), keys)})
	})
}

// filled returns a log that has not been compacted.
func filled(b *testing.B, events, keys int) (log *sqlitelog.Log[put], path string) {
	path = filepath.Join(b.TempDir(), "log.db")
	log = open(b, path, sqlitelog.Config[put]{Key: putKey, HighWater: never, LowWater: 1})
	batch := make([]put, 1000)
	for i := 0; i < events; i += len(batch) {
		for j := range batch {
			batch[j] = keyed(i+j, keys)
		}
		must(b, log.Notify(b.Context(), batch))
	}
	return log, path
}

func keyed(i, keys int) put { return put{Key: fmt.Sprint("sensor/", i%keys), Value: i} }

func compactAtOnce(b *testing.B, path string) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	must(b, err)
	for _, s := range []string{
		"BEGIN IMMEDIATE",
		"INSERT INTO compacted SELECT * FROM log WHERE offset IN (SELECT max(offset) FROM log GROUP BY key) ORDER BY offset",
		"DELETE FROM log",
		"COMMIT",
	} {
		must(b, sqlitex.ExecuteTransient(conn, s, nil))
	}
	must(b, conn.Close())
}
