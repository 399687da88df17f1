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
