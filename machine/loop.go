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
	terminal  func(S) bool
	cfg       Config[S, E, O]
	inbox     *inbox[S, C, E]
	snapshots Snapshotter[E] // nil: none are kept
	emit      func(O)

	state    S
	finished bool // the state is terminal

	// unsettled is what the callers of the batch are told should run end now,
	// and then state is not what the log holds. nil: their own outcomes.
	unsettled error

	// The batch. Its slices are used again.
	events     []E
	outputs    []O
	answers    []answer
	views      []input[S, C, E]
	rejections []error // of commands that nobody waits for
	weight     int

	sinceSnapshot int
	snapshotBuf   []byte
}

// answer is an outcome that is not told before the batch is durable.
type answer struct {
	caller *caller
	outcome
}

func newLoop[S, C, E, O any](fsm FSM[S, C, E, O], cfg Config[S, E, O]) *loop[S, C, E, O] {
	cfg.Mailbox = orDefault(cfg.Mailbox, 256)
	cfg.MaxBatch = orDefault(cfg.MaxBatch, 512)
	cfg.Snapshot.Every = orDefault(cfg.Snapshot.Every, 10_000)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	l := &loop[S, C, E, O]{
		fsm:       fsm,
		terminal:  func(S) bool { return false },
		cfg:       cfg,
		inbox:     newInbox[S, C, E](cfg.Mailbox),
		unsettled: ErrStopped, // until the state is rebuilt
	}
	if t, ok := fsm.(terminator[S]); ok {
		l.terminal = t.Terminal
	}
	l.emit = func(o O) { l.outputs = append(l.outputs, o) }
	return l
}

func orDefault(n, def int) int {
	if n <= 0 {
		return def
	}
	return n
}

// run is the life of a machine. A batch is what is waiting; run waits for its
// first input only.
func (l *loop[S, C, E, O]) run(ctx context.Context) error {
	defer l.end()
	if err := l.hydrate(ctx); err != nil {
		return err
	}
	for !l.finished {
		in, err := l.inbox.take(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for ; in != nil; in = l.more() {
			l.step(in)
		}
		if err := l.commit(ctx); err != nil {
			return err
		}
	}
	return nil
}

// more returns another input for the batch in hand, or nil.
func (l *loop[S, C, E, O]) more() *input[S, C, E] {
	if l.finished || l.weight >= l.cfg.MaxBatch {
		return nil
	}
	return l.inbox.poll()
}

// hydrate rebuilds the state from the log, without effects, and releases what
// Init emits.
func (l *loop[S, C, E, O]) hydrate(ctx context.Context) error {
	if err := l.rebuild(ctx); err != nil {
		return cancelledOr(ctx, err)
	}
	l.unsettled = nil
	l.finished = l.terminal(l.state)
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

// step lets the FSM see one input and adds what follows to the batch.
func (l *loop[S, C, E, O]) step(in *input[S, C, E]) {
	l.weight++
	if in.kind == view {
		l.views = append(l.views, *in)
		return
	}
	if in.caller != nil {
		if !in.caller.claim() {
			return
		}
		l.answers = append(l.answers, answer{caller: in.caller})
	}
	l.unsettled = ErrStopped
	change, rejection := l.follow(in)
	l.finished = l.terminal(l.state)
	switch {
	case in.caller == nil && rejection != nil:
		l.rejections = append(l.rejections, rejection)
	case rejection != nil:
		l.answers[len(l.answers)-1].err = fmt.Errorf("%w: %w", ErrRejected, rejection)
	case in.caller != nil:
		l.answers[len(l.answers)-1].change = change
	}
}

// follow decides on an input and evolves the state by the events, which weigh
// what the input does not already.
func (l *loop[S, C, E, O]) follow(in *input[S, C, E]) (greatest Change, rejection error) {
	events := in.events
	if in.kind == command {
		emitted := len(l.outputs)
		events, rejection = l.fsm.Decide(l.state, in.cmd, l.emit)
		if rejection != nil {
			clear(l.outputs[emitted:])
			l.outputs = l.outputs[:emitted]
			return Unchanged, rejection
		}
	}
	l.weight += max(0, len(events)-1)
	for _, e := range events {
		c := l.fsm.Evolve(&l.state, e)
		if c == Unchanged {
			continue
		}
		greatest = max(greatest, c)
		l.fsm.React(l.state, e, c, l.emit)
		l.events = append(l.events, e)
	}
	return greatest, nil
}

// commit makes the batch durable and only then lets anybody hear of it: first
// those who observe events, then those who take outputs, then the callers.
func (l *loop[S, C, E, O]) commit(ctx context.Context) error {
	if err := l.persist(ctx); err != nil {
		return err
	}
	logged := len(l.events)
	err := l.release(ctx)
	l.tell()
	l.show()
	l.report(ctx)
	if err != nil || logged == 0 {
		return err
	}
	l.sinceSnapshot += logged
	return l.snapshot(ctx)
}

// persist logs the events of the batch in one call. Once begun it is not
// cancelled, so that its outcome is known.
func (l *loop[S, C, E, O]) persist(ctx context.Context) error {
	if len(l.events) > 0 && l.cfg.Log != nil {
		l.unsettled = ErrUnknown
		if err := l.cfg.Log.Notify(context.WithoutCancel(ctx), l.events); err != nil {
			l.unsettled = fmt.Errorf("%w: %w", ErrLog, err)
			return l.unsettled
		}
	}
	l.unsettled = nil
	return nil
}

// release gives the batch to the adapters and empties it.
func (l *loop[S, C, E, O]) release(ctx context.Context) error {
	defer l.clear()
	if err := notify(ctx, l.cfg.Events, l.events); err != nil {
		return cancelledOr(ctx, fmt.Errorf("machine: events: %w", err))
	}
	if err := notify(ctx, l.cfg.Outputs, l.outputs); err != nil {
		return cancelledOr(ctx, fmt.Errorf("machine: outputs: %w", err))
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
	for _, a := range l.answers {
		a.caller.answer <- a.outcome
	}
	clear(l.answers)
	l.answers = l.answers[:0]
}

// show answers those who look at the state.
func (l *loop[S, C, E, O]) show() {
	for i, in := range l.views {
		l.views[i] = input[S, C, E]{} // if it panics, end does not come to it again
		in.look(l.state)
	}
	l.views = l.views[:0]
}

// report tells the logger of the rejections that nobody waits for.
func (l *loop[S, C, E, O]) report(ctx context.Context) {
	for _, err := range l.rejections {
		l.cfg.Logger.WarnContext(ctx, "machine: command rejected", "error", err)
	}
	clear(l.rejections)
	l.rejections = l.rejections[:0]
}

// end answers everybody who is left, also when run is unwound by a panic.
func (l *loop[S, C, E, O]) end() {
	var lost error
	if l.unsettled != nil {
		lost = ErrStopped
		for i := range l.answers {
			l.answers[i].outcome = outcome{err: l.unsettled}
		}
	}
	l.tell()
	for _, in := range l.views {
		in.caller.refuse()
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
