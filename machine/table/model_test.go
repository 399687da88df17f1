package table_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/edfsm/edfsm/machine"
	"github.com/edfsm/edfsm/machine/table"
	"pgregory.net/rapid"
)

// interpreter is what rows mean, written out by hand.
type interpreter struct {
	rows
	state   sum
	outputs []string
}

func (in *interpreter) emit(text string) { in.outputs = append(in.outputs, text) }

func (in *interpreter) finished() bool { return slices.Contains(in.terminal, in.state.State) }

func (in *interpreter) row(command int) commandRow {
	i := slices.IndexFunc(in.command, func(r commandRow) bool {
		return r.from == in.state.State && r.command == command
	})
	return in.command[i]
}

func (in *interpreter) denying(r commandRow) []string {
	var names []string
	for _, g := range r.guards {
		if !holds(g, in.state) {
			names = append(names, guardName(g))
		}
	}
	return names
}

func (in *interpreter) offers() []table.Offer {
	offers := []table.Offer{}
	for c := range in.commands {
		if in.finished() {
			break
		}
		if r := in.row(c); r.outcome == table.Handled {
			offers = append(offers, table.Offer{Command: fmt.Sprint("c", c), DeniedBy: in.denying(r)})
		}
	}
	return offers
}

// outcome is that of a command, and what the refusal of it says.
func (in *interpreter) outcome(command int) table.Refusal {
	refusal := table.Refusal{State: fmt.Sprint(in.state.State), Command: fmt.Sprint("c", command)}
	if in.finished() {
		refusal.Outcome = table.Finished
		return refusal
	}
	r := in.row(command)
	refusal.Outcome = r.outcome
	if denying := in.denying(r); len(denying) > 0 {
		refusal.Outcome, refusal.Guard = table.Denied, denying[0]
	}
	for _, offer := range in.offers() {
		if refusal.Outcome == table.Unknown && len(offer.DeniedBy) == 0 {
			refusal.Takes = append(refusal.Takes, offer.Command)
		}
	}
	return refusal
}

func (in *interpreter) do(command, n int) (machine.Change, error) {
	refusal := in.outcome(command)
	switch refusal.Outcome {
	case table.Ignored:
		return machine.Unchanged, nil
	case table.Handled:
		outputs := in.outputs
		events, err := in.row(command).decide(commandOf(command, n), in.emit)
		if err != nil {
			in.outputs = outputs
			return machine.Unchanged, err
		}
		return in.apply(events), nil
	}
	return machine.Unchanged, &refusal
}

func (in *interpreter) apply(events []number) (greatest machine.Change) {
	for _, e := range events {
		kind := slices.IndexFunc([]number{e0{}, e1{}, e2{}, e3{}}, func(k number) bool {
			return reflect.TypeOf(k) == reflect.TypeOf(e)
		})
		to := in.after(in.state.State, kind)
		if to < 0 {
			continue
		}
		from := in.state.State
		in.state.Sum += e.number()
		if to == from {
			greatest = max(greatest, machine.Updated)
			in.emit(fmt.Sprint("then ", e, in.state))
			continue
		}
		greatest = machine.Transitioned
		in.state.At = table.At[int]{State: to, Before: from}
		in.act(actionRow{from, true})
		in.emit(fmt.Sprint("then ", e, in.state))
		in.act(actionRow{to, false})
	}
	return greatest
}

func (in *interpreter) act(a actionRow) {
	if slices.Contains(in.actions, a) {
		in.emit(fmt.Sprint(a.name(), in.state))
	}
}

// A random table in a machine does what the interpreter of its rows does, event
// by event, output by output and refusal by refusal.
func TestTableDoesWhatItsRowsSay(t *testing.T) {
	seen := make(map[table.Outcome]int)
	rapid.Check(t, func(t *rapid.T) {
		in := &interpreter{rows: drawRows(t)}
		fsm, err := in.build()
		if err != nil {
			t.Fatal(err)
		}
		var outputs []string
		m := machine.New(fsm, machine.Config[sum, number, string]{
			Outputs: machine.Each(func(_ context.Context, text string) error {
				outputs = append(outputs, text)
				return nil
			}),
		})
		ctx := t.Context()
		ended := make(chan error)
		go func() { ended <- m.Run(ctx) }()
		for range rapid.IntRange(1, 30).Draw(t, "inputs") {
			if in.finished() {
				break
			}
			kind, n := rapid.IntRange(0, 3).Draw(t, "kind"), rapid.IntRange(0, 13).Draw(t, "n")
			var change, wantChange machine.Change
			var wantErr error
			if rapid.IntRange(0, 3).Draw(t, "event") == 0 {
				wantChange = in.apply([]number{eventOf(kind, n)})
				change, err = m.Apply(ctx, eventOf(kind, n))
			} else {
				want := in.outcome(kind).Outcome
				seen[want]++
				if got := fsm.Outcome(in.state, commandOf(kind, n)); got != want {
					t.Fatalf("outcome %v, want %v", got, want)
				}
				wantChange, wantErr = in.do(kind, n)
				change, err = m.Do(ctx, commandOf(kind, n))
			}
			if change != wantChange || !sameError(err, wantErr) {
				t.Fatalf("%v, %v, want %v, %v", change, err, wantChange, wantErr)
			}
			if !slices.Equal(outputs, in.outputs) {
				t.Fatalf("outputs %q, want %q", outputs, in.outputs)
			}
		}
		if in.finished() {
			seen[table.Finished]++
			if _, err := m.Do(ctx, c0{}); !errors.Is(err, machine.ErrStopped) {
				t.Fatalf("after the end: %v", err)
			}
		}
		m.Close()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		state, err := machine.View(ctx, m, func(s sum) sum { return s })
		if err != nil || state != in.state {
			t.Fatalf("state %v, %v, want %v", state, err, in.state)
		}
		if got, want := fsm.Commands(state), in.offers(); !reflect.DeepEqual(got, want) {
			t.Fatalf("offers %v, want %v", got, want)
		}
		refusal := in.outcome(0)
		if _, err := fsm.Decide(state, c0{}, func(string) {}); refusal.Outcome == table.Finished && !sameError(err, &refusal) {
			t.Fatalf("a finished machine answers %v, want %v", err, &refusal)
		}
	})
	for _, o := range []table.Outcome{table.Handled, table.Ignored, table.Denied, table.Unknown, table.Finished} {
		if seen[o] == 0 {
			t.Errorf("no command was %v", o)
		}
	}
}

// sameError compares refusals in all they say, and finds them through Do.
func sameError(err, want error) bool {
	if refusal, ok := want.(*table.Refusal); ok {
		got, found := errors.AsType[*table.Refusal](err)
		return found && reflect.DeepEqual(got, refusal)
	}
	return errors.Is(err, want)
}
