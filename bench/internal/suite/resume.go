package suite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/edfsm/edfsm/bench/internal/measure"
	"github.com/edfsm/edfsm/bench/internal/report"
	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/machine"
	"github.com/edfsm/edfsm/sqlitelog"
)

// Resume opens logs of several lengths and starts a machine on each, from a
// snapshot near the end and without one.
func (r *Run) Resume(ctx context.Context) error {
	return r.in(func(dir string) error {
		var all []*resumption
		var turns []measure.Turn
		for _, events := range r.lengths() {
			r.say("resume: filling %d events", events)
			path := filepath.Join(dir, fmt.Sprint(events, ".db"))
			if err := fillWithSnapshot(ctx, path, events, r.Scale.Events/1000); err != nil {
				return err
			}
			for _, snapshot := range []bool{false, true} {
				s := &resumption{path: path, events: events, snapshot: snapshot}
				all, turns = append(all, s), append(turns, s.turn)
			}
		}
		r.say("resume: starting")
		if err := measure.Rounds(ctx, r.Scale.Rounds, turns...); err != nil {
			return err
		}
		for i, s := range all {
			dims := report.Dims{"log": "sqlite", "codec": eventCodec.Name(), "events": s.events, "snapshot": s.snapshot}
			switch {
			case i >= 2:
				r.add(report.Compared("resume", dims, "ms", s.ms, "shorter", all[i-2].ms))
			case !s.snapshot:
				r.add(report.Figure("resume", dims, "ms", s.ms))
			}
			if s.snapshot {
				r.add(report.Compared("resume", dims, "ms", s.ms, "whole", all[i-1].ms))
			}
			switch {
			case len(s.grown) == 0:
			case s.snapshot && all[i-1].grown.Min() > 0: // nothing is to be divided by zero
				r.add(report.Compared("resume", dims, "MiB", s.grown, "whole", all[i-1].grown))
			default:
				r.add(report.Figure("resume", dims, "MiB", s.grown))
			}
		}
		return nil
	})
}

// sum is a machine whose state is small, however long its log is.
type sum struct{ evolved *int }

func (sum) Decide(_ int64, c Reading, _ func(string)) ([]Reading, error) { return []Reading{c}, nil }

func (s sum) Evolve(total *int64, e Reading) machine.Change {
	*total += e.Seq
	*s.evolved++
	return machine.Updated
}

func (sum) React(int64, Reading, machine.Change, func(string)) {}

// fillWithSnapshot makes a log with a snapshot, after which there are so many
// events.
func fillWithSnapshot(ctx context.Context, path string, events, after int) (err error) {
	log, err := sqlitelog.Open(ctx, path, sqlitelog.Config[Reading]{Codec: eventCodec})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	if err := fillOpen(ctx, log, 0, events-2*after, reading); err != nil {
		return err
	}
	// A machine that has nothing to do but this: all its commands wait when it
	// begins.
	saving := machine.New(sum{new(int)}, machine.Config[int64, Reading, string]{
		Log: log, Snapshot: machine.Snapshot[int64]{Codec: stateCodec, Every: after}, Mailbox: after,
	})
	for n := range after {
		if err := saving.Send(ctx, reading(n)); err != nil {
			return err
		}
	}
	saving.Close()
	if err := saving.Run(ctx); err != nil {
		return err
	}
	return fillOpen(ctx, log, 0, after, reading)
}

var stateCodec = must(codec.Of[int64](codec.CBOR))

// resumption is one way to start.
type resumption struct {
	path     string
	events   int
	snapshot bool

	ms, grown measure.Series
}

func (s *resumption) turn(ctx context.Context) error {
	evolved := 0
	mib, known, err := measure.Peak(func() error {
		seconds, err := measure.Seconds(func() error { return s.start(ctx, sum{&evolved}) })
		s.ms = append(s.ms, 1000*seconds)
		return err
	})
	if known {
		s.grown = append(s.grown, mib)
	}
	if err == nil && s.snapshot && evolved > s.events/2 {
		err = fmt.Errorf("the snapshot of %d events was not used", s.events)
	}
	return err
}

// start opens the log and runs a machine until it is ready for its first input.
func (s *resumption) start(ctx context.Context, fsm sum) error {
	log, err := sqlitelog.Open(ctx, s.path, sqlitelog.Config[Reading]{Codec: eventCodec})
	if err != nil {
		return err
	}
	cfg := machine.Config[int64, Reading, string]{Log: log}
	if s.snapshot {
		cfg.Snapshot = machine.Snapshot[int64]{Codec: stateCodec, Every: 1 << 30}
	}
	m := machine.New(fsm, cfg)
	m.Close()
	return errors.Join(m.Run(ctx), log.Close())
}
