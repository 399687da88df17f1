//go:build !linux

package main

import (
	"runtime/metrics"
	"time"

	"github.com/edfsm/edfsm/examples/loadwatch/load"
)

// measure reads how hard this process works, where there is no /proc: its
// goroutines that run or could run over the cores it may use, and its memory
// over GOMEMLIMIT, which is next to nothing when no limit is set.
func measure() (load.Reading, error) {
	m := []metrics.Sample{
		{Name: "/sched/goroutines/running:goroutines"},
		{Name: "/sched/goroutines/runnable:goroutines"},
		{Name: "/sched/gomaxprocs:threads"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/gc/gomemlimit:bytes"},
	}
	metrics.Read(m)
	n := make([]float64, len(m))
	for i := range m {
		n[i] = float64(m[i].Value.Uint64())
	}
	r := load.Reading{Time: time.Now(), Load: (n[0] + n[1]) / n[2], Memory: min((n[3]-n[4])/n[5], 1)}
	return r, r.Check()
}
