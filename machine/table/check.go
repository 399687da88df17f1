package table

import (
	"fmt"
	"reflect"
	"slices"
)

// checker looks for what is wrong with a table. All it says follows from the
// rows alone, and none of it depends on what the functions do.
type checker[S, C, E, O any, L comparable] struct {
	*Table[S, C, E, O, L]
	findings Findings
}

func check[S, C, E, O any, L comparable](t *Table[S, C, E, O, L]) Findings {
	c := &checker[S, C, E, O, L]{Table: t}
	c.checkNames()
	c.checkCommandRows()
	c.checkEventRows()
	c.checkActions()
	c.checkPaths()
	c.checkYields()
	c.checkComplete()
	return c.findings
}

func (c *checker[S, C, E, O, L]) found(f Finding, format string, args ...any) {
	f.Detail = fmt.Sprintf(format, args...)
	c.findings = append(c.findings, f)
}

// checkNames looks at what New was given.
func (c *checker[S, C, E, O, L]) checkNames() {
	var start L
	if !c.isState(start) {
		c.found(Finding{Err: ErrUndeclared, State: fmt.Sprintf("%#v", start)}, "a machine starts in the zero %T, and it is no state of the table", start)
	}
	var names []string
	for _, s := range c.states {
		if name := nameOfState(s); slices.Contains(names, name) {
			c.found(Finding{Err: ErrAmbiguous, State: name}, "two states have this name")
		} else {
			names = append(names, name)
		}
	}
	for i, t := range c.commands {
		c.checkType(Finding{Command: nameOf(t)}, t, c.commands[:i])
	}
	for i, t := range c.events {
		c.checkType(Finding{Event: nameOf(t)}, t, c.events[:i])
	}
	for _, s := range c.terminal {
		c.checkState(Finding{State: nameOfState(s)}, s)
	}
}

func (c *checker[S, C, E, O, L]) checkType(about Finding, t reflect.Type, earlier []reflect.Type) {
	if t == nil {
		about.Err = ErrUndeclared
		c.found(about, "a nil value tells no type")
	} else if slices.Contains(earlier, t) {
		about.Err = ErrAmbiguous
		c.found(about, "it is given to New twice")
	}
}

func (c *checker[S, C, E, O, L]) isState(s L) bool    { return slices.Contains(c.states, s) }
func (c *checker[S, C, E, O, L]) isTerminal(s L) bool { return slices.Contains(c.terminal, s) }

func (c *checker[S, C, E, O, L]) checkState(about Finding, s L) {
	if !c.isState(s) {
		about.Err = ErrUndeclared
		c.found(about, "%v is no state of the table", s)
	}
}

func (c *checker[S, C, E, O, L]) checkCommandRows() {
	for i, row := range c.commandRows {
		about := Finding{Err: ErrUndeclared, State: nameOfState(row.from), Command: nameOf(row.command)}
		c.checkState(about, row.from)
		if !slices.Contains(c.commands, row.command) {
			c.found(about, "%s is no command of the table", about.Command)
		}
		for _, e := range row.yields {
			if !slices.Contains(c.events, e) {
				about.Event = nameOf(e)
				c.found(about, "%s is no event of the table", about.Event)
			}
		}
		about.Event = ""
		if row.outcome == Handled && row.decide == nil {
			c.found(about, "its function is nil")
		}
		for _, g := range row.guards {
			if g.holds == nil {
				c.found(about, "the function of its guard %q is nil", g.name)
			}
		}
		c.checkTurn(about, row.from, slices.IndexFunc(c.commandRows, row.same) < i)
	}
}

func (r *commandRow[S, C, E, O, L]) same(other *commandRow[S, C, E, O, L]) bool {
	return r.from == other.from && r.command == other.command
}

func (c *checker[S, C, E, O, L]) checkEventRows() {
	for i, row := range c.eventRows {
		about := Finding{Err: ErrUndeclared, State: nameOfState(row.from), Event: nameOf(row.event)}
		c.checkState(about, row.from)
		c.checkState(about, row.to)
		if !slices.Contains(c.events, row.event) {
			c.found(about, "%s is no event of the table", about.Event)
		}
		if row.evolve == nil {
			c.found(about, "a function of it is nil")
		}
		c.checkTurn(about, row.from, slices.IndexFunc(c.eventRows, row.same) < i)
	}
}

func (r *eventRow[S, E, O, L]) same(other *eventRow[S, E, O, L]) bool {
	return r.from == other.from && r.event == other.event
}

// checkTurn finds rows that never have their turn.
func (c *checker[S, C, E, O, L]) checkTurn(about Finding, from L, second bool) {
	if second {
		about.Err = ErrAmbiguous
		c.found(about, "there is more than one row for it")
	}
	if c.isTerminal(from) {
		about.Err = ErrUnreachable
		c.found(about, "%v is terminal and takes nothing", from)
	}
}

func (c *checker[S, C, E, O, L]) checkActions() {
	for _, do := range c.init {
		if do == nil {
			c.found(Finding{Err: ErrUndeclared}, "the function of Init is nil")
		}
	}
	for _, a := range c.actions {
		about := Finding{Err: ErrUndeclared, State: nameOfState(a.state)}
		c.checkState(about, a.state)
		if a.do == nil {
			c.found(about, "the function of its action %q is nil", a.name)
		}
		about.Err = ErrUnreachable
		runs := func(row *eventRow[S, E, O, L]) bool { return row.from != row.to && row.end(a.exit) == a.state }
		switch {
		case slices.ContainsFunc(c.eventRows, runs) || !c.isState(a.state):
		case a.exit:
			c.found(about, "no row leads from it to another state, so its exit action %q never runs", a.name)
		default:
			c.found(about, "no row leads to it from another state, so its entry action %q never runs", a.name)
		}
	}
}

// end is the state that the row leaves, or the one that it leads to.
func (r *eventRow[S, E, O, L]) end(exit bool) L {
	if exit {
		return r.from
	}
	return r.to
}
