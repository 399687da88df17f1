package table

import (
	"fmt"
	"strings"
)

// Outcome is what becomes of a command in a state.
type Outcome uint8

const (
	Handled  Outcome = iota // a row takes it and decides; the row may still return an error of its own
	Ignored                 // a row of Ignore: no effect and no error
	Denied                  // a guard of its row does not hold
	Unknown                 // the state does not take it: a row of Refuse, or no command of the table
	Finished                // the state is terminal, and a machine in it has ended: Do returns machine.ErrStopped
)

func (o Outcome) String() string {
	switch o {
	case Handled:
		return "handled"
	case Ignored:
		return "ignored"
	case Denied:
		return "denied"
	case Unknown:
		return "unknown"
	case Finished:
		return "finished"
	}
	return "invalid outcome"
}

// Refusal is the error of Decide for a command that was not taken. The error of
// Do wraps it, so that [errors.AsType] finds it there, unless it is Finished:
// then the machine has ended, and Do returns [machine.ErrStopped].
type Refusal struct {
	Outcome Outcome // Denied, Unknown or Finished
	State   string
	Command string
	Guard   string   // of Denied: the first guard that does not hold
	Takes   []string // of Unknown: the commands that would be taken now
}

func (r *Refusal) Error() string {
	switch {
	case r.Outcome == Denied:
		return fmt.Sprintf("table: %s in %s is denied by %q", r.Command, r.State, r.Guard)
	case r.Outcome == Finished:
		return fmt.Sprintf("table: %s in %s, which is terminal", r.Command, r.State)
	case len(r.Takes) == 0:
		return fmt.Sprintf("table: %s does not take %s", r.State, r.Command)
	}
	return fmt.Sprintf("table: %s does not take %s, but %s", r.State, r.Command, strings.Join(r.Takes, ", "))
}

// Offer is a command that a state takes.
type Offer struct {
	Command  string
	DeniedBy []string // the guards that do not hold now; none: it would be taken
}

// Commands says which commands may be sent to a machine in this state, in the
// order of the table's commands. It is for use with [machine.View].
func (f *FSM[S, C, E, O]) Commands(s S) []Offer {
	st := f.place(s)
	offers := make([]Offer, 0, len(st.commands))
	for _, row := range st.commands {
		if row.outcome != Handled {
			continue
		}
		offer := Offer{Command: row.name}
		for _, g := range row.guards {
			if !g.holds(s) {
				offer.DeniedBy = append(offer.DeniedBy, g.name)
			}
		}
		offers = append(offers, offer)
	}
	return offers
}

// Outcome says what would become of a command, without deciding on it. It
// tells Ignored from Handled, which for Do are both no error.
func (f *FSM[S, C, E, O]) Outcome(s S, cmd C) Outcome {
	_, outcome, _ := f.place(s).look(s, cmd)
	return outcome
}

func (f *FSM[S, C, E, O]) refusal(st *state[S, C, E, O], s S, cmd C, outcome Outcome, guard string) error {
	r := &Refusal{Outcome: outcome, State: st.name, Command: nameOfValue(cmd), Guard: guard}
	if outcome == Unknown {
		for _, offer := range f.Commands(s) {
			if len(offer.DeniedBy) == 0 {
				r.Takes = append(r.Takes, offer.Command)
			}
		}
	}
	return r
}
