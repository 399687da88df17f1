package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
)

// Send hands a command to the machine and returns when it is accepted, that
// is, when it has a place in the mailbox; it waits while the mailbox is full.
// What becomes of the command is not told: a rejection goes to Config.Logger.
// An accepted command is carried out unless the machine ends first by anything
// but Close. The errors are [ErrStopped] and ctx's.
func (m *Machine[S, C, E]) Send(ctx context.Context, cmd C) error {
	return m.inbox.put(ctx, input[S, C, E]{kind: command, cmd: cmd})
}

// Do hands a command to the machine and waits for its outcome. Without an
// error the events of the command are durable; [Unchanged] means that none
// followed. The errors:
//
//   - [ErrRejected], and the error of Decide behind it: nothing was logged.
//   - [ErrLog], and the log's own error behind it: the events are in the log
//     only if that error says that they may be. The machine has ended.
//   - [ErrStopped]: the machine ended before it came to the command.
//   - ctx's error alone: the command was cancelled while it waited in the
//     mailbox, and is not carried out.
//   - ctx's error with [ErrUnknown]: the command was in hand and goes on; what
//     became of it, only the state tells.
//
// Do deadlocks when called by an adapter or by the FSM of the same machine.
func (m *Machine[S, C, E]) Do(ctx context.Context, cmd C) (Change, error) {
	return m.inbox.ask(ctx, input[S, C, E]{kind: command, cmd: cmd})
}

// Apply is [Machine.Do] for events that stand for themselves, such as those of
// another machine. The events of one call are logged together or not at all,
// and those that change nothing are not logged.
func (m *Machine[S, C, E]) Apply(ctx context.Context, events ...E) (Change, error) {
	return m.inbox.ask(ctx, input[S, C, E]{kind: apply, events: slices.Clone(events)})
}

// Notify is [Machine.Send] for events: the machine is an Adapter[E]. The
// events of one call are logged together or not at all.
func (m *Machine[S, C, E]) Notify(ctx context.Context, events []E) error {
	if len(events) == 0 {
		return nil
	}
	return m.inbox.put(ctx, input[S, C, E]{kind: apply, events: slices.Clone(events)})
}

// Commands returns an adapter that sends each item to the machine as a
// command. An error says how many of the call's commands were accepted.
func (m *Machine[S, C, E]) Commands() Adapter[C] {
	return Func(func(ctx context.Context, cmds []C) error {
		for i, cmd := range cmds {
			if err := m.Send(ctx, cmd); err != nil {
				return fmt.Errorf("%w (%d of %d commands accepted)", err, i, len(cmds))
			}
		}
		return nil
	})
}

// View calls f with the state and returns what f makes of it. It takes its
// turn in the mailbox, so it sees the effect of what its caller sent before,
// and all that it sees is durable. f must keep and return nothing that points
// into the state, and change nothing; the machine waits for it.
//
// Before Run, View waits. After the end of Run it gives the last committed
// state, or [ErrStopped] if the log failed or the FSM panicked: then only the
// log knows. It deadlocks like [Machine.Do] when called from within.
func View[S, C, E, R any](ctx context.Context, m *Machine[S, C, E], f func(S) R) (R, error) {
	var r R
	_, err := m.inbox.ask(ctx, input[S, C, E]{kind: view, view: func(s S) { r = f(s) }})
	if err != nil {
		var zero R
		return zero, err
	}
	return r, nil
}

type kind uint8

const (
	command kind = iota
	apply
	view
)

// input is one place in the mailbox.
type input[S, C, E any] struct {
	kind   kind
	cmd    C
	events []E
	view   func(S)
	caller *caller // nil: nobody waits
}

// claim reports whether the input is still wanted; then it can no longer be
// cancelled.
func (in *input[S, C, E]) claim() bool {
	return in.caller == nil || in.caller.state.CompareAndSwap(waiting, claimed)
}

const (
	waiting uint32 = iota
	claimed
	cancelled
)

// caller is somebody who waits for the outcome of an input.
type caller struct {
	state  atomic.Uint32
	answer chan outcome // holds one, so that answering never blocks
}

type outcome struct {
	change Change
	err    error
}

var callers = sync.Pool{New: func() any { return &caller{answer: make(chan outcome, 1)} }}

// inbox is the mailbox and the part of a machine that its callers touch.
type inbox[S, C, E any] struct {
	queue   chan input[S, C, E]
	closing chan struct{} // closed first: blocked senders leave
	ended   chan struct{} // closed last: last and lastErr are set

	mu     sync.RWMutex // held for reading by senders, for writing to close queue
	closed bool
	once   sync.Once

	last    S
	lastErr error
}

func newInbox[S, C, E any](size int) *inbox[S, C, E] {
	return &inbox[S, C, E]{
		queue:   make(chan input[S, C, E], size),
		closing: make(chan struct{}),
		ended:   make(chan struct{}),
	}
}

// put returns when the input is in the queue.
func (b *inbox[S, C, E]) put(ctx context.Context, in input[S, C, E]) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return ErrStopped
	}
	select {
	case b.queue <- in:
		return nil
	default:
	}
	select {
	case b.queue <- in:
		return nil
	case <-b.closing:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ask returns when the outcome of the input is known.
func (b *inbox[S, C, E]) ask(ctx context.Context, in input[S, C, E]) (Change, error) {
	c := callers.Get().(*caller)
	in.caller = c
	if err := b.put(ctx, in); err != nil {
		callers.Put(c)
		if in.kind == view && errors.Is(err, ErrStopped) {
			return Unchanged, b.viewLast(ctx, in.view)
		}
		return Unchanged, err
	}
	select {
	case o := <-c.answer:
		return c.done(o)
	case <-ctx.Done():
	}
	if c.state.CompareAndSwap(waiting, cancelled) {
		return Unchanged, ctx.Err() // the loop still holds c, so it is not used again
	}
	if in.kind == view { // f is running: it must not outlive the call
		return c.done(<-c.answer)
	}
	select {
	case o := <-c.answer:
		return c.done(o)
	default:
		return Unchanged, fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
	}
}

func (c *caller) done(o outcome) (Change, error) {
	c.state.Store(waiting)
	callers.Put(c)
	return o.change, o.err
}

func (b *inbox[S, C, E]) viewLast(ctx context.Context, f func(S)) error {
	select {
	case <-b.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	if b.lastErr != nil {
		return b.lastErr
	}
	f(b.last)
	return nil
}

// next waits for an input. It returns io.EOF when the inbox is closed and
// empty, and ctx's cause when ctx ends, even if inputs are waiting.
func (b *inbox[S, C, E]) next(ctx context.Context) (in input[S, C, E], err error) {
	if ctx.Err() != nil {
		return in, context.Cause(ctx)
	}
	select {
	case in, ok := <-b.queue:
		if !ok {
			return in, io.EOF
		}
		return in, nil
	case <-ctx.Done():
		return in, context.Cause(ctx)
	}
}

// poll takes an input if one is waiting.
func (b *inbox[S, C, E]) poll() (in input[S, C, E], ok bool) {
	select {
	case in, ok = <-b.queue:
		return in, ok
	default:
		return in, false
	}
}

// close refuses further inputs; those accepted stay in the queue.
func (b *inbox[S, C, E]) close() {
	b.once.Do(func() {
		close(b.closing)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.closed = true
		close(b.queue)
	})
}

// end answers whoever still waits. A view is answered from the last state,
// unless err says that there is none.
func (b *inbox[S, C, E]) end(last S, err error) {
	b.close()
	b.last, b.lastErr = last, err
	close(b.ended)
	for in := range b.queue {
		if in.caller == nil || !in.claim() {
			continue
		}
		o := outcome{err: ErrStopped}
		if in.kind == view && err == nil {
			in.view(last)
			o.err = nil
		}
		in.caller.answer <- o
	}
}
