//go:build unix

package sqlitelog_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/internal/crashtest"
	"github.com/edfsm/edfsm/machine"
	"github.com/edfsm/edfsm/sqlitelog"
)

// tally is the state of a machine that is told numbers, and announces each when
// it has come to the end of its events.
type tally struct {
	Numbers []int
	Open    int // the number whose events have begun
	Keys    map[string]int
}

type tallying struct{}

var errTold = errors.New("told before")

func (tallying) Decide(s tally, n int, _ func(int)) ([]put, error) {
	if slices.Contains(s.Numbers, n) {
		return nil, errTold
	}
	return faultBatch(n), nil
}

func (tallying) Evolve(s *tally, e put) machine.Change {
	switch {
	case e.Key != "":
		if s.Keys == nil {
			s.Keys = make(map[string]int)
		}
		foldOn(s.Keys, []put{e})
		return machine.Updated
	case s.Open == 0:
		s.Open = e.Value
		return machine.Updated
	}
	s.Numbers = append(s.Numbers, e.Value)
	s.Open -= e.Value
	return machine.Transitioned
}

func (tallying) React(_ tally, e put, c machine.Change, emit func(int)) {
	if c == machine.Transitioned {
		emit(e.Value)
	}
}

// check looks whether the state is what its numbers lead to.
func (s tally) check() error {
	want := foldBatches(s.Numbers, faultBatch)
	delete(want, "")
	if s.Open != 0 || !maps.Equal(s.Keys, want) {
		return fmt.Errorf("numbers %v lead to %v, with %d open, want %v", s.Numbers, s.Keys, s.Open, want)
	}
	return nil
}

type tallyMachine = machine.Machine[tally, int, put]

// runTally runs a machine on a log as long as use takes.
func runTally(ctx context.Context, log *sqlitelog.Log[put], announce func(n int), use func(m *tallyMachine) error) error {
	state, err := codec.Of[tally](codec.CBOR)
	if err != nil {
		return err
	}
	m := machine.New(tallying{}, machine.Config[tally, put, int]{
		Log:      log,
		Snapshot: machine.Snapshot[tally]{Codec: state, Every: 100},
		Outputs: machine.Each(func(_ context.Context, n int) error {
			announce(n)
			return nil
		}),
	})
	ran := make(chan error, 1)
	go func() { ran <- m.Run(ctx) }()
	err = use(m)
	m.Close()
	return errors.Join(err, <-ran)
}

// stateOfTally returns a copy of a machine's state.
func stateOfTally(ctx context.Context, m *tallyMachine) (tally, error) {
	return machine.View(ctx, m, func(s tally) tally {
		s.Numbers, s.Keys = slices.Clone(s.Numbers), maps.Clone(s.Keys)
		return s
	})
}

// machineWork is callers of a machine on a log, of which a consumer has a
// subscription, and who hears what the machine announces.
type machineWork struct {
	at  crashtest.Place
	log *sqlitelog.Log[put] // nil: it could not be opened

	calls     *calls
	consumer  *consumer
	mu        sync.Mutex
	announced map[int]int // and when
}

// machineCallers are who tell the machine numbers.
var machineCallers = []int{1, 2, 3}

func machines(at crashtest.Place) *machineWork {
	return &machineWork{at: at, calls: newCalls(at), consumer: newConsumer(at), announced: make(map[int]int)}
}

// Run is two lives of a machine on one opening of its log, and one on the next.
func (w *machineWork) Run(ctx context.Context) error {
	return errors.Join(
		w.open(ctx),
		w.live(ctx, 3),
		w.live(ctx, 2),
		w.Close(),
		w.open(ctx),
		w.live(ctx, 3),
	)
}

func (w *machineWork) open(ctx context.Context) (err error) {
	w.log, err = sqlitelog.Open(ctx, w.at.Path("log.db"), sqlitelog.Config[put]{Key: putKey, HighWater: 60, LowWater: 20})
	if err != nil {
		w.log = nil
	}
	return err
}

func (w *machineWork) Close() (err error) {
	if w.log != nil {
		err = w.log.Close()
		w.log = nil
	}
	return err
}

func (w *machineWork) announce(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.announced[n] = w.at.Now()
}

// live is a life of the machine, in which all its callers tell it numbers at the
// same time.
func (w *machineWork) live(ctx context.Context, numbers int) error {
	if w.log == nil {
		return nil
	}
	following, end := context.WithCancel(ctx)
	var consumes errorGroup
	consumes.Go(func() error { return w.consumer.follow(following, w.log, func(int64) {}) })
	err := runTally(ctx, w.log, w.announce, func(m *tallyMachine) error {
		var all errorGroup
		for _, caller := range machineCallers {
			all.Go(func() (err error) {
				for range numbers {
					err = errors.Join(err, w.tell(ctx, m, caller))
				}
				return err
			})
		}
		return all.Wait()
	})
	end()
	return errors.Join(err, consumes.Wait())
}

func (w *machineWork) tell(ctx context.Context, m *tallyMachine, caller int) error {
	n := w.calls.begin(caller)
	_, err := m.Do(ctx, n)
	f := fateOf(err)
	if errors.Is(err, machine.ErrUnknown) {
		f = uncertain
	}
	w.calls.end(n, f)
	return err
}

// Until gives each promise that was made by then the time 0.
func (w *machineWork) Until(moment int, at crashtest.Place) *machineWork {
	then := machines(at)
	then.calls, then.consumer = w.calls.until(moment, at), w.consumer.until(moment, at)
	copyUntil(then.announced, w.announced, moment)
	return then
}

// Forget leaves only the order.
func (w *machineWork) Forget() {
	w.calls.forget()
	w.consumer.forget()
	clear(w.announced)
}

// GoOn runs the next machine on the log that is open.
func (w *machineWork) GoOn(ctx context.Context) error {
	err := w.live(ctx, 1)
	if errors.Is(err, sqlitelog.ErrFailed) {
		w.Close()
		return nil
	}
	return errors.Join(err, w.Close())
}

// Again runs a machine, which has the state that the events lead to, and has
// everything handed over.
func (w *machineWork) Again(ctx context.Context) (left int, err error) {
	if err := w.open(ctx); err != nil {
		return 0, fmt.Errorf("open again: %w", err)
	}
	var s tally
	err = runTally(ctx, w.log, w.announce, func(m *tallyMachine) (err error) {
		if s, err = stateOfTally(ctx, m); err != nil {
			return err
		}
		if err := w.check(ctx, s); err != nil {
			return err
		}
		return w.tell(ctx, m, machineCallers[0])
	})
	if err != nil {
		return len(s.Numbers), err
	}
	return len(s.Numbers), errors.Join(w.consumer.checkDelivered(ctx, w.log, s.Numbers), w.Close())
}

// check compares the state of a machine, just started, with what was promised.
func (w *machineWork) check(ctx context.Context, s tally) error {
	err := errors.Join(s.check(), w.calls.check(func(n int) bool { return slices.Contains(s.Numbers, n) }))
	for n := range w.announced {
		if !slices.Contains(s.Numbers, n) {
			err = errors.Join(err, fmt.Errorf("what number %d has announced %w", n, errLost))
		}
	}
	if err != nil {
		return fmt.Errorf("%w; there are %v", err, s.Numbers)
	}
	return w.consumer.check(ctx, w.log, s.Numbers)
}
