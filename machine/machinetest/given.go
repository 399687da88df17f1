package machinetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/edfsm/edfsm/machine"
	"pgregory.net/rapid"
)

// For begins sentences about an FSM:
//
//	door := machinetest.For(t, Door{})
//	door.Given(Opened{}).When(Shut{}).Then(Closed{})
//	door.Given().When(Shut{}).ThenRejected(ErrNotOpen)
//
// t is a *testing.T, *testing.B or *rapid.T. A sentence that is not true is
// reported as an error, and the test goes on.
func For[S, C, E, O any](t rapid.TB, fsm machine.FSM[S, C, E, O]) Scenario[S, C, E, O] {
	return Scenario[S, C, E, O]{t: t, fsm: fsm}
}

// Scenario is an FSM and what has happened to it.
type Scenario[S, C, E, O any] struct {
	t     rapid.TB
	fsm   machine.FSM[S, C, E, O]
	given []string
	state S
}

// Given says which events the log has. Each must have changed the state, as all
// events in a log have. It begins anew: events of an earlier Given are not
// among them.
func (sc Scenario[S, C, E, O]) Given(events ...E) Scenario[S, C, E, O] {
	sc.t.Helper()
	var zero S
	sc.given, sc.state = texts(events), zero
	for i, e := range events {
		if sc.fsm.Evolve(&sc.state, e) == machine.Unchanged {
			sc.t.Fatalf("event %d of those given changes nothing, so no log has it\n%s", i+1, numbered(sc.given[:i+1]))
		}
	}
	return sc
}

// When gives the FSM a command.
func (sc Scenario[S, C, E, O]) When(cmd C) Outcome[E, O] {
	o := Outcome[E, O]{t: sc.t, story: fmt.Sprintf("given\n%swhen\n      %s\n", numbered(sc.given), text(cmd))}
	var events []E
	events, o.rejection = sc.fsm.Decide(sc.state, cmd, func(output O) { o.outputs = append(o.outputs, text(output)) })
	if o.rejection != nil {
		o.outputs = nil
		return o
	}
	for _, e := range events {
		change := sc.fsm.Evolve(&sc.state, e)
		if change == machine.Unchanged {
			continue
		}
		o.events = append(o.events, text(e))
		sc.fsm.React(sc.state, e, change, func(output O) { o.outputs = append(o.outputs, text(output)) })
	}
	return o
}

// Outcome is what has become of a command.
type Outcome[E, O any] struct {
	t         rapid.TB
	story     string
	events    []string // that changed the state
	outputs   []string
	rejection error
}

// Then says which events are logged: those that Decide returned and that change
// the state. Without events it says that the command is accepted and changes
// nothing.
func (o Outcome[E, O]) Then(events ...E) Outcome[E, O] {
	o.t.Helper()
	if o.rejection != nil {
		o.t.Errorf("%sthen it was rejected: %v\nwant\n%s", o.story, o.rejection, numbered(texts(events)))
		return o
	}
	if d := difference(texts(events), o.events); d != "" {
		o.t.Errorf("%sthen (- want, + got)\n%s", o.story, d)
	}
	return o
}

// Emitting says which outputs Decide and React emitted, in this order.
func (o Outcome[E, O]) Emitting(outputs ...O) Outcome[E, O] {
	o.t.Helper()
	if d := difference(texts(outputs), o.outputs); d != "" {
		o.t.Errorf("%sthen it emitted (- want, + got)\n%s", o.story, d)
	}
	return o
}

// ThenRejected says that Decide rejects the command with an error that
// [errors.Is] the given one.
func (o Outcome[E, O]) ThenRejected(err error) {
	o.t.Helper()
	switch {
	case o.rejection == nil:
		o.t.Errorf("%sthen it was accepted, with these events\n%swant it rejected: %v", o.story, numbered(o.events), err)
	case !errors.Is(o.rejection, err):
		o.t.Errorf("%sthen it was rejected (- want, + got)\n    - %v\n    + %v", o.story, err, o.rejection)
	}
}

// difference shows how got is not what was wanted; "" if it is. What both
// begin and end with is shown once.
func difference(want, got []string) string {
	if slices.Equal(want, got) {
		return ""
	}
	head, tail, shorter := 0, 0, min(len(want), len(got))
	for head < shorter && want[head] == got[head] {
		head++
	}
	for tail < shorter-head && want[len(want)-1-tail] == got[len(got)-1-tail] {
		tail++
	}
	var b strings.Builder
	show := func(mark string, lines []string) {
		for _, line := range lines {
			fmt.Fprintf(&b, "    %s %s\n", mark, line)
		}
	}
	show(" ", want[:head])
	show("-", want[head:len(want)-tail])
	show("+", got[head:len(got)-tail])
	show(" ", want[len(want)-tail:])
	return b.String()
}
