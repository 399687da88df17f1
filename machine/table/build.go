package table

import (
	"fmt"
	"slices"
)

// Build checks the table and makes an FSM of it. When there is anything to
// say about the rows, there is no FSM, and the error is [Findings] with all
// there is to say. Rows that are added later do not change the FSM.
func (t *Table[S, C, E, O, L]) Build() (*FSM[S, C, E, O], error) {
	if findings := check(t); len(findings) > 0 {
		return nil, findings
	}
	states := make(map[L]*state[S, C, E, O], len(t.states))
	f := &FSM[S, C, E, O]{
		place: func(s S) *state[S, C, E, O] { return find(states, t.at(s).State) },
		left:  func(s S) *state[S, C, E, O] { return find(states, t.at(s).Before) },
		init:  slices.Clone(t.init),
	}
	for _, l := range t.states {
		states[l] = &state[S, C, E, O]{
			name:     nameOfState(l),
			terminal: slices.Contains(t.terminal, l),
		}
		f.states = append(f.states, states[l])
	}
	t.linkCommands(states)
	t.linkEvents(states)
	for _, a := range t.actions {
		to := &states[a.state].entry
		if a.exit {
			to = &states[a.state].exit
		}
		*to = append(*to, action[S, O]{a.name, a.do})
	}
	return f, nil
}

// find also answers for a state that the table does not have, such as one of
// an old snapshot: it takes nothing.
func find[S, C, E, O any, L comparable](states map[L]*state[S, C, E, O], l L) *state[S, C, E, O] {
	if st := states[l]; st != nil {
		return st
	}
	return &state[S, C, E, O]{name: nameOfState(l)}
}

// nameOfState is what people read of a state.
func nameOfState(l any) string {
	if name := fmt.Sprint(l); name != "" {
		return name
	}
	return `""`
}

func (t *Table[S, C, E, O, L]) linkCommands(states map[L]*state[S, C, E, O]) {
	for _, command := range t.commands {
		for _, row := range t.commandRows {
			if row.command != command {
				continue
			}
			from := states[row.from]
			from.commands = append(from.commands, &taken[S, C, E, O]{
				name:    nameOf(command),
				command: command,
				outcome: row.outcome,
				guards:  slices.Clone(row.guards),
				yields:  slices.Clone(row.yields),
				decide:  row.decide,
			})
		}
	}
}

func (t *Table[S, C, E, O, L]) linkEvents(states map[L]*state[S, C, E, O]) {
	for _, row := range t.eventRows {
		from := states[row.from]
		from.events = append(from.events, &change[S, C, E, O]{
			name:   nameOf(row.event),
			event:  row.event,
			to:     states[row.to],
			evolve: row.evolve,
			then:   row.then,
		})
	}
}
