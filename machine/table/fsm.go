package table

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/edfsm/edfsm/machine"
)

// FSM is a table that was checked: the behaviour of a machine. It never
// changes, so any number of machines and goroutines may share it.
type FSM[S, C, E, O any] struct {
	place  func(S) *state[S, C, E, O]
	left   func(S) *state[S, C, E, O]
	states []*state[S, C, E, O]
	init   []func(S, func(O))
}

// state is a state with its rows.
type state[S, C, E, O any] struct {
	name     string
	terminal bool
	commands []*taken[S, C, E, O] // in the order of the table's commands
	events   []*change[S, C, E, O]
	entry    []action[S, O]
	exit     []action[S, O]
}

// A state has few rows, and to look through them takes less than a map.

func (st *state[S, C, E, O]) command(t reflect.Type) *taken[S, C, E, O] {
	for _, row := range st.commands {
		if row.command == t {
			return row
		}
	}
	return nil
}

func (st *state[S, C, E, O]) event(t reflect.Type) *change[S, C, E, O] {
	for _, row := range st.events {
		if row.event == t {
			return row
		}
	}
	return nil
}

// taken is what a state does with a command.
type taken[S, C, E, O any] struct {
	name    string
	command reflect.Type
	outcome Outcome
	guards  []guard[S]
	yields  []reflect.Type
	decide  func(S, C, func(O)) ([]E, error)
}

// change is what an event does to a state.
type change[S, C, E, O any] struct {
	name   string
	event  reflect.Type
	to     *state[S, C, E, O]
	evolve func(*S, E)
	then   []func(S, E, func(O))
}

type action[S, O any] struct {
	name string
	do   func(S, func(O))
}

// Decide implements [machine.FSM].
func (f *FSM[S, C, E, O]) Decide(s S, cmd C, emit func(O)) ([]E, error) {
	st := f.place(s)
	row, outcome, guard := st.look(s, cmd)
	switch outcome {
	case Ignored:
		return nil, nil
	case Handled:
		events, err := row.decide(s, cmd, emit)
		if err == nil {
			err = st.follow(row, events)
		}
		if err != nil {
			return nil, err
		}
		return events, nil
	}
	return nil, f.refusal(st, s, cmd, outcome, guard)
}

// look finds what becomes of a command, with the guard that denies it.
func (st *state[S, C, E, O]) look(s S, cmd C) (row *taken[S, C, E, O], outcome Outcome, guard string) {
	if st.terminal {
		return nil, Finished, ""
	}
	row = st.command(reflect.TypeOf(cmd))
	if row == nil {
		return nil, Unknown, ""
	}
	for i := range row.guards {
		if g := &row.guards[i]; !g.holds(s) {
			return row, Denied, g.name
		}
	}
	return row, row.outcome, ""
}

// follow checks that events are those of the row, and that each is taken where
// the ones before it lead: an event that is not would be dropped in silence.
func (st *state[S, C, E, O]) follow(row *taken[S, C, E, O], events []E) error {
	at := st
	for _, e := range events {
		event := reflect.TypeOf(e)
		if !slices.Contains(row.yields, event) {
			return fmt.Errorf("%w: %s in %s yields %s", ErrUndeclared, row.name, st.name, nameOf(event))
		}
		change := at.event(event)
		if change == nil {
			return fmt.Errorf("%w: %s in %s yields %s, which %s does not take", ErrUndeclared, row.name, st.name, nameOf(event), at.name)
		}
		at = change.to
	}
	return nil
}

// Evolve implements [machine.FSM]. It is Transitioned when the row leads to
// another state, and Updated when it leads to the same. An event that the state
// does not take leaves it Unchanged.
func (f *FSM[S, C, E, O]) Evolve(s *S, e E) machine.Change {
	from := f.place(*s)
	change := from.event(reflect.TypeOf(e))
	if change == nil {
		return machine.Unchanged
	}
	change.evolve(s, e)
	if change.to == from {
		return machine.Updated
	}
	return machine.Transitioned
}

// React implements [machine.FSM]: exit actions, what the row of the event has,
// entry actions.
func (f *FSM[S, C, E, O]) React(s S, e E, c machine.Change, emit func(O)) {
	to := f.place(s)
	from := to
	if c == machine.Transitioned {
		from = f.left(s)
		run(from.exit, s, emit)
	}
	if change := from.event(reflect.TypeOf(e)); change != nil {
		for _, then := range change.then {
			then(s, e, emit)
		}
	}
	if c == machine.Transitioned {
		run(to.entry, s, emit)
	}
}

func run[S, O any](actions []action[S, O], s S, emit func(O)) {
	for _, a := range actions {
		a.do(s, emit)
	}
}

// Init runs the table's actions for the start of a machine.
func (f *FSM[S, C, E, O]) Init(s S, emit func(O)) {
	for _, do := range f.init {
		do(s, emit)
	}
}

// Terminal says that the state is one of the table's terminal states.
func (f *FSM[S, C, E, O]) Terminal(s S) bool { return f.place(s).terminal }

func nameOfValue(v any) string { return nameOf(reflect.TypeOf(v)) }
