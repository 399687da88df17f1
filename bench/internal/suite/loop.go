package suite

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/edfsm/edfsm/bench/internal/measure"
	"github.com/edfsm/edfsm/bench/internal/report"
	"github.com/edfsm/edfsm/machine"
)

// loops compares a machine without a log with a loop by hand, for callers that
// wait for the outcome and for such that do not.
func (r *Run) loops(ctx context.Context) error {
	for _, call := range []string{"send", "do"} {
		for _, callers := range []int{1, 64} {
			r.say("machine: without a log, %s by %d", call, callers)
			var ours, byHand, allocs measure.Series
			err := measure.Rounds(ctx, r.Scale.Rounds,
				func(ctx context.Context) error {
					t, err := r.commands(ctx, newMachineLoop(ctx), call, callers)
					ours, allocs = append(ours, t.ns), append(allocs, t.allocs)
					return err
				},
				func(ctx context.Context) error {
					t, err := r.commands(ctx, newHandLoop(), call, callers)
					byHand = append(byHand, t.ns)
					return err
				})
			if err != nil {
				return err
			}
			dims := report.Dims{"log": "none", "call": call, "callers": callers}
			r.add(report.Compared("machine", dims, "ns", ours, "raw", byHand), report.Figure("machine", dims, "allocs", allocs))
		}
	}
	return nil
}

// loop takes numbers and adds them up.
type loop struct {
	send, do func(n int) error
	end      func() (sum int, err error) // after all else
}

// perCommand is what a command costs.
type perCommand struct{ ns, allocs float64 }

// commands gives numbers to a loop.
func (r *Run) commands(ctx context.Context, l loop, call string, callers int) (t perCommand, err error) {
	give := l.send
	if call == "do" {
		give = l.do
	}
	each := max(1, r.Scale.Events/10/callers)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begun := time.Now()
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for n := 0; n < each && errs[c] == nil; n++ {
				errs[c] = give(1)
			}
		})
	}
	wg.Wait()
	sum, err := l.end()
	took := time.Since(begun)
	runtime.ReadMemStats(&after)
	all := float64(each * callers)
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case err == nil && sum != each*callers:
		err = fmt.Errorf("%d of %v commands were carried out", sum, all)
	}
	return perCommand{float64(took.Nanoseconds()) / all, float64(after.Mallocs-before.Mallocs) / all}, err
}

// adder is about the least that an FSM can be.
type adder struct{}

func (adder) Decide(_, n int, _ func(int)) ([]int, error) { return []int{n}, nil }

func (adder) Evolve(sum *int, n int) machine.Change { *sum += n; return machine.Updated }

func (adder) React(int, int, machine.Change, func(int)) {}

func newMachineLoop(ctx context.Context) loop {
	m := machine.New(adder{}, machine.Config[int, int, int]{})
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	return loop{
		send: func(n int) error { return m.Send(ctx, n) },
		do: func(n int) error {
			_, err := m.Do(ctx, n)
			return err
		},
		end: func() (int, error) {
			m.Close()
			if err := <-ended; err != nil {
				return 0, err
			}
			return machine.View(ctx, m, func(sum int) int { return sum })
		},
	}
}

// newHandLoop is what programs have without a machine: a channel for a mailbox,
// a switch and a slice of events. It knows no batches and no failures, and
// nobody can leave.
func newHandLoop() loop {
	type command struct {
		verb   string
		n      int
		answer chan error
	}
	mailbox, ended := make(chan command, 256), make(chan int)
	go func() {
		sum := 0
		for c := range mailbox {
			var events []int
			switch c.verb {
			case "add":
				events = append(events, c.n)
			}
			for _, n := range events {
				sum += n
			}
			if c.answer != nil {
				c.answer <- nil
			}
		}
		ended <- sum
	}()
	return loop{
		send: func(n int) error {
			mailbox <- command{verb: "add", n: n}
			return nil
		},
		do: func(n int) error {
			answer := make(chan error, 1)
			mailbox <- command{"add", n, answer}
			return <-answer
		},
		end: func() (int, error) {
			close(mailbox)
			return <-ended, nil
		},
	}
}
