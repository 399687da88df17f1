package machinetest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/edfsm/edfsm/machine"
	"pgregory.net/rapid"
)

// input is a command, or the events of one call from outside.
type input[C, E any] struct {
	cmd     C
	events  []E
	command bool
}

// GoString is how rapid shows an input.
func (in input[C, E]) GoString() string {
	if in.command {
		return "command " + text(in.cmd)
	}
	return "events " + strings.Join(texts(in.events), ", ")
}

// inputs draws what a machine is given in its life. Either generator may be
// nil.
func inputs[C, E any](t *rapid.T, commands *rapid.Generator[C], events *rapid.Generator[E]) []input[C, E] {
	var kinds []*rapid.Generator[input[C, E]]
	if commands != nil {
		kinds = append(kinds, rapid.Map(commands, func(cmd C) input[C, E] {
			return input[C, E]{cmd: cmd, command: true}
		}))
	}
	if events != nil {
		kinds = append(kinds, rapid.Map(rapid.SliceOfN(events, 1, 3), func(events []E) input[C, E] {
			return input[C, E]{events: events}
		}))
	}
	if kinds == nil {
		t.Fatal("neither commands nor events are generated")
	}
	some := rapid.SliceOfN(rapid.OneOf(kinds...), 1, 20) // which makes 6 on average
	return rapid.Map(rapid.SliceOfN(some, 0, 10), func(parts [][]input[C, E]) []input[C, E] {
		return slices.Concat(parts...)
	}).Draw(t, "inputs")
}

// live runs a machine on a log until it has taken the inputs, or has come to a
// terminal state, and returns its last state.
func live[S, C, E, O any](t *rapid.T, fsm machine.FSM[S, C, E, O], log machine.Log[E], inputs []input[C, E]) S {
	ctx := t.Context()
	m := machine.New(fsm, machine.Config[S, E, O]{Log: log, Mailbox: len(inputs)})
	for _, in := range inputs {
		var err error
		if in.command {
			err = m.Send(ctx, in.cmd)
		} else {
			err = m.Notify(ctx, in.events)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	m.Close()
	if err := m.Run(ctx); err != nil {
		t.Fatal(err)
	}
	s, err := machine.View(ctx, m, func(s S) S { return s })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// logged returns the events of a log in memory.
func logged[E any](ctx context.Context, log *machine.Memory[E]) (events []E) {
	for e := range log.Feed(ctx) {
		events = append(events, e)
	}
	return events
}

// numbered lists lines with their numbers from 1.
func numbered(lines []string) string {
	var b strings.Builder
	for i, line := range lines {
		fmt.Fprintf(&b, "%4d  %s\n", i+1, line)
	}
	return b.String()
}
