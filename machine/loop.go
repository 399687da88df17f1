package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// loop is the engine of a machine: a value that run drives, or a test by hand.
// An input goes through step into the batch, and the batch through commit to
// the log and then to whoever waits for it.
type loop[S, C, E, O any] struct {
	fsm       FSM[S, C, E, O]
	terminal  func(S) bool // nil: never
	cfg       Config[S, E, O]
	logger    *slog.Logger
	inbox     *inbox[S, C, E]
	snapshots Snapshotter[E] // nil: none are kept
	emit      func(O)

	state    S
	finished bool // the state is terminal
	phase    phase

	// The batch. Its slices are used again.
	events  []E
	outputs []O
	answers []answer
	weight  int

	sinceSnapshot int
	snapshotBuf   []byte
}

// answer is an outcome that is not told before the batch is durable.
type answer struct {
	caller *caller // nil: a rejection that nobody waits for
	outcome
}

// phase tells end how far the loop had come.
type phase uint8

const (
	hydrating phase = iota // state is half built
	idle                   // state is what the log holds
	stepping               // state is ahead of the log
	logging                // the log may or may not have the batch
	failed                 // the log refused the batch
	releasing              // the batch is durable, state is what the log holds
)

func newLoop[S, C, E, O any](fsm FSM[S, C, E, O], cfg Config[S, E, O]) *loop[S, C, E, O] {
	cfg.Mailbox = orDefault(cfg.Mailbox, 256)
	cfg.MaxBatch = orDefault(cfg.MaxBatch, 512)
	cfg.Snapshot.Every = orDefault(cfg.Snapshot.Every, 10_000)
	l := &loop[S, C, E, O]{fsm: fsm, cfg: cfg, logger: cfg.Logger, inbox: newInbox[S, C, E](cfg.Mailbox)}
	l.emit = func(o O) { l.outputs = append(l.outputs, o) }
	if t, ok := fsm.(terminator[S]); ok {
		l.terminal = t.Terminal
	}
	if l.logger == nil {
		l.logger = slog.New(slog.DiscardHandler)
	}
	return l
}

func orDefault(n, def int) int {
	if n <= 0 {
		return def
	}
	return n
}

// run is the life of a machine. A batch is what waits when its first input is
// taken; run never waits for a batch to fill.
func (l *loop[S, C, E, O]) run(ctx context.Context) error {
	defer l.end()
	if err := l.hydrate(ctx); err != nil {
		return cancelledOr(ctx, err)
	}
	for !l.finished {
		in, err := l.inbox.next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for ok := true; ok; in, ok = l.more() {
			if err := l.take(ctx, in); err != nil {
				return cancelledOr(ctx, err)
			}
		}
		if err := l.commit(ctx); err != nil {
			return cancelledOr(ctx, err)
		}
	}
	return nil
}

// more returns another input for the batch in hand.
func (l *loop[S, C, E, O]) more() (in input[S, C, E], ok bool) {
	if l.finished || l.weight >= l.cfg.MaxBatch {
		return in, false
	}
	return l.inbox.poll()
}

// hydrate rebuilds the state from the log, without effects, and releases what
// Init emits.
func (l *loop[S, C, E, O]) hydrate(ctx context.Context) error {
	if err := l.rebuild(ctx); err != nil {
		return err
	}
	l.phase = idle
	l.finished = l.terminal != nil && l.terminal(l.state)
	if i, ok := l.fsm.(initializer[S, O]); ok && !l.finished {
		i.Init(l.state, l.emit)
	}
	return l.release(ctx)
}

func (l *loop[S, C, E, O]) rebuild(ctx context.Context) error {
	if l.cfg.Snapshot.Codec != nil {
		var ok bool
		if l.snapshots, ok = l.cfg.Log.(Snapshotter[E]); !ok {
			return fmt.Errorf("machine: snapshot: a log of type %T keeps none", l.cfg.Log)
		}
	}
	if l.cfg.Log == nil {
		return nil
	}
	events, err := l.replay(ctx)
	if err != nil {
		return fmt.Errorf("%w: replay: %w", ErrLog, err)
	}
	for e, err := range events {
		if err != nil {
			return fmt.Errorf("%w: replay: %w", ErrLog, err)
		}
		l.fsm.Evolve(&l.state, e)
		l.sinceSnapshot++
	}
	return nil
}

// take steps an input into the batch. A view closes the batch first, so that
// it sees nothing that is not durable.
func (l *loop[S, C, E, O]) take(ctx context.Context, in input[S, C, E]) error {
	if in.kind != view {
		if in.claim() {
			l.step(in)
		}
		return nil
	}
	err := l.commit(ctx)
	if in.claim() {
		l.answers = append(l.answers, answer{in.caller, outcome{err: ErrStopped}})
		if l.phase == idle {
			in.view(l.state)
			l.answers[0].err = nil
		}
		l.tell()
	}
	return err
}

// step lets the FSM see one input and adds what follows to the batch.
func (l *loop[S, C, E, O]) step(in input[S, C, E]) {
	l.phase = stepping
	l.answers = append(l.answers, answer{caller: in.caller})
	a := &l.answers[len(l.answers)-1]

	events, emitted := in.events, len(l.outputs)
	var rejected error
	if in.kind == command {
		events, rejected = l.fsm.Decide(l.state, in.cmd, l.emit)
	}
	if rejected != nil {
		events, rejected = nil, fmt.Errorf("%w: %w", ErrRejected, rejected)
		clear(l.outputs[emitted:])
		l.outputs = l.outputs[:emitted]
	}
	for _, e := range events {
		l.evolve(e, &a.change)
	}
	a.err = rejected
	if a.caller == nil && rejected == nil {
		l.answers = l.answers[:len(l.answers)-1]
	}
	l.weight += max(1, len(events))
	l.finished = l.terminal != nil && l.terminal(l.state)
}

func (l *loop[S, C, E, O]) evolve(e E, greatest *Change) {
	c := l.fsm.Evolve(&l.state, e)
	if c == Unchanged {
		return
	}
	*greatest = max(*greatest, c)
	l.fsm.React(l.state, e, c, l.emit)
	l.events = append(l.events, e)
}

// commit makes the batch durable and only then lets anybody hear of it: first
// those who observe events, then those who take outputs, then the callers.
func (l *loop[S, C, E, O]) commit(ctx context.Context) error {
	if err := l.persist(ctx); err != nil {
		return err
	}
	l.phase = releasing
	logged := len(l.events)
	err := l.release(ctx)
	l.tell()
	l.phase = idle
	if err == nil && logged > 0 {
		l.sinceSnapshot += logged
		err = l.snapshot(ctx)
	}
	return err
}

// persist logs the events of the batch in one call. Once begun it is not
// cancelled, so that its outcome is known.
func (l *loop[S, C, E, O]) persist(ctx context.Context) error {
	if len(l.events) == 0 || l.cfg.Log == nil {
		return nil
	}
	l.phase = logging
	err := l.cfg.Log.Notify(context.WithoutCancel(ctx), l.events)
	if err == nil {
		return nil
	}
	l.phase = failed
	err = fmt.Errorf("%w: %w", ErrLog, err)
	for i := range l.answers {
		l.answers[i].outcome = outcome{err: err}
	}
	l.tell()
	return err
}

// release gives the batch to the adapters and empties it.
func (l *loop[S, C, E, O]) release(ctx context.Context) error {
	defer l.clear()
	if err := notify(ctx, l.cfg.Events, l.events); err != nil {
		return fmt.Errorf("machine: events: %w", err)
	}
	if err := notify(ctx, l.cfg.Outputs, l.outputs); err != nil {
		return fmt.Errorf("machine: outputs: %w", err)
	}
	return nil
}

func (l *loop[S, C, E, O]) clear() {
	clear(l.events)
	clear(l.outputs)
	l.events, l.outputs, l.weight = l.events[:0], l.outputs[:0], 0
}

// tell answers the callers of the batch.
func (l *loop[S, C, E, O]) tell() {
	for i, a := range l.answers {
		l.answers[i] = answer{}
		if a.caller != nil {
			a.caller.answer <- a.outcome
		} else if errors.Is(a.err, ErrRejected) {
			l.logger.Warn("machine: command rejected", "error", a.err)
		}
	}
	l.answers = l.answers[:0]
}

// end answers everybody who is left, also when run is unwound by a panic.
func (l *loop[S, C, E, O]) end() {
	switch l.phase {
	case stepping:
		for i := range l.answers {
			l.answers[i].outcome = outcome{err: ErrStopped}
		}
	case logging:
		for i := range l.answers {
			l.answers[i].outcome = outcome{err: ErrUnknown}
		}
	}
	l.tell()
	var lost error
	if l.phase != idle && l.phase != releasing {
		lost = ErrStopped
	}
	l.inbox.end(l.state, lost)
}

// cancelledOr returns ctx's cause for an error that came of ctx's end.
func cancelledOr(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))) {
		return context.Cause(ctx)
	}
	return err
}
