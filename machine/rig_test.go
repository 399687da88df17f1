package machine

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
)

// stage is a place on the way of a batch where a test holds the machine, or
// makes it fail once. In a bubble the two never touch it at the same time.
type stage struct {
	name  string
	gate  chan struct{} // nil: open
	held  bool          // the machine waits at the gate
	fault error
}

var (
	errFault     = errors.New("out of order")
	errUncertain = errors.New("uncertain")        // the log keeps the batch all the same
	errPanic     = errors.New("panic")            // raised, not returned
	errLatePanic = errors.New("panic, but later") // after the log has kept the batch
)

func (s *stage) String() string { return s.name }

// pass returns when the stage is not held, or with ctx's error.
func (s *stage) pass(ctx context.Context) error {
	if s.gate != nil {
		s.held = true
		defer func() { s.held = false }()
		select {
		case <-s.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	fault := s.fault
	s.fault = nil
	if fault == errPanic {
		panic(fault)
	}
	return fault
}

func (s *stage) hold() {
	if s.gate == nil {
		s.gate = make(chan struct{})
	}
}

// release lets the machine go on until everything is blocked again.
func (s *stage) release() {
	if gate := s.gate; gate != nil {
		s.gate = nil
		close(gate)
		synctest.Wait()
	}
}

// disk is a log in the hands of a test.
type disk struct {
	Memory[entry]
	read, write, save, load stage
	batches                 []int           // the length of the log after each batch
	gone                    bool            // the oldest events are lost
	ctx                     context.Context // of the last batch
}

func (d *disk) Notify(ctx context.Context, events []entry) error {
	d.ctx = ctx
	fault := d.write.pass(ctx)
	if fault != nil && fault != errUncertain && fault != errLatePanic {
		return fault
	}
	if err := d.Memory.Notify(ctx, events); err != nil {
		return err
	}
	d.batches = append(d.batches, len(d.entries()))
	if fault == errLatePanic {
		panic(fault)
	}
	return fault
}

func (d *disk) Feed(ctx context.Context) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		if d.gone {
			yield(entry{}, errors.New("the oldest events are gone"))
			return
		}
		if err := d.read.pass(ctx); err != nil {
			yield(entry{}, err)
			return
		}
		d.Memory.Feed(ctx)(yield)
	}
}

func (d *disk) SaveSnapshot(ctx context.Context, id string, data []byte) error {
	if err := d.save.pass(ctx); err != nil {
		return err
	}
	return d.Memory.SaveSnapshot(ctx, id, data)
}

func (d *disk) LoadSnapshot(ctx context.Context, id string) ([]byte, iter.Seq2[entry, error], error) {
	if err := d.load.pass(ctx); err != nil {
		return nil, nil, err
	}
	return d.Memory.LoadSnapshot(ctx, id)
}

// entries is what the disk holds.
func (d *disk) entries() []entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.events)
}

// rig is a machine with all that it is wired to in the hands of a test, which
// runs in a synctest bubble.
type rig struct {
	*Machine[balance, order, entry]
	disk            *disk
	events, outputs stage

	observed []entry  // what the observer of events was told
	released []string // what the taker of outputs was given

	ctx    context.Context // of Run
	cancel context.CancelCauseFunc
	ran    bool

	ended    bool // Run has returned, or was unwound
	returned bool
	err      error
	raised   any // the panic that unwound it, or nil if Goexit did
}

// newRig wires a machine to d. cfg gives the sizes.
func newRig(t interface{ Cleanup(func()) }, d *disk, fsm FSM[balance, order, entry, string], cfg Config[balance, entry, string]) *rig {
	r := &rig{disk: d}
	for i, s := range r.stages() {
		s.name = []string{"read", "write", "save", "load", "events", "outputs"}[i]
	}
	r.ctx, r.cancel = context.WithCancelCause(context.Background())
	cfg.Log = d
	cfg.Events = Func(func(ctx context.Context, entries []entry) error {
		if err := r.events.pass(ctx); err != nil {
			return err
		}
		r.observed = append(r.observed, entries...)
		return nil
	})
	cfg.Outputs = Func(func(ctx context.Context, outputs []string) error {
		if err := r.outputs.pass(ctx); err != nil {
			return err
		}
		r.released = append(r.released, outputs...)
		return nil
	})
	r.Machine = New(fsm, cfg)
	t.Cleanup(func() { // also when a test gave up half way
		for _, s := range r.stages() {
			s.release()
		}
		r.start()
		r.cancel(nil)
		synctest.Wait()
	})
	return r
}

func (r *rig) stages() []*stage {
	return []*stage{&r.disk.read, &r.disk.write, &r.disk.save, &r.disk.load, &r.events, &r.outputs}
}

// start runs the machine, unless that was done.
func (r *rig) start() {
	if r.ran {
		return
	}
	r.ran = true
	go func() {
		defer func() {
			r.raised = recover()
			r.ended = true
		}()
		r.err = r.Run(r.ctx)
		r.returned = true
	}()
	synctest.Wait()
}

// call is a method of a machine called in a goroutine of its own.
type call struct {
	cancel   context.CancelFunc
	returned bool
	change   Change
	err      error
}

// in calls f and waits until it has returned or everything is blocked.
func in(f func(ctx context.Context) (Change, error)) *call {
	c := new(call)
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	go func() {
		c.change, c.err = f(ctx)
		c.returned = true
	}()
	synctest.Wait()
	return c
}

// leave ends the context of the call.
func (c *call) leave() {
	c.cancel()
	synctest.Wait()
}

func (r *rig) send(o order) *call {
	return in(func(ctx context.Context) (Change, error) { return 0, r.Send(ctx, o) })
}

func (r *rig) do(o order) *call {
	return in(func(ctx context.Context) (Change, error) { return r.Do(ctx, o) })
}

func (r *rig) view(got *balance) *call {
	return in(func(ctx context.Context) (Change, error) {
		b, err := View(ctx, r.Machine, func(b balance) balance { return b })
		*got = b
		return 0, err
	})
}

// want fails the test unless the call has returned with this outcome.
func (c *call) want(t testing.TB, want outcome) {
	t.Helper()
	if !c.returned {
		t.Fatal("the call has not returned")
	}
	if c.change != want.change || !errors.Is(c.err, want.err) {
		t.Errorf("got %v, %v; want %v, %v", c.change, c.err, want.change, want.err)
	}
}

// wantEnded fails the test unless Run has returned err, or raised a panic.
func (r *rig) wantEnded(t testing.TB, err error, raised any) {
	t.Helper()
	if !r.ended {
		t.Fatal("Run goes on")
	}
	if !errors.Is(r.err, err) || r.raised != raised {
		t.Errorf("Run: %v, panic %v; want %v, panic %v", r.err, r.raised, err, raised)
	}
}

func (c *call) wantBlocked(t testing.TB) {
	t.Helper()
	if c.returned {
		t.Fatalf("the call has returned: %v, %v", c.change, c.err)
	}
}

// bubble runs f with a machine that has two places in its mailbox and commits
// each input on its own.
func bubble(t *testing.T, f func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(t, newRig(t, new(disk), account{}, Config[balance, entry, string]{Mailbox: 2, MaxBatch: 1}))
	})
}
