package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/edfsm/edfsm/bench/internal/engine"
	"github.com/edfsm/edfsm/bench/internal/measure"
	"github.com/edfsm/edfsm/bench/internal/report"
	"github.com/edfsm/edfsm/codec"
)

// Append lets callers append events to each engine in turns. The first engine is
// compared with all others, each with the device if it is durable.
func (r *Run) Append(ctx context.Context, engines []engine.Engine, callers []int) error {
	for _, n := range callers {
		r.say("append: %d callers", n)
		err := r.in(func(dir string) error { return r.append(ctx, dir, engines, n) })
		if err != nil {
			return err
		}
	}
	return nil
}

// contender is an engine that is measured.
type contender struct {
	engine.Engine
	log       engine.Log
	loads     loads
	perCommit measure.Series
}

func (r *Run) append(ctx context.Context, dir string, engines []engine.Engine, callers int) (err error) {
	p, err := r.openProbe(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	all, err := contend(dir, engines)
	defer func() {
		for _, c := range all {
			err = errors.Join(err, c.log.Close())
		}
	}()
	if err != nil {
		return err
	}
	turns := []measure.Turn{p.turn(r.Scale.Turn / 2)}
	for _, c := range all {
		turns = append(turns, func(ctx context.Context) error { return c.turn(ctx, r, callers) })
	}
	if err := measure.Rounds(ctx, r.Scale.Rounds, turns...); err != nil {
		return err
	}
	for i, c := range all {
		var against []versus
		if i == 0 {
			for _, other := range all[1:] {
				against = append(against, other.loads.as(other.Name))
			}
		}
		if c.Durable {
			against = append(against, p.as())
		}
		dims := report.Dims{"log": c.Name, "codec": eventCodec.Name(), "callers": callers}
		r.add(c.loads.results("append", dims, "events/s", against...)...)
		if len(c.perCommit) > 0 {
			r.add(report.Figure("append", dims, "events/commit", c.perCommit))
			if c.Durable {
				r.add(report.Figure("append", dims, "syncs/event", c.perCommit.Inverse()))
			}
		}
	}
	return nil
}

// contend opens engines, each in a folder of its own. What it has opened is
// returned beside an error.
func contend(dir string, engines []engine.Engine) (all []*contender, err error) {
	for _, e := range engines {
		own := filepath.Join(dir, e.Name)
		if err := os.Mkdir(own, 0o700); err != nil {
			return all, err
		}
		log, err := e.Open(own)
		if err != nil {
			return all, fmt.Errorf("%s: %w", e.Name, err)
		}
		all = append(all, &contender{Engine: e, log: log})
	}
	return all, nil
}

// turn is one round of a contender.
func (c *contender) turn(ctx context.Context, r *Run, callers int) error {
	counter, counts := c.log.(engine.Counter)
	before := int64(0)
	if counts {
		before = counter.Batches()
	}
	load, err := measure.For(ctx, callers, r.Scale.Turn, func(ctx context.Context, n int64) error {
		event, err := eventCodec.Append(make([]byte, 0, 64), readingAt(n))
		if err != nil {
			return err
		}
		return c.log.Append(ctx, event)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", c.Name, err)
	}
	c.loads = append(c.loads, load)
	if counts {
		if commits := counter.Batches() - before; commits > 0 {
			c.perCommit = append(c.perCommit, float64(len(load.Latencies))/float64(commits))
		}
	}
	return nil
}

// Reading is an event of some 50 bytes as JSON.
type Reading struct {
	Sensor string  `json:"sensor"`
	Value  float64 `json:"value"`
	Seq    int64   `json:"seq"`
}

func readingAt(n int64) Reading { return Reading{Sensor: "boiler", Value: 71.5, Seq: n} }

// eventCodec is what events are written with where formats are not compared.
var eventCodec = must(codec.Of[Reading](codec.CBOR))

// must is for what depends on nothing.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
