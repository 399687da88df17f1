package machine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"pgregory.net/rapid"
)

// modelStep is what the model makes of one input.
type modelStep struct {
	id      int
	entries []entry
	outputs []string
	outcome outcome

	released int // outputs of this life, up to this step
}

// model folds the FSM over the inputs that the machine came to. It stops at
// one on which the FSM panics.
func (w *world) model() (steps []modelStep) {
	defer func() {
		if raised := recover(); raised != nil && raised != any(errBoom) {
			panic(raised)
		}
	}()
	b, released := fold(w.start), len(w.opening())
	for _, id := range w.came {
		in, s := w.inputs[id], modelStep{id: id}
		if b.Closed {
			panic(fmt.Sprintf("input %d was stepped in a terminal state", id))
		}
		if in.order.Boom == "exit" {
			return steps
		}
		emit := func(o string) { s.outputs = append(s.outputs, o) }
		entries := in.entries
		if in.isOrder {
			entries, s.outcome.err = account{}.Decide(b, in.order, emit)
		}
		if s.outcome.err != nil {
			entries, s.outputs = nil, nil
		}
		for _, e := range entries {
			if c := (account{}).Evolve(&b, e); c != Unchanged {
				s.entries = append(s.entries, e)
				s.outcome.change = max(s.outcome.change, c)
				account{}.React(b, e, c, emit)
			}
		}
		released += len(s.outputs)
		s.released = released
		steps = append(steps, s)
	}
	return steps
}

// check compares the world with the model. It is called when all is at rest.
func (w *world) check(t *rapid.T) {
	for _, problem := range w.problems {
		t.Error(problem)
	}
	steps := w.model()
	durable := w.checkLog(t, steps)
	w.checkAdapters(t, steps[:durable])
	for _, c := range w.clients {
		for _, mc := range c.calls {
			if mc.returned {
				w.checkAnswer(t, mc, steps, durable)
			}
		}
	}
	held := slices.ContainsFunc(w.stages(), func(s *stage) bool { return s.held })
	if w.ended {
		w.checkEnd(t, steps)
	}
	if w.ended || w.ran && !held {
		w.checkNobodyWaits(t)
	}
	if w.ran && !w.ended && !held {
		w.checkIdle(t, steps, durable)
	}
}

// checkLog returns the number of steps whose events are in the log. There are
// no others in it, and each batch ends with an input.
func (w *world) checkLog(t *rapid.T, steps []modelStep) (durable int) {
	logged := w.disk.entries()[len(w.start):]
	var want []entry
	ends := map[int]bool{len(w.start): true}
	for _, s := range steps {
		want = append(want, s.entries...)
		ends[len(w.start)+len(want)] = true
		if len(want) <= len(logged) {
			durable++
		}
	}
	if len(logged) > len(want) || !slices.Equal(logged, want[:len(logged)]) {
		t.Fatalf("the log has %v, the model %v", logged, want)
	}
	for _, n := range w.disk.batches {
		if !ends[n] {
			t.Fatalf("the batches %v split an input: the log has %v", w.disk.batches, w.disk.entries())
		}
	}
	return durable
}

// checkAdapters: nothing is announced that is not durable, or out of order, or
// before the observers of events were told.
func (w *world) checkAdapters(t *rapid.T, durable []modelStep) {
	logged := w.disk.entries()[len(w.start):]
	if len(w.observed) > len(logged) || !slices.Equal(w.observed, logged[:len(w.observed)]) {
		t.Fatalf("observed %v, the log has %v", w.observed, logged)
	}
	outputs, observed := w.opening(), 0
	for _, s := range durable {
		if len(s.outputs) > 0 && len(outputs) < len(w.released) { // one of them was released
			observed += len(s.entries)
		}
		outputs = append(outputs, s.outputs...)
	}
	if len(w.released) > len(outputs) || !slices.Equal(w.released, outputs[:len(w.released)]) {
		t.Fatalf("released %q, the durable inputs emit %q", w.released, outputs)
	}
	if len(w.observed) < observed {
		t.Fatalf("outputs were released before the events %v were observed", logged[len(w.observed):observed])
	}
}

func (w *world) opening() []string {
	b := fold(w.start)
	if b.Closed {
		return nil
	}
	return []string{fmt.Sprintf("open with %d", b.Sum)}
}

// checkAnswer compares what a caller was told with what is in the log.
func (w *world) checkAnswer(t *rapid.T, mc *modelCall, steps []modelStep, durable int) {
	stopped, left := errors.Is(mc.err, ErrStopped), errors.Is(mc.err, context.Canceled)
	for i, id := range mc.ids {
		at := slices.IndexFunc(steps, func(s modelStep) bool { return s.id == id })
		onDisk := slices.ContainsFunc(w.disk.entries(), func(e entry) bool { return e.ID == id })
		came := slices.Contains(w.came, id)
		waits := mc.kind == "do" || mc.kind == "apply"
		wrong := false
		switch {
		case !waits && mc.err == nil: // accepted, and carried out unless the machine was stopped
			drained := w.returned && w.err == nil && !fold(w.disk.entries()).Closed
			wrong = drained && !came
		case !waits: // of several commands the last was not accepted
			wrong = !stopped && !left || came && i == len(mc.ids)-1
		case mc.err == nil || errors.Is(mc.err, ErrRejected):
			wrong = at < 0 || at >= durable || !w.ended && len(w.released) < steps[at].released || mc.change != steps[at].outcome.change || errors.Is(mc.err, errShort) != (steps[at].outcome.err != nil)
		case errors.Is(mc.err, ErrLog):
			uncertain := errors.Is(mc.err, errUncertain)
			wrong = at < 0 || uncertain && at >= durable || !uncertain && onDisk || !uncertain && !errors.Is(mc.err, errFault)
		case errors.Is(mc.err, ErrUnknown):
			wrong = !came
		case stopped:
			wrong = onDisk
		case left:
			wrong = came
		default:
			wrong = true
		}
		if wrong {
			t.Fatalf("%s of %+v was told %v, %v; came %v, on disk %v, steps %+v of which %d durable",
				mc.kind, w.inputs[id], mc.change, mc.err, came, onDisk, steps, durable)
		}
	}
}

// checkEnd: Run ended for a reason, and the last state is to be seen, unless
// only the log knows it.
func (w *world) checkEnd(t *rapid.T, steps []modelStep) {
	now := fold(w.disk.entries())
	boomed := len(steps) < len(w.came)
	ok := false
	switch {
	case w.raised == any(errBoom):
		ok = boomed
	case w.raised != nil:
		ok = slices.ContainsFunc(w.faults, func(err error) bool { return w.raised == any(err) })
	case !w.returned:
		ok = boomed
	case w.err == nil:
		ok = w.closed || now.Closed
	case w.err == errCause:
		ok = w.canceled
	default:
		ok = slices.ContainsFunc(w.faults, func(err error) bool { return errors.Is(w.err, err) })
	}
	if !ok {
		t.Fatalf("Run ended with %v, panic %v", w.err, w.raised)
	}
	var seen balance
	v := w.rig.view(&seen)
	if !v.returned || v.err == nil && seen != now || v.err != nil && (v.err != ErrStopped || w.returned && w.err == nil) {
		t.Fatalf("after Run ended with %v, View: %v, %+v, %v; the log makes %+v", w.err, v.returned, seen, v.err, now)
	}
}

func (w *world) checkNobodyWaits(t *rapid.T) {
	for _, c := range w.clients {
		if c.busy() {
			t.Fatalf("a client waits for ever: %+v", c.calls)
		}
	}
}

// checkIdle: the machine has done all that it was given.
func (w *world) checkIdle(t *rapid.T, steps []modelStep, durable int) {
	outputs, last := w.opening(), fold(w.start)
	for _, s := range steps {
		outputs = append(outputs, s.outputs...)
		for _, e := range s.entries {
			account{}.Evolve(&last, e)
		}
	}
	if durable < len(steps) || len(w.observed) != len(w.disk.entries())-len(w.start) || len(w.released) != len(outputs) {
		t.Fatalf("idle, with %d of %d steps durable, %d events observed, %q released of %q",
			durable, len(steps), len(w.observed), w.released, outputs)
	}
	var seen balance
	if v := w.rig.view(&seen); !v.returned || v.err != nil || seen != last {
		t.Fatalf("View: %v, %+v, %v; the model has %+v", v.returned, seen, v.err, last)
	}
}
