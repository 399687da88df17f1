package table_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/edfsm/edfsm/machine/table"
	"pgregory.net/rapid"
)

// plain is a state with nothing to it but where it is.
type plain struct{ table.At[string] }

// sum is a state that its guards and its events depend on.
type sum struct {
	table.At[int]
	Sum int
}

type number interface{ number() int }

type (
	c0 struct{ N int }
	c1 struct{ N int }
	c2 struct{ N int }
	c3 struct{ N int }
	e0 struct{ N int }
	e1 struct{ N int }
	e2 struct{ N int }
	e3 struct{ N int }
)

func (c c0) number() int { return c.N }
func (c c1) number() int { return c.N }
func (c c2) number() int { return c.N }
func (c c3) number() int { return c.N }
func (e e0) number() int { return e.N }
func (e e1) number() int { return e.N }
func (e e2) number() int { return e.N }
func (e e3) number() int { return e.N }

func commandOf(kind, n int) number { return []number{c0{n}, c1{n}, c2{n}, c3{n}}[kind] }
func eventOf(kind, n int) number   { return []number{e0{n}, e1{n}, e2{n}, e3{n}}[kind] }

// rows is a table as plain data. States, commands and events are numbers, and
// those from the first three fields on are not declared.
type rows struct {
	states, commands, events int
	command                  []commandRow
	event                    []eventRow
	actions                  []actionRow
	terminal                 []int
}

type commandRow struct {
	from, command int
	outcome       table.Outcome
	yields        []int // what may follow
	walk          []int // what does, or a beginning of it
	guards        []int
}

type eventRow struct{ from, event, to int }

type actionRow struct {
	state int
	exit  bool
}

func (a actionRow) name() string {
	if a.exit {
		return fmt.Sprint("exit ", a.state)
	}
	return fmt.Sprint("entry ", a.state)
}

var errUnlucky = errors.New("13")

// decide is the function of each row: it refuses 13 and otherwise yields the
// beginning of the row's walk that the command's number asks for.
func (r commandRow) decide(cmd number, emit func(string)) ([]number, error) {
	emit(fmt.Sprint("decide ", cmd))
	if cmd.number() == 13 {
		return nil, errUnlucky
	}
	var events []number
	for _, e := range r.walk[:cmd.number()%(len(r.walk)+1)] {
		events = append(events, eventOf(e, cmd.number()))
	}
	return events, nil
}

func holds(guard int, s sum) bool { return s.Sum%guard != 0 }
func guardName(guard int) string  { return fmt.Sprint("not by ", guard) }

type numbers = table.Table[sum, number, number, string, int]

// build declares the rows.
func (r rows) build() (*table.FSM[sum, number, number, string], error) {
	var states []int
	var commands, events []number
	for i := range r.states {
		states = append(states, i)
	}
	for i := range r.commands {
		commands = append(commands, commandOf(i, 0))
	}
	for i := range r.events {
		events = append(events, eventOf(i, 0))
	}
	t := table.New[sum, string](states, commands, events)
	for _, row := range r.command {
		row.declare(t)
	}
	for _, row := range r.event {
		[]func(*numbers, eventRow){declareEvent[e0], declareEvent[e1], declareEvent[e2], declareEvent[e3]}[row.event](t, row)
	}
	for _, a := range r.actions {
		add := t.Entry
		if a.exit {
			add = t.Exit
		}
		add(a.state, a.name(), func(s sum, emit func(string)) { emit(fmt.Sprint(a.name(), s)) })
	}
	t.Terminal(r.terminal...)
	return t.Build()
}

func (r commandRow) declare(t *numbers) {
	switch r.outcome {
	case table.Ignored:
		t.Ignore(r.from, commandOf(r.command, 0))
	case table.Unknown:
		t.Refuse(r.from, commandOf(r.command, 0))
	case table.Handled:
		[]func(*numbers, commandRow){declareCommand[c0], declareCommand[c1], declareCommand[c2], declareCommand[c3]}[r.command](t, r)
	}
}

func declareCommand[K number](t *numbers, r commandRow) {
	row := table.Command(t, r.from, func(_ sum, c K, emit func(string)) ([]number, error) { return r.decide(c, emit) })
	for _, e := range r.yields {
		row.Yields(eventOf(e, 0))
	}
	for _, g := range r.guards {
		row.If(guardName(g), func(s sum) bool { return holds(g, s) })
	}
}

func declareEvent[K number](t *numbers, r eventRow) {
	table.Event(t, r.from, func(s *sum, e K) {
		s.Sum += e.number()
		s.State, s.Before = 99, 99 // to no avail
	}, r.to, func(s sum, e K, emit func(string)) { emit(fmt.Sprint("then ", e, s)) })
}

// drawRows draws a table with nothing wrong.
func drawRows(t *rapid.T) rows {
	r := rows{states: rapid.IntRange(2, 5).Draw(t, "states"), commands: 4, events: 4}
	draw := func(n int, what string) int { return rapid.IntRange(0, n-1).Draw(t, what) }
	for s := 1; s < r.states; s++ { // a way to each state
		from := draw(s, "from")
		for r.after(from, (s-1)%4) >= 0 {
			from = (from + 1) % s
		}
		r.event = append(r.event, eventRow{from, (s - 1) % 4, s})
	}
	for s := range r.states { // a way out of each, or an end
		if !slices.ContainsFunc(r.event, func(e eventRow) bool { return e.from == s }) {
			if s > 0 && rapid.Bool().Draw(t, "terminal") {
				r.terminal = append(r.terminal, s)
				continue
			}
			r.event = append(r.event, eventRow{s, draw(4, "event"), (s + 1 + draw(r.states-1, "to")) % r.states})
		}
		for e := range 4 {
			if rapid.Bool().Draw(t, "more") && r.after(s, e) < 0 {
				r.event = append(r.event, eventRow{s, e, draw(r.states, "to")})
			}
		}
	}
	for e := range 4 { // each event is taken somewhere
		if !slices.ContainsFunc(r.event, func(row eventRow) bool { return row.event == e }) {
			r.event = append(r.event, eventRow{0, e, draw(r.states, "to")})
		}
	}
	for s := range r.states {
		for c := range 4 {
			if !slices.Contains(r.terminal, s) {
				r.command = append(r.command, r.drawCommand(t, s, c))
			}
		}
		for _, a := range []actionRow{{s, false}, {s, true}} {
			if rapid.Bool().Draw(t, a.name()) && r.moves(a) {
				r.actions = append(r.actions, a)
			}
		}
	}
	return r
}

func (r rows) drawCommand(t *rapid.T, from, command int) commandRow {
	row := commandRow{from: from, command: command}
	row.outcome = rapid.SampledFrom([]table.Outcome{table.Handled, table.Handled, table.Ignored, table.Unknown}).Draw(t, "outcome")
	if row.outcome != table.Handled {
		return row
	}
	row.guards = rapid.SliceOfNDistinct(rapid.IntRange(2, 4), 0, 2, rapid.ID[int]).Draw(t, "guards")
	for range rapid.IntRange(0, 3).Draw(t, "length") {
		var takes []int
		for _, e := range r.event {
			if e.from == from {
				takes = append(takes, e.event)
			}
		}
		if len(takes) == 0 {
			break
		}
		e := rapid.SampledFrom(takes).Draw(t, "yields")
		row.walk = append(row.walk, e)
		from = r.after(from, e)
	}
	row.yields = slices.Compact(slices.Sorted(slices.Values(row.walk)))
	return row
}

// after is the state to which an event leads, or -1.
func (r rows) after(from, event int) int {
	for _, e := range r.event {
		if e.from == from && e.event == event && !slices.Contains(r.terminal, from) {
			return e.to
		}
	}
	return -1
}

func (r rows) moves(a actionRow) bool {
	return slices.ContainsFunc(r.event, func(e eventRow) bool {
		return e.from != e.to && (a.exit && e.from == a.state || !a.exit && e.to == a.state)
	})
}

func TestDrawnRowsAreFree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if _, err := drawRows(t).build(); err != nil {
			t.Fatal(err)
		}
	})
}
