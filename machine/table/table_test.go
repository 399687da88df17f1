package table_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/machine"
	"github.com/edfsm/edfsm/machine/machinetest"
	"github.com/edfsm/edfsm/machine/table"
	"pgregory.net/rapid"
)

func shopCommands() *rapid.Generator[Command] {
	amount := rapid.IntRange(0, 3)
	return rapid.OneOf(
		rapid.Map(amount, func(n int) Command { return Add{n} }),
		rapid.Map(amount, func(n int) Command { return Pay{n} }),
		rapid.SampledFrom([]Command{Add{1}, Place{}, Send{}, Cancel{}}))
}

func shopEvents() *rapid.Generator[Event] {
	return rapid.SampledFrom([]Event{Added{2}, Placed{}, Got{1}, Settled{}, Left{}, Dropped{}})
}

func TestShopKeepsTheLaws(t *testing.T) {
	shop, err := Shop()
	if err != nil {
		t.Fatal(err)
	}
	machinetest.TestFSM(t, shop, shopCommands(), shopEvents())
	machinetest.TestFSM(t, shop, shopCommands(), nil)
}

func TestShopDecisions(t *testing.T) {
	f, err := Shop()
	if err != nil {
		t.Fatal(err)
	}
	shop := machinetest.For(t, f)
	shop.Given(Added{7}, Placed{}).When(Pay{7}).Then(Got{7}, Settled{})
	shop.Given(Added{7}, Placed{}).When(Pay{8}).ThenRejected(ErrTooMuch)
}

// toggle is a table of two states whose commands yield what a test wants.
func toggle(t *testing.T, yields func() []number) *table.FSM[sum, number, number, string] {
	t.Helper()
	b := table.New[sum, string]([]int{0, 1}, []number{c0{}}, []number{e0{}, e1{}})
	for s := range 2 {
		table.Command(b, s, func(sum, c0, func(string)) ([]number, error) { return yields(), nil }).Yields(e0{}, e1{})
	}
	table.Event(b, 0, func(*sum, e0) {}, 1)
	table.Event(b, 1, func(*sum, e1) {}, 0)
	b.Init(func(s sum, emit func(string)) { emit("hello") })
	f, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Events that no row takes would be dropped in silence; the command fails
// instead, and nothing comes of it.
func TestYieldsThatNoRowTakes(t *testing.T) {
	for name, c := range map[string]struct {
		yields []number
		ok     bool
	}{
		"in turn":          {[]number{e0{}, e1{}, e0{}}, true},
		"none":             {nil, true},
		"twice":            {[]number{e0{}, e0{}}, false},
		"elsewhere":        {[]number{e1{}}, false},
		"not in the row":   {[]number{e0{}, e2{}}, false},
		"nil":              {[]number{nil}, false},
		"a pointer to one": {[]number{&e0{}}, false},
	} {
		f := toggle(t, func() []number { return c.yields })
		m := machine.New(f, machine.Config[sum, number, string]{})
		go m.Run(t.Context())
		change, err := m.Do(t.Context(), c0{})
		m.Close()
		if c.ok && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !c.ok && (!errors.Is(err, table.ErrUndeclared) || change != machine.Unchanged) {
			t.Errorf("%s: %v, %v", name, change, err)
		}
	}
}

func TestUnknownCommands(t *testing.T) {
	f := toggle(t, func() []number { return nil })
	for name, cmd := range map[string]number{"c1": c1{}, "*c0": &c0{}, "nil": nil} {
		_, err := f.Decide(sum{}, cmd, nil)
		refusal, ok := errors.AsType[*table.Refusal](err)
		if !ok || refusal.Outcome != table.Unknown || refusal.Command != name || len(refusal.Takes) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A state that the table does not have takes nothing.
func TestForeignState(t *testing.T) {
	f := toggle(t, func() []number { return nil })
	s := sum{At: table.At[int]{State: 7}}
	if _, err := f.Decide(s, c0{}, nil); err == nil || f.Evolve(&s, e0{}) != machine.Unchanged || f.Terminal(s) || len(f.Commands(s)) > 0 {
		t.Errorf("state 7 takes something, or it says %v", err)
	}
	if strings.Contains(f.Mermaid(s), "class") {
		t.Error("a state that is not there is marked")
	}
}

// Where a machine stands is kept with its state, by every codec.
func TestAtIsKept(t *testing.T) {
	want := Order{At: table.At[Status]{State: Open, Before: Cart}, Items: 1, Due: 2}
	for _, format := range []codec.Format{codec.JSON, codec.CBOR, codec.MsgPack} {
		c, err := codec.Of[Order](format)
		if err != nil {
			t.Fatal(err)
		}
		data, err := c.Append(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		var got Order
		if err := c.Decode(data, &got); err != nil || got != want {
			t.Errorf("%s: %+v, %v from %q", c.Name(), got, err, data)
		}
	}
}

func TestInit(t *testing.T) {
	var heard []string
	f := toggle(t, func() []number { return nil })
	m := machine.New(f, machine.Config[sum, number, string]{
		Outputs: machine.Each(func(_ context.Context, text string) error { heard = append(heard, text); return nil }),
	})
	m.Close()
	if err := m.Run(t.Context()); err != nil || len(heard) != 1 {
		t.Errorf("%v, %q", err, heard)
	}
}

// What was built stays as it is when its table goes on.
func TestFSMIsNotItsTable(t *testing.T) {
	b := table.New[sum, string]([]int{0, 1}, []number{c0{}}, []number{e0{}})
	row := table.Command(b, 0, func(sum, c0, func(string)) ([]number, error) { return []number{e0{}}, nil }).Yields(e0{})
	table.Event(b, 0, func(*sum, e0) {}, 1)
	b.Terminal(1)
	f, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	before := f.DOT()
	row.If("never", func(sum) bool { return false }).Yields(e1{})
	table.Event(b, 1, func(*sum, e0) {}, 0)
	b.Entry(1, "wave", func(sum, func(string)) {})
	if f.DOT() != before || f.Outcome(sum{}, c0{}) != table.Handled {
		t.Error("the FSM has changed with its table")
	}
}

func TestMistakesInRows(t *testing.T) {
	b := table.New[plain, string]([]string{"x", "x"}, []number{c0{}, c0{}, nil}, []number{e0{}})
	table.Command[plain, number, number, string, string, c0](b, "x", nil).If("odd", nil)
	table.Event(b, "x", func(*plain, e0) {}, "y", nil)
	b.Entry("y", "wave", nil)
	b.Init(nil)
	_, err := b.Build()
	for _, want := range []string{
		"wrong in",
		`"": a machine starts in the zero string, and it is no state of the table`,
		"x: two states have this name",
		"c0: it is given to New twice",
		"nil: a nil value tells no type",
		"x, c0: its function is nil",
		`x, c0: the function of its guard "odd" is nil`,
		"x, e0: a function of it is nil",
		"the function of Init is nil",
		"x, e0: y is no state of the table",
		`y: the function of its action "wave" is nil`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the findings lack %q:\n%v", want, err)
		}
	}
}
