package natslog_test

import (
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

// sensor is a machine that makes a reading of each number it is given.
type sensor struct{}

func (sensor) Decide(_ reading, seq int, _ func(struct{})) ([]reading, error) {
	return []reading{{"boiler", 71.5, seq}}, nil
}

func (sensor) Evolve(s *reading, r reading) machine.Change {
	*s = r
	return machine.Updated
}

func (sensor) React(reading, reading, machine.Change, func(struct{})) {}

// BenchmarkMachines runs machines with a log each, in one stream or in one file.
// Each has one caller, who waits for the event of a command before the next.
func BenchmarkMachines(b *testing.B) {
	for _, machines := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("log=sqlite/machines=%d", machines), func(b *testing.B) {
			db, err := sqlitelog.OpenDB(b.Context(), filepath.Join(b.TempDir(), "logs.db"), sqlitelog.Options{})
			must(b, err)
			defer db.Close()
			measure(b, machines, func(name string) (machine.Log[reading], error) {
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
				measure(b, machines, func(name string) (machine.Log[reading], error) {
					return natslog.Open(b.Context(), js, natslog.Config[reading]{Name: name, Replicas: c.servers})
				})
			})
		}
	}
}

// measure reports the medians of three rounds of a second and a half.
func measure(b *testing.B, n int, open func(name string) (machine.Log[reading], error)) {
	var machines []*machine.Machine[reading, int, reading]
	var running sync.WaitGroup
	defer running.Wait()
	for i := range n {
		log, err := open(fmt.Sprint("machine ", i))
		must(b, err)
		m := machine.New(sensor{}, machine.Config[reading, reading, struct{}]{Log: log})
		defer m.Close()
		running.Go(func() {
			if err := m.Run(b.Context()); err != nil {
				b.Error(err)
			}
		})
		machines = append(machines, m)
	}
	var rates, p99 []float64
	for b.Loop() {
		for range 3 {
			took := askAll(b, machines, 1500*time.Millisecond)
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

// askAll gives commands to all machines for a while and returns how long each
// took.
func askAll(b *testing.B, machines []*machine.Machine[reading, int, reading], during time.Duration) (all []time.Duration) {
	var mu sync.Mutex
	var running sync.WaitGroup
	end := time.Now().Add(during)
	for _, m := range machines {
		running.Go(func() {
			var took []time.Duration
			for n := 0; time.Now().Before(end); n++ {
				begun := time.Now()
				if _, err := m.Do(b.Context(), n); err != nil {
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
