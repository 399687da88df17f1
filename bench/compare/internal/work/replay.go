package work

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/edfsm/edfsm/bench/compare/internal/peer"
	"github.com/edfsm/edfsm/bench/internal/engine"
	"github.com/edfsm/edfsm/bench/internal/measure"
	"github.com/edfsm/edfsm/bench/internal/report"
	"github.com/edfsm/edfsm/bench/internal/suite"
)

// Replay lets engines hand over the same events, in turns, each compared with the
// first, and looks at how long their files are.
func Replay(ctx context.Context, r *suite.Run, engines []engine.Engine) error {
	events := r.Scale.Events / 10
	return in(r, func(dir string) (err error) {
		var all []*reader
		defer func() {
			for _, e := range all {
				err = errors.Join(err, e.log.Close())
			}
		}()
		for _, e := range engines {
			r.Progress(fmt.Sprintf("replay: filling %s with %d events", e.Name, events))
			one, err := openFilled(ctx, e, filepath.Join(dir, e.Name), events)
			if err != nil {
				return fmt.Errorf("%s: %w", e.Name, err)
			}
			all = append(all, one)
		}
		r.Progress("replay: all of them")
		var turns []measure.Turn
		for _, e := range all {
			turns = append(turns, func(context.Context) error { return e.turn(events) })
		}
		if err := measure.Rounds(ctx, r.Scale.Rounds, turns...); err != nil {
			return err
		}
		r.Results = append(r.Results, replayed(all, events)...)
		return nil
	})
}

func replayed(all []*reader, events int) (results []report.Result) {
	for _, e := range all {
		dims := report.Dims{"log": e.name, "codec": "bytes", "events": events}
		beside := dims.With("beside", "peers") // bench has replayed ours before, alone
		if e == all[0] {
			results = append(results, report.Figure("replay", beside, "events/s", e.rates))
		} else {
			results = append(results, report.Compared("replay", beside, "events/s", e.rates, all[0].name, all[0].rates))
		}
		results = append(results, report.Figure("size", dims, "B/event", measure.Series{float64(e.size) / float64(events)}))
	}
	return results
}

// reader is an engine with events in it.
type reader struct {
	name  string
	log   engine.Log
	size  int64
	rates measure.Series
}

// openFilled fills a log, closes it, and opens it again.
func openFilled(ctx context.Context, e engine.Engine, dir string, events int) (*reader, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	log, err := e.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(fill(ctx, log, events), log.Close()); err != nil {
		return nil, err
	}
	size, err := sizeOf(dir)
	if err != nil {
		return nil, err
	}
	log, err = e.Open(dir)
	return &reader{name: e.Name, log: log, size: size}, err
}

func fill(ctx context.Context, log engine.Log, events int) error {
	all := func(yield func([]byte) bool) {
		for n := range events {
			if ctx.Err() != nil || !yield(event(n)) {
				return
			}
		}
	}
	if f, ok := log.(peer.Filler); ok {
		return errors.Join(f.Fill(all), context.Cause(ctx))
	}
	return appendAll(ctx, log, all)
}

// appendAll lets many callers append: logs that have no other way to be filled
// are fast then.
func appendAll(ctx context.Context, log engine.Log, events iter.Seq[[]byte]) error {
	const callers = 1024
	queue, ended := make(chan []byte), make(chan error)
	for range callers {
		go func() {
			var err error
			for event := range queue {
				if err == nil { // otherwise the rest is drained
					err = log.Append(ctx, event)
				}
			}
			ended <- err
		}()
	}
	for event := range events {
		queue <- event
	}
	close(queue)
	err := context.Cause(ctx)
	for range callers {
		err = errors.Join(err, <-ended)
	}
	return err
}

func event(n int) []byte {
	return fmt.Appendf(nil, `{"sensor":"boiler","value":71.5,"seq":%d}`, n)
}

// turn replays all events once and looks at each: some engines hand over memory
// that nobody has read yet.
func (r *reader) turn(events int) error {
	n := 0
	seconds, err := measure.Seconds(func() error {
		return r.log.Replay(func(event []byte) error {
			if bytes.IndexByte(event, '}') > 0 {
				n++
			}
			return nil
		})
	})
	if err == nil && n != events {
		err = fmt.Errorf("there are %d of %d events", n, events)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	r.rates = append(r.rates, float64(events)/seconds)
	return nil
}

// sizeOf is the bytes of all files in a folder.
func sizeOf(dir string) (bytes int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	return bytes, err
}
