package natslog_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/edfsm/edfsm/machine"
	"github.com/edfsm/edfsm/natslog"
	"github.com/edfsm/edfsm/sqlitelog"
)

// reading is an event of some 60 bytes as JSON.
type reading struct {
	Sensor string  `json:"sensor"`
	Value  float64 `json:"value"`
	Seq    int     `json:"seq"`
}

// BenchmarkMachines lets machines append one event after the other, each to a
// log of its own, in one stream or in one file.
func BenchmarkMachines(b *testing.B) {
	for _, machines := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("log=sqlite/machines=%d", machines), func(b *testing.B) {
			db, err := sqlitelog.OpenDB(b.Context(), filepath.Join(b.TempDir(), "logs.db"), sqlitelog.Options{})
			must(b, err)
			defer db.Close()
			measure(b, machines, func(name string) (machine.Adapter[reading], error) {
				return sqlitelog.New(b.Context(), db, name, sqlitelog.Config[reading]{})
			})
		})
		for _, c := range []struct {
			name       string
			servers    int
			syncAlways bool
		}{{"R1/sync=2m", 1, false}, {"R3/sync=2m", 3, false}, {"R3/sync=always", 3, true}} {
			b.Run(fmt.Sprintf("log=nats/replicas=%s/machines=%d", c.name, machines), func(b *testing.B) {
				js := connect(b, startServers(b, c.servers, c.syncAlways))
				measure(b, machines, func(name string) (machine.Adapter[reading], error) {
					return natslog.Open(b.Context(), js, natslog.Config[reading]{Name: name, Replicas: c.servers})
				})
			})
		}
	}
}

// measure reports the medians of three rounds of a second and a half.
func measure(b *testing.B, machines int, open func(name string) (machine.Adapter[reading], error)) {
	var logs []machine.Adapter[reading]
	for i := range machines {
		log, err := open(fmt.Sprint("machine ", i))
		must(b, err)
		logs = append(logs, log)
	}
	var rates, p99 []float64
	for b.Loop() {
		for range 3 {
			took := appendAll(b, logs, 1500*time.Millisecond)
			slices.Sort(took)
			rates = append(rates, float64(len(took))/1.5)
			p99 = append(p99, float64(took[len(took)*99/100].Microseconds())/1000)
		}
	}
	slices.Sort(rates)
	slices.Sort(p99)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rates[len(rates)/2], "events/s")
	b.ReportMetric(p99[len(p99)/2], "p99-ms")
}

// appendAll appends to all logs for a while and returns how long each event
// took.
func appendAll(b *testing.B, logs []machine.Adapter[reading], during time.Duration) (all []time.Duration) {
	var mu sync.Mutex
	var running sync.WaitGroup
	end := time.Now().Add(during)
	for _, log := range logs {
		running.Go(func() {
			var took []time.Duration
			for n := 0; time.Now().Before(end); n++ {
				begun := time.Now()
				if err := log.Notify(context.Background(), []reading{{"boiler", 71.5, n}}); err != nil {
					b.Error(err)
					return
				}
				took = append(took, time.Since(begun))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
		})
	}
	running.Wait()
	return all
}
