package table_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/edfsm/edfsm/machine/table"
	"pgregory.net/rapid"
)

// wild draws a table of few rows with anything wrong.
func wild(t *rapid.T) rows {
	draw := func(from, to int, what string) int { return rapid.IntRange(from, to).Draw(t, what) }
	r := rows{states: draw(1, 4, "states"), commands: draw(1, 3, "commands"), events: draw(1, 3, "events")}
	// A state, command or event that is not declared is seldom.
	some := func(n int, what string) int {
		if draw(0, 15, what+" too many") == 0 {
			return n
		}
		return draw(0, n-1, what)
	}
	for range draw(0, 8, "event rows") {
		r.event = append(r.event, eventRow{some(r.states, "from"), some(r.events, "event"), some(r.states, "to")})
	}
	for range draw(0, 8, "command rows") {
		row := commandRow{from: some(r.states, "from"), command: some(r.commands, "command")}
		row.outcome = rapid.SampledFrom([]table.Outcome{table.Handled, table.Ignored, table.Unknown}).Draw(t, "outcome")
		if row.outcome == table.Handled {
			for range draw(0, 3, "yields") {
				row.yields = append(row.yields, some(r.events, "event"))
			}
			row.yields = slices.Compact(slices.Sorted(slices.Values(row.yields)))
		}
		r.command = append(r.command, row)
	}
	if draw(0, 2, "actions") == 0 {
		r.actions = append(r.actions, actionRow{some(r.states, "state"), rapid.Bool().Draw(t, "exit")})
	}
	for range draw(0, 2, "ends") {
		if s := some(r.states, "terminal"); !slices.Contains(r.terminal, s) {
			r.terminal = append(r.terminal, s)
		}
	}
	return r
}

// steps returns all states to which one event may lead. Of ambiguous rows each
// may be meant.
func (r rows) steps(from, event int) []int {
	var to []int
	for _, e := range r.event {
		if e.from == from && e.event == event && !slices.Contains(r.terminal, from) {
			to = append(to, e.to)
		}
	}
	return to
}

// witness looks for events, of those that are given, that lead from a state to
// one for which found is true: it tries all sequences up to a length.
func (r rows) witness(from int, events []int, length int, found func(state int) bool) bool {
	if found(from) {
		return true
	}
	for _, e := range events {
		for _, to := range r.steps(from, e) {
			if length > 0 && r.witness(to, events, length-1, found) {
				return true
			}
		}
	}
	return false
}

// trial collects what is wrong with a table, found by trying it out.
type trial struct {
	rows
	wrong []string
}

func (r *trial) found(err error, state, command, event int) {
	r.wrong = append(r.wrong, key(err, name(state, "%d"), name(command, "c%d"), name(event, "e%d")))
}

const none = -1

func (r *trial) tryCommandRow(row commandRow, earlier []commandRow) {
	if row.from >= r.states {
		r.found(table.ErrUndeclared, row.from, row.command, none)
	}
	if row.command >= r.commands {
		r.found(table.ErrUndeclared, row.from, row.command, none)
	}
	for _, e := range row.yields {
		if e >= r.events {
			r.found(table.ErrUndeclared, row.from, row.command, e)
		}
		if !r.witness(row.from, row.yields, r.states, func(s int) bool { return len(r.steps(s, e)) > 0 }) {
			r.found(table.ErrUnreachable, row.from, row.command, e)
		}
	}
	if slices.ContainsFunc(earlier, func(o commandRow) bool { return o.from == row.from && o.command == row.command }) {
		r.found(table.ErrAmbiguous, row.from, row.command, none)
	}
	if slices.Contains(r.terminal, row.from) {
		r.found(table.ErrUnreachable, row.from, row.command, none)
	}
}

func (r *trial) tryEventRow(row eventRow, earlier []eventRow) {
	for _, s := range []int{row.from, row.to} {
		if s >= r.states {
			r.found(table.ErrUndeclared, row.from, none, row.event)
		}
	}
	if row.event >= r.events {
		r.found(table.ErrUndeclared, row.from, none, row.event)
	}
	if slices.ContainsFunc(earlier, func(o eventRow) bool { return o.from == row.from && o.event == row.event }) {
		r.found(table.ErrAmbiguous, row.from, none, row.event)
	}
	if slices.Contains(r.terminal, row.from) {
		r.found(table.ErrUnreachable, row.from, none, row.event)
	}
}

func (r *trial) tryState(s int) {
	all := []int{0, 1, 2, 3}
	if !r.witness(0, all, r.states, func(at int) bool { return at == s }) {
		r.found(table.ErrUnreachable, s, none, none)
	}
	if slices.Contains(r.terminal, s) {
		return
	}
	if !r.witness(s, all, 1, func(at int) bool { return at != s }) {
		r.found(table.ErrDeadEnd, s, none, none)
	}
	for c := range r.commands {
		if !slices.ContainsFunc(r.command, func(row commandRow) bool { return row.from == s && row.command == c }) {
			r.found(table.ErrUnhandled, s, c, none)
		}
	}
}

func (r *trial) tryActions() {
	for _, a := range r.actions {
		if a.state >= r.states {
			r.found(table.ErrUndeclared, a.state, none, none)
		} else if !r.moves(a) {
			r.found(table.ErrUnreachable, a.state, none, none)
		}
	}
	for _, s := range r.terminal {
		if s >= r.states {
			r.found(table.ErrUndeclared, s, none, none)
		}
	}
}

func (r *trial) tryEvent(e int) {
	for s := range r.states {
		if len(r.steps(s, e)) > 0 {
			return
		}
	}
	r.found(table.ErrUnhandled, none, none, e)
}

func (r rows) try() []string {
	t := &trial{rows: r}
	for i, row := range r.command {
		t.tryCommandRow(row, r.command[:i])
	}
	for i, row := range r.event {
		t.tryEventRow(row, r.event[:i])
	}
	for s := range r.states {
		t.tryState(s)
	}
	for e := range r.events {
		t.tryEvent(e)
	}
	t.tryActions()
	return t.wrong
}

func name(n int, format string) string {
	if n < 0 {
		return ""
	}
	return fmt.Sprintf(format, n)
}

func key(err error, about ...string) string { return err.Error() + ": " + strings.Join(about, "|") }

// What Build finds is what trying the table out finds: each finding has a
// witness, or all sequences of events that could be one were tried.
func TestFindingsAreRealAndComplete(t *testing.T) {
	seen := make(map[error]int)
	rapid.Check(t, func(t *rapid.T) {
		r := wild(t)
		_, err := r.build()
		findings, _ := errors.AsType[table.Findings](err)
		var got []string
		for _, f := range findings {
			seen[f.Err]++
			got = append(got, key(f.Err, f.State, f.Command, f.Event))
		}
		want := r.try()
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("found\n%s\nwant\n%s\nin %+v", strings.Join(got, "\n"), strings.Join(want, "\n"), r)
		}
	})
	for _, err := range []error{table.ErrUndeclared, table.ErrAmbiguous, table.ErrUnreachable, table.ErrDeadEnd, table.ErrUnhandled} {
		if seen[err] == 0 {
			t.Errorf("%v was never found", err)
		}
	}
}
