package table

import "reflect"

// Table is the declaration of a machine: a list of rows, until [Table.Build]
// checks them and makes an [FSM] of them. It is written by one goroutine. Rows
// may be added in any order, and a mistake in one is found by Build.
type Table[S, C, E, O any, L comparable] struct {
	at  func(S) At[L]
	set func(*S, At[L])

	states   []L
	commands []reflect.Type
	events   []reflect.Type

	commandRows []*commandRow[S, C, E, O, L]
	eventRows   []*eventRow[S, E, O, L]
	actions     []actionRow[S, O, L]
	terminal    []L
	init        []func(S, func(O))
}

type commandRow[S, C, E, O any, L comparable] struct {
	Row[S, E]
	from    L
	command reflect.Type
	outcome Outcome // Handled, Ignored or Unknown
	decide  func(S, C, func(O)) ([]E, error)
}

type eventRow[S, E, O any, L comparable] struct {
	from   L
	event  reflect.Type
	to     L
	evolve func(*S, E)
	then   []func(S, E, func(O))
}

type actionRow[S, O any, L comparable] struct {
	state L
	exit  bool
	name  string
	do    func(S, func(O))
}

// Row is a row that takes a command.
type Row[S, E any] struct {
	yields []reflect.Type
	guards []guard[S]
}

type guard[S any] struct {
	name  string
	holds func(S) bool
}

// New begins a table of these states, commands and events, each command and
// event told by a value of its type, such as Pay{}. The first of the two type
// arguments is the state of the machine, which embeds [At], the second is its
// outputs; the others are inferred.
//
//	t := table.New[Order, Mail](
//		[]Status{Cart, Ordered, Sent},
//		[]Command{Add{}, Place{}, Send{}},
//		[]Event{Added{}, Placed{}, Left{}})
func New[S placed[L], O any, L comparable, C, E any, P movable[S, L]](states []L, commands []C, events []E) *Table[S, C, E, O, L] {
	return &Table[S, C, E, O, L]{
		at:       S.at,
		set:      func(s *S, at At[L]) { P(s).set(at) },
		states:   states,
		commands: typesOf(commands),
		events:   typesOf(events),
	}
}

// Command adds a row: in state from, decide says which events follow from a
// command of type K. An error of decide's own goes to the caller as it is.
func Command[S, C, E, O any, L comparable, K any](t *Table[S, C, E, O, L], from L, decide func(s S, cmd K, emit func(O)) ([]E, error)) *Row[S, E] {
	row := &commandRow[S, C, E, O, L]{from: from, command: reflect.TypeFor[K](), outcome: Handled}
	if decide != nil {
		row.decide = func(s S, cmd C, emit func(O)) ([]E, error) { return decide(s, any(cmd).(K), emit) }
	}
	t.commandRows = append(t.commandRows, row)
	return &row.Row
}

// Yields declares which events may follow from the command, told by values of
// their types: any number of them, in any order that the rows of events allow.
// If decide returns another, the command fails with [ErrUndeclared], and
// nothing comes of it.
func (r *Row[S, E]) Yields(events ...E) *Row[S, E] {
	r.yields = append(r.yields, typesOf(events)...)
	return r
}

// If lets the row take its command only while a guard holds, and may be called
// more than once. A guard knows the state alone, so that [FSM.Commands] can say
// what it would deny before there is a command; what depends on the command's
// data is up to decide.
func (r *Row[S, E]) If(guardName string, holds func(s S) bool) *Row[S, E] {
	r.guards = append(r.guards, guard[S]{guardName, holds})
	return r
}

// Event adds a row: in state from, an event of type K leads to state to, which
// may be the same. apply changes what else there is to the state; it is called
// in replay too and keeps the rules of Evolve in [machine.FSM]. What it does to
// [At] is undone. Each then is called once the change is made, live and never
// in replay, after the exit actions of from and before the entry actions of to.
func Event[S, C, E, O any, L comparable, K any](t *Table[S, C, E, O, L], from L, apply func(s *S, e K), to L, then ...func(s S, e K, emit func(O))) {
	row := &eventRow[S, E, O, L]{from: from, event: reflect.TypeFor[K](), to: to}
	if apply != nil {
		row.evolve = func(s *S, e E) {
			at := t.at(*s)
			apply(s, any(e).(K))
			if to != from {
				at = At[L]{State: to, Before: from}
			}
			t.set(s, at)
		}
	}
	for _, f := range then {
		if f == nil {
			row.evolve = nil // for Build to find
			continue
		}
		row.then = append(row.then, func(s S, e E, emit func(O)) { f(s, any(e).(K), emit) })
	}
	t.eventRows = append(t.eventRows, row)
}

// Ignore adds rows: in state from, these commands have no effect, and their
// callers no error.
func (t *Table[S, C, E, O, L]) Ignore(from L, commands ...C) { t.idle(from, Ignored, commands) }

// Refuse adds rows: state from does not take these commands, and their callers
// get a [*Refusal] that says which it takes.
func (t *Table[S, C, E, O, L]) Refuse(from L, commands ...C) { t.idle(from, Unknown, commands) }

func (t *Table[S, C, E, O, L]) idle(from L, outcome Outcome, commands []C) {
	for _, command := range typesOf(commands) {
		t.commandRows = append(t.commandRows, &commandRow[S, C, E, O, L]{from: from, command: command, outcome: outcome})
	}
}

// Entry adds an action for when a row has led from another state to this one.
// Actions run in the order they were added, live and never in replay; their
// outputs are released after the events are durable. A machine is not led to
// the state that it starts in.
func (t *Table[S, C, E, O, L]) Entry(state L, actionName string, do func(s S, emit func(O))) {
	t.actions = append(t.actions, actionRow[S, O, L]{state, false, actionName, do})
}

// Exit adds an action for when a row has led from this state to another. The
// action is given the state behind that change.
func (t *Table[S, C, E, O, L]) Exit(state L, actionName string, do func(s S, emit func(O))) {
	t.actions = append(t.actions, actionRow[S, O, L]{state, true, actionName, do})
}

// Init adds an action for the start of Run, after the replay.
func (t *Table[S, C, E, O, L]) Init(do func(s S, emit func(O))) { t.init = append(t.init, do) }

// Terminal says in which states a machine ends. They take nothing.
func (t *Table[S, C, E, O, L]) Terminal(states ...L) { t.terminal = append(t.terminal, states...) }

func typesOf[T any](values []T) []reflect.Type {
	types := make([]reflect.Type, len(values))
	for i, v := range values {
		types[i] = reflect.TypeOf(v)
	}
	return types
}

// nameOf is the name of a type without its package.
func nameOf(t reflect.Type) string {
	switch {
	case t == nil:
		return "nil"
	case t.Name() != "":
		return t.Name()
	case t.Kind() == reflect.Pointer:
		return "*" + nameOf(t.Elem())
	}
	return t.String()
}
