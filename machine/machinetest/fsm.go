package machinetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/edfsm/edfsm/machine"
	"pgregory.net/rapid"
)

// TestFSM runs machines with generated commands and events, and checks the laws
// that every FSM has to keep:
//
//   - Replay leads, event by event, to the states that the live machine had.
//   - Evolve depends on the state and the event alone.
//   - Evolve says Unchanged only when it has changed nothing; such an event is
//     not logged, so a change that came with it would be lost.
//   - Evolve changes nothing but the state, and keeps no reference into the
//     event: all memory that the event refers to is overwritten behind it,
//     except what stands behind unexported fields.
//   - Decide, React, Init and Terminal change neither the state nor what they
//     are given, and an event that Decide returned stays as it was.
//   - A terminal state stays terminal, whatever events come.
//
// Events are those that may come from outside in any state. Either generator
// may be nil. They ought to reach all states and not seldom: a law that was
// never put to the test is not proved.
//
// States are compared in all that they hold, unexported fields too. An empty
// map or slice counts as nil, and one function or channel as another.
func TestFSM[S, C, E, O any](t testing.TB, fsm machine.FSM[S, C, E, O], commands *rapid.Generator[C], events *rapid.Generator[E]) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		given := inputs(t, commands, events)
		var log machine.Memory[E]
		l := &lawful[S, C, E, O]{fsm: fsm, t: t}
		s := live(t, l, &log, given)
		l.checkLogged(logged(t.Context(), &log))
		first, second := replayed(t, fsm, &log), replayed(t, fsm, &log)
		compare(t, "Evolve is not deterministic: two replays of a log part", "first", first, "second", second)
		compare(t, "replay is not what was live", "live", l.steps, "replay", first)
		if l.Terminal(s) {
			l.outlive(&s, given)
		}
	})
}

// lawful is an FSM that watches another for breaches of the laws.
type lawful[S, C, E, O any] struct {
	fsm     machine.FSM[S, C, E, O]
	t       *rapid.T
	decided []string // the events of the decision in hand that Evolve has not seen
	steps   []step
}

// step is an event that changed the state.
type step struct {
	event  string
	change machine.Change
	state  string // behind it
}

func (s step) String() string {
	return fmt.Sprintf("%s\n      %v to %s", s.event, s.change, shorten(s.state))
}

// broken reports a breach and how it came to it. The law alone is what rapid
// looks for again in shorter histories.
func (l *lawful[S, C, E, O]) broken(law, detail string) {
	l.t.Helper()
	l.t.Logf("%s\n%s", history(l.steps), detail)
	l.t.Fatal(law)
}

func history(steps []step) string {
	if len(steps) == 0 {
		return "at the start:"
	}
	lines := make([]string, len(steps))
	for i, s := range steps {
		lines[i] = s.String()
	}
	return "after these events:\n" + strings.TrimSuffix(numbered(lines), "\n")
}

func (l *lawful[S, C, E, O]) same(law, event, before, after string) {
	l.t.Helper()
	if before != after {
		before, after = contrast(before, after)
		l.broken(law, fmt.Sprintf("      %s\nbefore: %s\nafter:  %s", event, before, after))
	}
}

func (l *lawful[S, C, E, O]) Decide(s S, cmd C, emit func(O)) ([]E, error) {
	before, given := text(s), text(cmd)
	events, err := l.fsm.Decide(s, cmd, emit)
	l.same("Decide changed the state", given, before, text(s))
	l.same("Decide changed its command", given, given, text(cmd))
	l.decided = nil
	if err == nil {
		l.decided = texts(events)
	}
	return events, err
}

func (l *lawful[S, C, E, O]) Evolve(s *S, e E) machine.Change {
	event := text(e)
	if len(l.decided) > 0 {
		l.same("an event changed after Decide returned it", l.decided[0], l.decided[0], event)
		l.decided = l.decided[1:]
	}
	terminal := l.Terminal(*s)
	before := text(*s)
	own := clone(e)
	change := l.fsm.Evolve(s, own)
	after := text(*s)
	l.same("Evolve changed its event", event, event, text(own))
	overwrite(own)
	l.same("Evolve keeps a reference into its event: when that was overwritten, the state changed", event, after, text(*s))
	switch {
	case change > machine.Transitioned:
		l.broken("Evolve answered with a change that there is not", fmt.Sprintf("      %s\nchange: %d", event, change))
	case change == machine.Unchanged:
		l.same("Evolve said Unchanged and changed the state", event, before, after)
	case terminal && !l.Terminal(*s):
		l.broken("a terminal state did not stay terminal", fmt.Sprintf("      %s\nbefore: %s\nafter:  %s", event, before, after))
	default:
		l.steps = append(l.steps, step{event, change, after})
	}
	return change
}

func (l *lawful[S, C, E, O]) React(s S, e E, c machine.Change, emit func(O)) {
	before, event := text(s), text(e)
	l.fsm.React(s, e, c, emit)
	l.same("React changed the state", event, before, text(s))
	l.same("React changed the event", event, event, text(e))
}

func (l *lawful[S, C, E, O]) Init(s S, emit func(O)) {
	if fsm, ok := l.fsm.(interface{ Init(S, func(O)) }); ok {
		before := text(s)
		fsm.Init(s, emit)
		l.same("Init changed the state", "Init", before, text(s))
	}
}

func (l *lawful[S, C, E, O]) Terminal(s S) bool {
	fsm, ok := l.fsm.(interface{ Terminal(S) bool })
	if !ok {
		return false
	}
	before := text(s)
	terminal := fsm.Terminal(s)
	l.same("Terminal changed the state", "Terminal", before, text(s))
	return terminal
}

// checkLogged compares what a batch brought to the log with what Evolve saw:
// an event that points into the state changes with it in between.
func (l *lawful[S, C, E, O]) checkLogged(events []E) {
	for i, e := range events {
		event := l.steps[i].event
		l.same("an event changed between Evolve and the log", event, event, text(e))
	}
}

// outlive lets all events come that were drawn, once the machine has ended.
func (l *lawful[S, C, E, O]) outlive(s *S, given []input[C, E]) {
	for _, in := range given {
		for _, e := range in.events {
			l.Evolve(s, e)
		}
	}
}

// replayed hydrates a machine and returns its steps.
func replayed[S, C, E, O any](t *rapid.T, fsm machine.FSM[S, C, E, O], log machine.Log[E]) []step {
	l := &lawful[S, C, E, O]{fsm: fsm, t: t}
	live(t, l, log, nil)
	return l.steps
}

// compare says at which event two runs part.
func compare(t *rapid.T, law, nameA string, a []step, nameB string, b []step) {
	t.Helper()
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	if i == max(len(a), len(b)) {
		return
	}
	next := func(name string, steps, other []step) string {
		if i == len(steps) {
			return name + ": nothing more"
		}
		state := shorten(steps[i].state)
		if i < len(other) {
			state, _ = contrast(steps[i].state, other[i].state)
		}
		return fmt.Sprintf("%s:\n      %s\n      %v to %s", name, steps[i].event, steps[i].change, state)
	}
	t.Logf("%s\n%s\n%s", history(a[:i]), next(nameA, a, b), next(nameB, b, a))
	t.Fatal(law)
}
