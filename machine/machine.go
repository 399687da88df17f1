package machine

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
)

// The outcomes of an input that are errors. Ask with [errors.Is].
var (
	// ErrRejected: Decide refused the command. Its error is wrapped too.
	ErrRejected = errors.New("machine: command rejected")

	// ErrLog: the log failed, and the machine with it. The log's error is
	// wrapped too and says if the events may be in the log all the same.
	ErrLog = errors.New("machine: log")

	// ErrStopped: the machine is closed or has ended, and the input had no
	// effect.
	ErrStopped = errors.New("machine: stopped")

	// ErrUnknown: the caller left, or the log panicked, while the input was in
	// hand. It may or may not have taken effect.
	ErrUnknown = errors.New("machine: outcome unknown")
)

// ErrSecondRun: a machine runs once. Make a new one to run again.
var ErrSecondRun = errors.New("machine: Run was called before")

// Config says what a machine is wired to. The zero value runs in memory and
// drops events and outputs.
type Config[S, E, O any] struct {
	// Log keeps the events that change the state and is replayed at the start
	// of Run. nil: the state dies with the machine. A log belongs to one
	// machine at a time.
	Log Log[E]

	// Events is told of each batch of events after the log has accepted it.
	// When it fails, the outputs of the batch are not released.
	Events Adapter[E]

	// Outputs is given what the FSM emits, in the order it was emitted, after
	// the events it was emitted for are durable and Events was told. An
	// output between the commit and its adapter dies with the process.
	Outputs Adapter[O]

	// Snapshot bounds the replay. The zero value keeps no snapshots.
	Snapshot Snapshot[S]

	// Mailbox is the number of inputs that may wait, before callers wait for
	// a place; 0 means 256. The loop takes all that wait at once, so as many
	// again may be on their way into a batch.
	Mailbox int

	// MaxBatch is the number of events with which a batch takes no further
	// input; 0 means 512. The events of one input are never split, so there
	// may be more. An input without events counts as one.
	MaxBatch int

	// Logger is told of rejected commands that nobody waited for, and of
	// snapshots that could not be used. nil: silent.
	Logger *slog.Logger
}

// Machine is a state machine that [Machine.Run] drives. Its methods may be
// called concurrently, before, during and after Run; what is given to it before
// Run waits for Run.
type Machine[S, C, E any] struct {
	inbox *inbox[S, C, E]
	run   func(ctx context.Context) error
	ran   atomic.Bool
}

// New makes a machine whose state is the zero S until Run has replayed the
// log. It starts no goroutine and touches no adapter.
func New[S, C, E, O any](fsm FSM[S, C, E, O], cfg Config[S, E, O]) *Machine[S, C, E] {
	l := newLoop(fsm, cfg)
	return &Machine[S, C, E]{inbox: l.inbox, run: l.run}
}

// Run hydrates the machine from its log and then takes inputs until one of
// these ends it:
//
//   - The state is terminal. The input that reached it is completed; nil.
//   - [Machine.Close]. What was accepted is carried out first; nil.
//   - ctx ends. The batch in hand is logged whole, while adapters see ctx and
//     may give up with it; the result is [context.Cause] of ctx.
//   - The log, an adapter or a snapshot fails; the error says which.
//   - The FSM, an adapter or the log panics. Of a batch that was not yet
//     handed to the log nothing is logged, and Run panics on.
//
// In each case everybody who waits for an answer has it when Run returns. Run
// may be called once; a second call returns [ErrSecondRun] at once.
func (m *Machine[S, C, E]) Run(ctx context.Context) error {
	if !m.ran.CompareAndSwap(false, true) {
		return ErrSecondRun
	}
	return m.run(ctx)
}

// Close stops the machine from accepting inputs and returns at once; Run
// carries out those it has accepted and returns. Callers that still wait for a
// place in the mailbox get [ErrStopped]. Close may be called any number of
// times, from anywhere, also before Run.
func (m *Machine[S, C, E]) Close() { m.inbox.close() }
