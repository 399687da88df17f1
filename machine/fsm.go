package machine

// FSM is the behaviour of a machine with state S, commands C, events E and
// outputs O. The loop calls its methods one at a time, so they need no locks.
// Only Evolve may change the state, or anything the state points to.
//
// An FSM may have two more methods, with exactly these signatures:
//
//   - Init(s S, emit func(O)) is called once at the start of Run, after the log
//     was replayed. What it emits is released before the first input.
//   - Terminal(s S) bool is asked after the replay and after each input. When
//     it answers true, Run ends, and a machine hydrated into such a state does
//     not come back to life.
//
// emit may be called any number of times until the method it was given to
// returns, by the goroutine that called the method.
type FSM[S, C, E, O any] interface {
	// Decide says which events follow from a command in a state, or rejects
	// the command with an error. The events of one command are logged
	// together or not at all. What is emitted is released also when no event
	// follows; beside an error, events and outputs are dropped.
	Decide(s S, cmd C, emit func(O)) ([]E, error)

	// Evolve applies an event to the state and says what changed. Replay
	// calls it too, so it depends on s and e alone: no clock, no randomness,
	// no I/O. It keeps no reference into e.
	Evolve(s *S, e E) Change

	// React is told of a change once it is made, live and never in replay.
	React(s S, e E, c Change, emit func(O))
}

// Change is what an event did to the state. The constants are ordered: of
// several events the greatest change is the change of them all.
type Change uint8

const (
	Unchanged    Change = iota // the event had no effect: it is neither logged nor announced
	Updated                    // the same state with new data
	Transitioned               // another state
)

func (c Change) String() string {
	switch c {
	case Unchanged:
		return "unchanged"
	case Updated:
		return "updated"
	case Transitioned:
		return "transitioned"
	}
	return "invalid change"
}

type initializer[S, O any] interface {
	Init(s S, emit func(O))
}

type terminator[S any] interface {
	Terminal(s S) bool
}
