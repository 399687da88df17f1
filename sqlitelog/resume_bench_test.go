package sqlitelog_test

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"testing"

	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/machine"
	"github.com/edfsm/edfsm/sqlitelog"
)

// sum is a machine whose state is small, however long its log is.
type sum struct{}

func (sum) Evolve(s *int64, e reading) machine.Change                    { *s += e.Seq; return machine.Updated }
func (sum) React(int64, reading, machine.Change, func(string))           {}
func (sum) Decide(_ int64, c reading, _ func(string)) ([]reading, error) { return []reading{c}, nil }

// BenchmarkResume starts a machine over a log, which is opened anew each time,
// with a snapshot 1,000 events before its end and without one. x-replay says how
// much longer it takes without, and x-replay-MiB by how much more the process
// grows; ms and grown-MiB are of the start from the snapshot. Medians of 5 rounds.
func BenchmarkResume(b *testing.B) {
	state, err := codec.Of[int64](codec.JSON)
	must(b, err)
	for _, total := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("log=sqlite/codec=json/events=%d", total), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "log.db")
			fillForResume(b, path, total)
			resume := func(snapshot machine.Snapshot[int64]) (seconds, grown float64) {
				log := open(b, path, sqlitelog.Config[reading]{})
				defer log.Close()
				debug.FreeOSMemory() // what the other start has left would be taken first
				before := resident()
				m := machine.New(sum{}, machine.Config[int64, reading, string]{Log: log, Snapshot: snapshot})
				m.Close()
				seconds = timed(func() { must(b, m.Run(context.Background())) })
				return seconds, resident() - before
			}
			var ms, ratios, grown, grownRatios []float64
			for b.Loop() {
				for range 5 {
					whole, wholeMemory := resume(machine.Snapshot[int64]{})
					short, memory := resume(machine.Snapshot[int64]{Codec: state, Every: 1 << 30})
					ms, ratios, grown = append(ms, 1000*short), append(ratios, whole/short), append(grown, memory)
					if memory > 0 {
						grownRatios = append(grownRatios, wholeMemory/memory)
					}
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(ms), "ms")
			b.ReportMetric(median(ratios), "x-replay")
			b.ReportMetric(median(grown), "grown-MiB")
			if len(grownRatios) > 0 { // /proc tells
				b.ReportMetric(median(grownRatios), "x-replay-MiB")
			}
		})
	}
}

// fillForResume makes a log with a snapshot 1,000 events before its end.
func fillForResume(b *testing.B, path string, total int) {
	log := open(b, path, sqlitelog.Config[reading]{})
	batch := make([]reading, 1000)
	for i := range total / len(batch) {
		for j := range batch {
			batch[j] = reading{"boiler", 71.5, int64(i*len(batch) + j)}
		}
		if i == total/len(batch)-1 {
			must(b, log.SaveSnapshot(b.Context(), "json/0", []byte("1")))
		}
		must(b, log.Notify(b.Context(), batch))
	}
	must(b, log.Close())
}
