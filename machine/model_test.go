package machine

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

func init() { // unless the command line says otherwise
	if err := flag.Set("rapid.checks", "1000"); err != nil {
		panic(err)
	}
}

// TestModel drives machines, one after the other on the same log, with
// clients that come and leave, stages that hold and fail, closes,
// cancellations and panics. After each action everything that moves comes to
// rest, and what the world sees is compared with the model: the FSM folded
// over the inputs in the order in which the machine came to them.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			w := &world{disk: new(disk), inputs: make(map[int]modelInput)}
			w.begin(t)
			t.Repeat(map[string]func(*rapid.T){
				"clients": w.clientsCome,
				"disturb": w.disturb,
				"release": w.release,
				"go on":   w.goOn,
				"":        w.check,
			})
			w.finish(t)
		})
	})
}

// world is one life of a machine, the disk that outlasts it and what happened.
type world struct {
	disk   *disk
	inputs map[int]modelInput // of all lives, by number

	*rig
	start    []entry // the disk at the beginning of this life
	came     []int   // the inputs the FSM came to, in order
	clients  []*client
	closed   bool
	canceled bool
	faults   []error  // that may end this life
	problems []string // found by goroutines of the machine
}

// modelInput is the events given, or the order.
type modelInput struct {
	order   order
	entries []entry
	isOrder bool
}

var errCause = errors.New("cause of the cancellation")

// begin starts a life; Run is left to goOn.
func (w *world) begin(t *rapid.T) {
	w.start, w.came, w.clients = w.disk.entries(), nil, nil
	w.closed, w.canceled, w.faults = false, false, nil
	w.disk.batches = nil
	old := make(map[int]bool)
	for _, e := range w.start {
		old[e.ID] = true
	}
	fsm := account{seen: func(id int) {
		if !old[id] && !slices.Contains(w.came, id) {
			w.came = append(w.came, id)
		}
	}}
	cfg := Config[balance, entry, string]{
		Mailbox:  rapid.IntRange(1, 4).Draw(t, "mailbox"),
		MaxBatch: rapid.IntRange(1, 4).Draw(t, "maxBatch"),
	}
	if rapid.Bool().Draw(t, "snapshots") {
		cfg.Snapshot = Snapshot[balance]{
			Codec:   jsonCodec{},
			Version: rapid.IntRange(1, 2).Draw(t, "version"),
			Every:   rapid.IntRange(1, 3).Draw(t, "every"),
		}
	}
	w.rig = newRig(t, w.disk, fsm, cfg)
}

// client is a goroutine that makes its calls one after the other.
type client struct {
	cancel context.CancelFunc
	calls  []*modelCall
}

type modelCall struct {
	kind string
	ids  []int
	call
}

func (c *client) busy() bool {
	return slices.ContainsFunc(c.calls, func(c *modelCall) bool { return !c.returned })
}

// clientsCome starts up to three clients at once.
func (w *world) clientsCome(t *rapid.T) {
	old := len(w.clients)
	for range rapid.IntRange(1, 3).Draw(t, "clients") {
		c := new(client)
		for range rapid.IntRange(1, 3).Draw(t, "calls") {
			c.calls = append(c.calls, w.newCall(t))
		}
		w.clients = append(w.clients, c)
	}
	for _, c := range w.clients[old:] {
		ctx, cancel := context.WithCancel(context.Background())
		c.cancel = cancel
		go func() {
			for i, mc := range c.calls {
				mc.change, mc.err = w.make(ctx, mc, c.calls[:i])
				mc.returned = true
			}
		}()
	}
	synctest.Wait()
}

func (w *world) newCall(t *rapid.T) *modelCall {
	mc := &modelCall{kind: rapid.SampledFrom([]string{"send", "do", "do", "apply", "notify", "commands", "view"}).Draw(t, "kind")}
	n := 1
	switch mc.kind {
	case "view":
		n = 0
	case "commands":
		n = rapid.IntRange(1, 3).Draw(t, "n")
	}
	for range n {
		id := len(w.inputs) + 1
		mc.ids = append(mc.ids, id)
		if mc.kind == "apply" || mc.kind == "notify" {
			w.inputs[id] = modelInput{entries: drawEntries(t, id)}
		} else {
			w.inputs[id] = modelInput{order: drawOrder(t, id), isOrder: true}
		}
	}
	return mc
}

var booms = rapid.SampledFrom([]string{"", "", "", "", "", "", "", "", "", "", "", "", "decide", "evolve", "react", "exit"})

func drawOrder(t *rapid.T, id int) order {
	o := order{ID: id, Verb: rapid.SampledFrom([]string{"add", "add", "add", "spend", "spend", "ask", "close"}).Draw(t, "verb")}
	switch o.Verb {
	case "close":
		if rapid.IntRange(0, 2).Draw(t, "really") > 0 {
			o.Verb = "ask"
		}
	case "add", "spend":
		o.Amounts = rapid.SliceOfN(rapid.IntRange(0, 3), 0, 3).Draw(t, "amounts")
		o.Boom = booms.Draw(t, "boom")
	}
	return o
}

func drawEntries(t *rapid.T, id int) (entries []entry) {
	for _, n := range rapid.SliceOfN(rapid.IntRange(0, 3), 1, 3).Draw(t, "amounts") {
		entries = append(entries, entry{ID: id, Amount: n})
	}
	return entries
}

// make makes a call after those its client made before.
func (w *world) make(ctx context.Context, mc *modelCall, before []*modelCall) (Change, error) {
	r := w.rig
	var orders []order
	for _, id := range mc.ids {
		orders = append(orders, w.inputs[id].order)
	}
	switch mc.kind {
	case "send":
		return 0, r.Send(ctx, orders[0])
	case "do":
		return r.Do(ctx, orders[0])
	case "apply":
		return r.Apply(ctx, w.inputs[mc.ids[0]].entries...)
	case "notify":
		return 0, r.Notify(ctx, w.inputs[mc.ids[0]].entries)
	case "commands":
		return 0, r.Commands().Notify(ctx, orders)
	}
	_, err := View(ctx, r.Machine, func(b balance) bool { w.look(b, before); return true })
	return 0, err
}

// look is called by View, while the machine stands still.
func (w *world) look(b balance, before []*modelCall) {
	if want := fold(w.disk.entries()); b != want {
		w.problems = append(w.problems, fmt.Sprintf("View sees %+v while the log makes %+v", b, want))
	}
	select {
	case <-w.inbox.ended:
		return // what was accepted may have been dropped
	default:
	}
	for _, mc := range before {
		for _, id := range mc.ids {
			if mc.err == nil && !slices.Contains(w.came, id) {
				w.problems = append(w.problems, fmt.Sprintf("View comes before input %d, which was sent before it", id))
			}
		}
	}
}

// disturb holds or fails a stage, or takes something away from the machine.
func (w *world) disturb(t *rapid.T) {
	stage := rapid.SampledFrom(w.stages()).Draw(t, "stage")
	switch rapid.SampledFrom([]string{"hold", "hold", "hold", "leave", "leave", "fail", "fail", "close", "cancel"}).Draw(t, "how") {
	case "hold":
		stage.hold()
	case "leave":
		busy := slices.DeleteFunc(slices.Clone(w.clients), func(c *client) bool { return !c.busy() })
		if len(busy) == 0 {
			t.SkipNow()
		}
		rapid.SampledFrom(busy).Draw(t, "client").cancel()
	case "fail":
		faults := []error{errFault, errPanic}
		if stage == &w.disk.write {
			faults = append(faults, errUncertain, errLatePanic)
		}
		stage.fault = rapid.SampledFrom(faults).Draw(t, "fault")
		w.faults = append(w.faults, stage.fault)
	case "close":
		w.Close()
		w.closed = true
	case "cancel":
		w.cancel(errCause)
		w.canceled = true
	}
	synctest.Wait()
}

func (w *world) release(t *rapid.T) {
	held := slices.DeleteFunc(w.stages(), func(s *stage) bool { return s.gate == nil })
	if len(held) == 0 {
		t.SkipNow()
	}
	rapid.SampledFrom(held).Draw(t, "stage").release()
}

// goOn calls Run, or starts the next life once Run has ended.
func (w *world) goOn(t *rapid.T) {
	switch {
	case !w.ran:
		w.rig.start()
	case w.ended:
		for _, s := range w.stages() {
			s.release()
			s.fault = nil
		}
		if fold(w.disk.entries()).Closed { // there is nothing more to see
			w.disk = new(disk)
		}
		w.begin(t)
	default:
		t.SkipNow()
	}
}

// finish lets the machine carry out what it accepted, and begins once more.
func (w *world) finish(t *rapid.T) {
	for _, s := range w.stages() {
		s.release()
		s.fault = nil
	}
	w.rig.start()
	w.Close()
	w.closed = true
	synctest.Wait()
	w.check(t)
	w.begin(t)
	w.rig.start()
	w.check(t)
}

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
