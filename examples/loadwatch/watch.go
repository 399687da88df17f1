package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edfsm/edfsm/machine"
)

// watch is one life of the machine, from its log to its end.
type watch struct {
	log     *countedLog
	machine *machine.Machine[State, Command, Event]
	console *console
	seen    atomic.Pointer[seen] // nil until the log was replayed
}

// seen is what was read, which is more than what was logged.
type seen struct {
	count int
	last  Reading
}

func newWatch(log machine.Log[Event], stdout io.Writer, console *console) *watch {
	counted := &countedLog{Log: log}
	w := &watch{log: counted, console: console}
	w.machine = machine.New(watcher{}, machine.Config[State, Event, Notice]{
		Log:     counted,
		Outputs: printer(stdout, console),
	})
	return w
}

// printer writes each notice as one line, in one call and without a buffer.
// The machine gives it only notices of events that are durable.
func printer(stdout io.Writer, console *console) machine.Adapter[Notice] {
	enc := json.NewEncoder(stdout)
	return machine.Each(func(_ context.Context, n Notice) error {
		console.clear()
		return enc.Encode(n)
	})
}

// run watches until the readings or ctx end, which is no error.
func (w *watch) run(ctx context.Context, readings iter.Seq2[Reading, error]) error {
	fed := make(chan error, 1)
	go func() { // it may be stuck in a read when ctx ends: then nobody waits for it
		fed <- w.feed(ctx, readings)
		w.machine.Close()
	}()
	var status sync.WaitGroup
	statusCtx, stop := context.WithCancel(ctx)
	status.Go(func() { w.showStatus(statusCtx) })
	err := w.machine.Run(ctx)
	stop()
	status.Wait()
	if err == nil {
		err = <-fed
	}
	if s := w.seen.Load(); s != nil {
		if state, err := w.state(context.WithoutCancel(ctx)); err == nil {
			w.console.say(fmt.Sprintf("ended: %v, %d readings", state, s.count))
		}
	}
	return unlessEnded(ctx, err)
}

// feed sends the readings to the machine, after it told where that stands.
func (w *watch) feed(ctx context.Context, readings iter.Seq2[Reading, error]) error {
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
		if err := w.machine.Send(ctx, Sample{r}); err != nil {
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
		if _, err := w.machine.Do(ctx, Acknowledge{time.Now()}); err != nil {
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

func (w *watch) state(ctx context.Context) (State, error) {
	return machine.View(ctx, w.machine, func(s State) State { return s })
}

// unlessEnded drops the error that only says that ctx has ended.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))) {
		return nil
	}
	return err
}
