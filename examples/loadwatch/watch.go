package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edfsm/edfsm/examples/loadwatch/load"
	"github.com/edfsm/edfsm/machine"
)

// watch is one life of the machine, from its log to its end.
type watch struct {
	log      *countedLog
	machine  *machine.Machine[load.State, load.Command, load.Event]
	recorder *recorder
	console  *console
	seen     atomic.Pointer[seen] // nil until the log was replayed
}

// seen is what was read, which is more than what was logged.
type seen struct {
	count int
	last  load.Reading
}

func newWatch(log machine.Log[load.Event], readings machine.Adapter[load.Reading], stdout io.Writer, console *console) *watch {
	counted := &countedLog{Log: log}
	w := &watch{log: counted, recorder: newRecorder(readings), console: console}
	w.machine = machine.New(load.Watcher{}, machine.Config[load.State, load.Event, load.Notice]{
		Log:     counted,
		Outputs: printer(stdout, console),
	})
	return w
}

// printer writes each notice as one line, in one call and without a buffer.
// The machine gives it only notices of events that are durable.
func printer(stdout io.Writer, console *console) machine.Adapter[load.Notice] {
	enc := json.NewEncoder(stdout)
	return machine.Each(func(_ context.Context, n load.Notice) error {
		console.clear()
		return enc.Encode(n)
	})
}

// run watches until the readings or ctx end, which is no error, or the machine or
// the recorder fails, and then both end.
func (w *watch) run(ctx context.Context, readings iter.Seq2[load.Reading, error]) error {
	inner, end := context.WithCancelCause(ctx)
	defer end(nil)
	recorded := make(chan error, 1)
	go func() {
		err := w.recorder.run(inner)
		if err != nil {
			end(err) // the machine would go on
		}
		recorded <- err
	}()
	fed := make(chan error, 1)
	go func() { // it may be stuck in a read when ctx ends: then nobody waits for it
		err := w.feed(inner, readings)
		w.recorder.close()
		fed <- err
		w.machine.Close()
	}()
	err := w.runMachine(inner)
	if err == nil {
		err = <-fed
	} else {
		end(err)
	}
	err = cmp.Or(<-recorded, unlessEnded(ctx, err))
	w.sayEnd(context.WithoutCancel(ctx))
	return err
}

// sayEnd is silent if the log was not replayed, or failed.
func (w *watch) sayEnd(ctx context.Context) {
	s := w.seen.Load()
	if s == nil {
		return
	}
	if state, err := w.state(ctx); err == nil {
		w.console.say(fmt.Sprintf("ended: %v, %d readings", state, s.count))
	}
}

// runMachine shows the status as long as the machine runs.
func (w *watch) runMachine(ctx context.Context) error {
	var status sync.WaitGroup
	statusCtx, stop := context.WithCancel(ctx)
	status.Go(func() { w.showStatus(statusCtx) })
	defer status.Wait()
	defer stop()
	return w.machine.Run(ctx)
}

// feed gives the readings to the machine and to the recorder, after it told
// where the machine stands.
func (w *watch) feed(ctx context.Context, readings iter.Seq2[load.Reading, error]) error {
	found, err := w.state(ctx)
	if err != nil {
		return err
	}
	w.console.say(w.log.found(found))
	w.seen.Store(&seen{})
	for r, err := range readings {
		if err != nil {
			return err
		}
		if err := w.machine.Send(ctx, load.Sample{Reading: r}); err != nil {
			return err
		}
		if err := w.recorder.add(ctx, r); err != nil {
			return err
		}
		w.seen.Store(&seen{w.seen.Load().count + 1, r})
	}
	return nil
}

// acknowledge takes each line for an acknowledgement.
func (w *watch) acknowledge(ctx context.Context, lines io.Reader) {
	in := bufio.NewScanner(lines)
	for in.Scan() {
		if _, err := w.machine.Do(ctx, load.Acknowledge{Time: time.Now()}); err != nil {
			w.console.say(fmt.Sprintf("not acknowledged: %v", err))
		}
	}
	if err := in.Err(); err != nil {
		w.console.say(fmt.Sprintf("no more acknowledgements: %v", err))
	}
}

func (w *watch) showStatus(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		s := w.seen.Load()
		if s == nil {
			continue
		}
		state, err := w.state(ctx)
		if err != nil {
			return // Run says why
		}
		w.console.status(fmt.Sprintf("%v | %d: load %.2f memory %.2f pressure %.2f",
			state, s.count, s.last.Load, s.last.Memory, s.last.Pressure))
	}
}

func (w *watch) state(ctx context.Context) (load.State, error) {
	return machine.View(ctx, w.machine, func(s load.State) load.State { return s })
}

// unlessEnded drops the error that only says that ctx has ended.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))) {
		return nil
	}
	return err
}
