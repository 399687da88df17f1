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
			var rates, ratios []float64
			for b.Loop() {
				for range 7 {
					plain := rate(callers, 300, base.append)
					grouped := rate(callers, 300*min(callers, 64), func(e reading) error {
						return log.Notify(context.Background(), []reading{e})
					})
					rates = append(rates, grouped)
					ratios = append(ratios, grouped/plain)
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(rates), "events/s")
			b.ReportMetric(median(ratios), "x-mutex")
		})
	}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// rate lets callers append total events and returns how many they did in a second.
func rate(callers, total int, appendEvent func(reading) error) float64 {
	var next atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for range callers {
		wg.Go(func() {
			for {
				n := next.Add(1)
				if n > int64(total) {
					return
				}
				if err := appendEvent(reading{Sensor: "boiler", Value: 71.5, Seq: n}); err != nil {
					panic(err)
				}
			}
		})
	}
	wg.Wait()
	return float64(total) / time.Since(start).Seconds()
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
