package suite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/edfsm/edfsm/bench/internal/engine"
	"github.com/edfsm/edfsm/bench/internal/measure"
	"github.com/edfsm/edfsm/bench/internal/report"
	"github.com/edfsm/edfsm/machine"
	"github.com/edfsm/edfsm/sqlitelog"
)

// Machine gives commands to machines: without a log, against a loop by hand, and
// with one, from the command to the output and the answer.
func (r *Run) Machine(ctx context.Context) error {
	if err := r.loops(ctx); err != nil {
		return err
	}
	for _, c := range []struct{ machines, callers int }{{1, 1}, {1, 64}, {r.Scale.Machines, r.Scale.Machines}} {
		r.say("machine: %d on one file, %d callers", c.machines, c.callers)
		err := r.in(func(dir string) error { return r.durable(ctx, dir, c.machines, c.callers) })
		if err != nil {
			return err
		}
	}
	return nil
}

// relay is a machine that puts out each event.
type relay struct{}

func (relay) Decide(_ int64, c Reading, _ func(int64)) ([]Reading, error) { return []Reading{c}, nil }

func (relay) Evolve(total *int64, e Reading) machine.Change { *total += e.Seq; return machine.Updated }

func (relay) React(_ int64, e Reading, _ machine.Change, emit func(int64)) { emit(e.Seq) }

// durable compares machines with the same number of callers who write to SQLite
// by hand.
func (r *Run) durable(ctx context.Context, dir string, machines, callers int) (err error) {
	p, err := r.openProbe(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	byHand, err := contend(dir, []engine.Engine{engine.Mutex})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, byHand[0].log.Close()) }()
	f, err := startFleet(ctx, filepath.Join(dir, "machines.db"), machines)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.stop()) }()

	var ours loads
	err = measure.Rounds(ctx, r.Scale.Rounds, p.turn(r.Scale.Turn/2),
		func(ctx context.Context) error {
			load, err := measure.For(ctx, callers, r.Scale.Turn, f.do)
			ours = append(ours, load)
			return err
		},
		func(ctx context.Context) error { return byHand[0].turn(ctx, r, callers) })
	if err != nil {
		return err
	}
	dims := report.Dims{"log": "sqlite", "codec": eventCodec.Name(), "machines": machines, "callers": callers}
	r.add(ours.results("machine", dims, "commands/s", byHand[0].loads.as("mutex"), p.as())...)
	return nil
}

// fleet is machines with logs in one file.
type fleet struct {
	db       *sqlitelog.DB
	machines []*machine.Machine[int64, Reading, Reading]
	ended    chan error
}

func startFleet(ctx context.Context, path string, machines int) (_ *fleet, err error) {
	f := &fleet{ended: make(chan error, machines)}
	if f.db, err = sqlitelog.OpenDB(ctx, path, sqlitelog.Options{}); err != nil {
		return nil, err
	}
	taken := machine.Each(func(context.Context, int64) error { return nil })
	for i := range machines {
		log, err := sqlitelog.New(ctx, f.db, fmt.Sprint(i), sqlitelog.Config[Reading]{Codec: eventCodec})
		if err != nil {
			return nil, errors.Join(err, f.stop())
		}
		m := machine.New(relay{}, machine.Config[int64, Reading, int64]{Log: log, Outputs: taken})
		f.machines = append(f.machines, m)
		go func() { f.ended <- m.Run(ctx) }()
	}
	return f, nil
}

// do gives a command to one of the machines. When it returns, the output was
// taken.
func (f *fleet) do(ctx context.Context, n int64) error {
	_, err := f.machines[n%int64(len(f.machines))].Do(ctx, readingAt(n))
	return err
}

func (f *fleet) stop() error {
	var errs []error
	for _, m := range f.machines {
		m.Close()
	}
	for range f.machines {
		errs = append(errs, <-f.ended)
	}
	return errors.Join(append(errs, f.db.Close())...)
}
