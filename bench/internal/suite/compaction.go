package suite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/edfsm/edfsm/bench/internal/measure"
	"github.com/edfsm/edfsm/bench/internal/report"
	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/sqlitelog"
)

// upkeepCallers are how many append, or store, while something else is done.
const upkeepCallers = 16

// Compaction lets callers append to a log at rest, and to one that they bring
// beyond its high water, until its upkeep has brought it down to half of that:
// one in which each event has a key of its own, and one in which 99 of 100 have
// been superseded.
func (r *Run) Compaction(ctx context.Context) error {
	events := r.Scale.Events / 10
	for _, c := range []compaction{{live: "all", keys: events}, {live: "1%", keys: events / 100}} {
		c.events = events
		r.say("compaction: %d events, live: %s", events, c.live)
		if err := r.in(func(dir string) error { return c.measure(ctx, r, dir) }); err != nil {
			return err
		}
	}
	return nil
}

type compaction struct {
	live         string
	keys, events int

	quiet, during loads
	ms            measure.Series
}

// put is an event with a key.
type put struct {
	Key   string `json:"key"`
	Value int    `json:"value"`
}

var putCodec = must(codec.Of[put](codec.CBOR))

// never is a high water that no log comes to here.
const never = 1 << 30

func config(highWater int, file sqlitelog.Options) sqlitelog.Config[put] {
	return sqlitelog.Config[put]{
		Codec:     putCodec,
		Key:       func(p put) (string, sqlitelog.KeyOp) { return p.Key, sqlitelog.Keep },
		HighWater: highWater,
		File:      file,
	}
}

func (c *compaction) at(n int) put { return put{Key: fmt.Sprint("sensor/", n%c.keys), Value: n} }

func (c *compaction) measure(ctx context.Context, r *Run, dir string) (err error) {
	p, err := r.openProbe(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	filled := filepath.Join(dir, "filled.db")
	if err := fill(ctx, filled, config(never, sqlitelog.Options{}), c.events, c.at); err != nil {
		return err
	}
	inCopy := func(turn func(ctx context.Context, r *Run, path string) error) measure.Turn {
		return func(ctx context.Context) error {
			return r.in(func(dir string) error {
				path := filepath.Join(dir, "log.db")
				if err := copyFile(filled, path); err != nil {
					return err
				}
				return turn(ctx, r, path)
			})
		}
	}
	err = measure.Rounds(ctx, r.Scale.Rounds, p.turn(r.Scale.Turn/2), inCopy(c.rest), inCopy(c.work))
	if err != nil {
		return err
	}
	dims := report.Dims{"log": "sqlite", "codec": putCodec.Name(), "events": c.events, "live": c.live, "callers": upkeepCallers}
	r.add(upkeep("compaction", dims, "events/s", c.quiet, c.during, c.ms, p)...)
	return nil
}

// rest appends to a log that is not compacted.
func (c *compaction) rest(ctx context.Context, r *Run, path string) (err error) {
	log, err := sqlitelog.Open(ctx, path, config(never, sqlitelog.Options{}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	load, err := measure.For(ctx, upkeepCallers, r.Scale.Turn, c.appendTo(log))
	c.quiet = append(c.quiet, load)
	return err
}

// work appends to a log whose upkeep begins with that.
func (c *compaction) work(ctx context.Context, _ *Run, path string) (err error) {
	compacted := make(listener, 1)
	file := sqlitelog.Options{Logger: slog.New(compacted)}
	log, err := sqlitelog.Open(ctx, path, config(c.events, file))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	seconds := 0.0
	load, err := measure.While(ctx, upkeepCallers, c.appendTo(log), func(ctx context.Context) (err error) {
		seconds, err = measure.Seconds(func() error { return compacted.wait(ctx) })
		return err
	})
	c.during, c.ms = append(c.during, load), append(c.ms, 1000*seconds)
	return err
}

func (c *compaction) appendTo(log *sqlitelog.Log[put]) measure.Operation {
	return func(ctx context.Context, n int64) error { return log.Notify(ctx, []put{c.at(int(n))}) }
}

// listener is a logger's handler that hears of the end of a compaction, whose
// error it hands over.
type listener chan error

func (l listener) wait(ctx context.Context) error {
	select {
	case err := <-l:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l listener) Handle(_ context.Context, r slog.Record) error {
	var outcome error
	switch r.Message {
	case "edfsm: compacted":
	case "edfsm: compaction failed":
		outcome = errors.New(r.Message)
		r.Attrs(func(a slog.Attr) bool {
			if err, ok := a.Value.Any().(error); ok {
				outcome = err
			}
			return true
		})
	default:
		return nil
	}
	select {
	case l <- outcome:
	default: // of a further one
	}
	return nil
}

func (l listener) Enabled(context.Context, slog.Level) bool { return true }
func (l listener) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l listener) WithGroup(string) slog.Handler            { return l }
