package table

import (
	"maps"
	"reflect"
	"slices"
)

// reach returns the states to which rows of these events lead from a state, in
// any number of steps, the state among them. Terminal states lead nowhere.
func (c *checker[S, C, E, O, L]) reach(from L, with func(reflect.Type) bool) map[L]bool {
	reached := map[L]bool{from: true}
	for before := 0; before < len(reached); {
		before = len(reached)
		for _, row := range c.eventRows {
			if reached[row.from] && with(row.event) && !c.isTerminal(row.from) {
				reached[row.to] = true
			}
		}
	}
	return reached
}

// checkPaths follows all events that may come, also those from outside.
func (c *checker[S, C, E, O, L]) checkPaths() {
	var start L
	reached := c.reach(start, func(reflect.Type) bool { return true })
	for _, s := range c.states {
		about := Finding{State: nameOfState(s)}
		if c.isState(start) && !reached[s] {
			about.Err = ErrUnreachable
			c.found(about, "no events lead to it from %v", start)
		}
		leaves := func(row *eventRow[S, E, O, L]) bool { return row.from == s && row.to != s }
		if !c.isTerminal(s) && !slices.ContainsFunc(c.eventRows, leaves) {
			about.Err = ErrDeadEnd
			c.found(about, "no row leads from it to another state, and it is not terminal")
		}
	}
}

// checkYields finds events that a row declares and could never yield, since
// they are taken nowhere on the way that its events lead.
func (c *checker[S, C, E, O, L]) checkYields() {
	for _, row := range c.commandRows {
		reached := c.reach(row.from, func(e reflect.Type) bool { return slices.Contains(row.yields, e) })
		for _, e := range row.yields {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(reached)), func(s L) bool { return c.takes(s, e) }) {
				c.found(Finding{ErrUnreachable, nameOfState(row.from), nameOf(row.command), nameOf(e), ""},
					"no row takes the event there, or where other events of the command lead")
			}
		}
	}
}

func (c *checker[S, C, E, O, L]) takes(s L, e reflect.Type) bool {
	return !c.isTerminal(s) && slices.ContainsFunc(c.eventRows, func(row *eventRow[S, E, O, L]) bool {
		return row.from == s && row.event == e
	})
}

// checkComplete finds what was forgotten.
func (c *checker[S, C, E, O, L]) checkComplete() {
	for _, s := range c.states {
		if c.isTerminal(s) {
			continue
		}
		for _, command := range c.commands {
			row := &commandRow[S, C, E, O, L]{from: s, command: command}
			if !slices.ContainsFunc(c.commandRows, row.same) {
				c.found(Finding{Err: ErrUnhandled, State: nameOfState(s), Command: nameOf(command)},
					"the command is neither handled, ignored nor refused there")
			}
		}
	}
	for _, e := range c.events {
		if !slices.ContainsFunc(c.states, func(s L) bool { return c.takes(s, e) }) {
			c.found(Finding{Err: ErrUnhandled, Event: nameOf(e)}, "no state takes it")
		}
	}
}
