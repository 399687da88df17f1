// Package suite is what is measured, a file for each.
package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/edfsm/edfsm/bench/internal/device"
	"github.com/edfsm/edfsm/bench/internal/measure"
	"github.com/edfsm/edfsm/bench/internal/report"
)

// Scale is how much is done.
type Scale struct {
	Rounds   int           // of each comparison
	Turn     time.Duration // how long one side of it works, where there is no amount
	Callers  []int         // how many append at the same time
	Machines int           // on one file
	Events   int           // of the longest log
	Rows     int           // of each record of the longest history
	Disk     int64         // bytes of the file by which the device is measured
	Room     int64         // bytes that a run takes at most
}

// Full is what the numbers are judged by. Quick has a tenth of its sizes and
// shorter turns.
var (
	Full = Scale{
		Rounds: 7, Turn: 500 * time.Millisecond, Callers: callers, Machines: 1000,
		Events: 1_000_000, Rows: 10_000, Disk: 256 << 20, Room: 1 << 30,
	}
	Quick = Scale{
		Rounds: 5, Turn: 50 * time.Millisecond, Callers: callers, Machines: 1000,
		Events: 100_000, Rows: 1000, Disk: 32 << 20, Room: 256 << 20,
	}
	callers = []int{1, 4, 16, 64, 256, 1024}
)

// Run is one run in a folder. Each measure takes a folder of its own there,
// which goes when it ends, and adds to Results.
type Run struct {
	Dir      string
	Scale    Scale
	Progress func(text string) // told what is measured now
	Results  []report.Result
}

func (r *Run) add(results ...report.Result) { r.Results = append(r.Results, results...) }

func (r *Run) say(format string, args ...any) { r.Progress(fmt.Sprintf(format, args...)) }

// in calls f with a new folder, which is deleted afterwards.
func (r *Run) in(f func(dir string) error) error {
	dir, err := os.MkdirTemp(r.Dir, "")
	if err != nil {
		return err
	}
	err = f(dir)
	return errors.Join(err, os.RemoveAll(dir))
}

// probe is the device, which takes a turn beside those that write to it.
type probe struct {
	*device.Probe
	ms   measure.Series // of a durable write, the median of each round
	rate measure.Series // of durable writes one after the other, a second
}

func (r *Run) openProbe(dir string) (*probe, error) {
	p, err := device.OpenProbe(dir)
	return &probe{Probe: p}, err
}

func (p *probe) turn(d time.Duration) measure.Turn {
	return func(ctx context.Context) error {
		load, err := measure.For(ctx, 1, d, p.Overwrite)
		if err == nil {
			p.ms = append(p.ms, load.Latencies.Quantile(0.5))
			p.rate = append(p.rate, load.Rate)
		}
		return err
	}
}

// Device measures the device itself.
func (r *Run) Device(ctx context.Context) (s device.Speed, err error) {
	r.say("device: syncs and bandwidth")
	err = r.in(func(dir string) (err error) {
		s, err = device.Measure(ctx, dir, 4*r.Scale.Turn, r.Scale.Disk)
		return err
	})
	return s, err
}
