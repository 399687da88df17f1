package machine

import (
	"context"
	"errors"
	"fmt"
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
// error the events of the command are durable and adapters were given what
// followed; [Unchanged] means that there were none. The errors:
//
//   - [ErrRejected], and the error of Decide behind it: nothing was logged.
//   - [ErrLog], and the log's own error behind it: the events are in the log
//     only if that error says that they may be. The machine has ended. A
//     command rejected beside others that could not be logged gets this too.
//   - [ErrStopped]: the machine is closed or has ended, and the command had no
//     effect.
//   - ctx's error alone: the command was cancelled while it waited in the
//     mailbox, and is not carried out.
//   - ctx's error with [ErrUnknown]: the command was in hand and goes on; what
//     became of it, only the state tells.
//   - [ErrUnknown] alone: the log panicked.
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
// into the state, and change nothing; the machine waits for it. When ctx ends
// before f was called, it is not called any more.
//
// Before Run, View waits. Once the machine is closed, it waits for the end of
// Run and gives the last committed state, or [ErrStopped] if that was never
// rebuilt, the log failed or the FSM panicked: then only the log knows. If f
// panics, so does Run, and View returns [ErrStopped]. View deadlocks like
// [Machine.Do] when called from within.
func View[S, C, E, R any](ctx context.Context, m *Machine[S, C, E], f func(S) R) (R, error) {
	var r R
	called := false
	look := func(s S) {
		called = true
		r = f(s)
	}
	_, err := m.inbox.ask(ctx, input[S, C, E]{kind: view, view: look})
	if errors.Is(err, ErrStopped) && !called {
		err = m.inbox.viewLast(ctx, look)
	}
	return r, err
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

// look calls the function of a view, unless its caller has left.
func (in *input[S, C, E]) look(s S) {
	if !in.caller.claim() {
		return
	}
	o := outcome{err: ErrStopped} // if it panics
	defer func() { in.caller.answer <- o }()
	in.view(s)
	o.err = nil
}

// caller is somebody who waits for the outcome of an input.
type caller struct {
	state  atomic.Uint32
	answer chan outcome // holds one, so that answering never blocks
}

const (
	waiting uint32 = iota
	claimed
	cancelled
)

type outcome struct {
	change Change
	err    error
}

// claim reports whether the caller still wants the outcome; then it can no
// longer cancel.
func (c *caller) claim() bool { return c.state.CompareAndSwap(waiting, claimed) }

// refuse answers a caller whose input was not taken up.
func (c *caller) refuse() {
	if c != nil && c.claim() {
		c.answer <- outcome{err: ErrStopped}
	}
}

// inbox is the part of a machine that its callers touch.
type inbox[S, C, E any] struct {
	mailbox[input[S, C, E]]
	callers sync.Pool     // of *caller; not shared, for machines in synctest bubbles
	ended   chan struct{} // closed when last and lastErr are set
	last    S
	lastErr error
}

func newInbox[S, C, E any](size int) *inbox[S, C, E] {
	return &inbox[S, C, E]{
		mailbox: newMailbox[input[S, C, E]](size),
		callers: sync.Pool{New: func() any { return &caller{answer: make(chan outcome, 1)} }},
		ended:   make(chan struct{}),
	}
}

// ask returns when the outcome of the input is known.
func (b *inbox[S, C, E]) ask(ctx context.Context, in input[S, C, E]) (Change, error) {
	c := b.callers.Get().(*caller)
	in.caller = c
	if err := b.put(ctx, in); err != nil {
		b.callers.Put(c)
		return Unchanged, err
	}
	select {
	case o := <-c.answer:
		return b.done(c, o)
	case <-ctx.Done():
	}
	if c.state.CompareAndSwap(waiting, cancelled) {
		return Unchanged, ctx.Err() // the loop still holds c, so it is not used again
	}
	if in.kind == view { // f is running: it must not outlive the call
		return b.done(c, <-c.answer)
	}
	select {
	case o := <-c.answer:
		return b.done(c, o)
	default:
		return Unchanged, fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
	}
}

func (b *inbox[S, C, E]) done(c *caller, o outcome) (Change, error) {
	c.state.Store(waiting)
	b.callers.Put(c)
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

// end answers whoever still waits. Views turn to the last state, unless err
// says that there is none.
func (b *inbox[S, C, E]) end(last S, err error) {
	b.close()
	b.last, b.lastErr = last, err
	close(b.ended)
	for in := b.poll(); in != nil; in = b.poll() {
		in.caller.refuse()
	}
}
