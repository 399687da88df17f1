package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/edfsm/edfsm/bench/compare/internal/findings"
	"github.com/edfsm/edfsm/bench/compare/internal/peer"
	"github.com/edfsm/edfsm/bench/compare/internal/work"
	"github.com/edfsm/edfsm/bench/internal/device"
	"github.com/edfsm/edfsm/bench/internal/engine"
	"github.com/edfsm/edfsm/bench/internal/suite"
)

// engines is all that are compared, edfsm first.
func engines() []engine.Engine {
	return append([]engine.Engine{engine.SQLite, engine.Mutex, engine.PlainFile}, peer.All()...)
}

// replayers is the engines that read files of their own. The others differ in how
// they write, or are by hand what one of these is.
func replayers() []engine.Engine {
	return slices.DeleteFunc(engines(), func(e engine.Engine) bool {
		return slices.Contains([]string{"mutex", "plainfile", "bbolt-batch", "jetstream-sync"}, e.Name)
	})
}

// compare measures in a folder of its own, which goes at the end.
func compare(ctx context.Context, o options, stderr io.Writer) (f findings.Findings, err error) {
	info, err := device.Name(o.dir)
	if err != nil {
		return f, err
	}
	info.Date, info.Quick = time.Now().Round(time.Second), o.quick
	fmt.Fprintln(stderr, info.Line())
	if err := o.scale().Usable(o.dir, info, o.force); err != nil {
		return f, err
	}
	dir, err := os.MkdirTemp(o.dir, "edfsm-compare-")
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	begun := time.Now()
	r := &suite.Run{Dir: dir, Scale: o.scale(), Progress: func(text string) {
		fmt.Fprintf(stderr, "%4.0f s  %s\n", time.Since(begun).Seconds(), text)
	}}
	f.Device, f.Engines = info, findings.Of(engines())
	if f.Device.Speed, err = r.Device(ctx); err != nil {
		return f, err
	}
	if err := measure(ctx, r, o); err != nil {
		return f, suite.Explain(ctx, o.dir, err)
	}
	f.Results = r.Results
	r.Progress("done")
	return f, nil
}

// measure is what bench measures. What peers can do too is followed by the same
// with them, in turns, except for appends, which are measured once, all together.
func measure(ctx context.Context, r *suite.Run, o options) error {
	for _, name := range suite.Names() {
		if !o.wants(name) {
			continue
		}
		if err := one(ctx, r, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func one(ctx context.Context, r *suite.Run, name string) error {
	if name == "append" {
		return r.Append(ctx, engines(), r.Scale.Callers)
	}
	if err := r.Measure(ctx, []string{name}); err != nil {
		return err
	}
	switch name {
	case "replay":
		return work.Replay(ctx, r, replayers())
	case "latest":
		return work.Latest(ctx, r)
	case "range":
		return work.Range(ctx, r)
	}
	return nil
}
