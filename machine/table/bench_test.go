package table_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/edfsm/edfsm/internal/race"
	"github.com/edfsm/edfsm/machine"
	"github.com/edfsm/edfsm/machine/table"
)

// byHand is the FSM of [Shop] as one writes it without a table. It calls the
// same functions, and returns the same errors where it matters to a caller.
type byHand struct{}

type fsm = machine.FSM[Order, Command, Event, Mail]

func (byHand) Decide(o Order, c Command, emit func(Mail)) ([]Event, error) {
	unknown := func(takes ...string) error {
		return &table.Refusal{Outcome: table.Unknown, State: o.State.String(), Command: fmt.Sprintf("%T", c), Takes: takes}
	}
	switch o.State {
	case Cart:
		switch c := c.(type) {
		case Add:
			return add(o, c, emit)
		case Place:
			if !o.hasItems() {
				return nil, &table.Refusal{Outcome: table.Denied, State: "Cart", Command: "Place", Guard: "something in it"}
			}
			return place(o, c, emit)
		case Cancel:
			return cancel(o, c, emit)
		}
		return nil, unknown("Add", "Place", "Cancel")
	case Open:
		switch c := c.(type) {
		case Pay:
			return pay(o, c, emit)
		case Cancel:
			return cancel(o, c, emit)
		case Place:
			return nil, nil
		}
		return nil, unknown("Pay", "Cancel")
	case Paid:
		switch c := c.(type) {
		case Send:
			return send(o, c, emit)
		case Place:
			return nil, nil
		}
		return nil, unknown("Send")
	}
	return nil, &table.Refusal{Outcome: table.Finished, State: o.State.String(), Command: fmt.Sprintf("%T", c)}
}

func (byHand) Evolve(o *Order, e Event) machine.Change {
	from := o.State
	switch e := e.(type) {
	case Added:
		if from != Cart {
			return machine.Unchanged
		}
		added(o, e)
		return machine.Updated
	case Placed:
		if from != Cart {
			return machine.Unchanged
		}
		placed(o, e)
		o.State = Open
	case Got:
		if from != Open {
			return machine.Unchanged
		}
		got(o, e)
		return machine.Updated
	case Settled:
		if from != Open {
			return machine.Unchanged
		}
		settled(o, e)
		o.State = Paid
	case Dropped:
		if from != Cart && from != Open {
			return machine.Unchanged
		}
		dropped(o, e)
		o.State = Cancelled
	case Left:
		if from != Paid {
			return machine.Unchanged
		}
		left(o, e)
		o.State = Sent
	}
	o.Before = from
	return machine.Transitioned
}

func (byHand) React(o Order, e Event, c machine.Change, emit func(Mail)) {
	if e, ok := e.(Got); ok {
		receipt(o, e, emit)
	}
	if c == machine.Transitioned {
		switch o.State {
		case Open:
			askForMoney(o, emit)
		case Paid:
			thank(o, emit)
		}
	}
}

func (byHand) Terminal(o Order) bool { return o.State == Sent || o.State == Cancelled }

// life is the commands of one order, without refusals, whose cost is that of
// writing an error.
var life = []Command{Add{30}, Add{12}, Add{1}, Place{}, Place{}, Pay{1}, Pay{20}, Pay{22}, Send{}}

// live is what the loop of a machine does, and no more than that.
func live(shop fsm, emit func(Mail)) (o Order) {
	terminal := shop.(interface{ Terminal(Order) bool })
	for _, c := range life {
		events, err := shop.Decide(o, c, emit)
		if err != nil {
			panic(err)
		}
		for _, e := range events {
			if change := shop.Evolve(&o, e); change != machine.Unchanged {
				shop.React(o, e, change, emit)
			}
		}
		terminal.Terminal(o)
	}
	return o
}

// BenchmarkTable gives commands to a table and to the same FSM by hand in
// turns. An op is one command to the table; ratio is what it takes by the time
// that the FSM by hand takes, the median of all turns.
func BenchmarkTable(b *testing.B) {
	b.Run("loop=none", func(b *testing.B) {
		drop := func(Mail) {}
		compare(b, func(shop fsm) {
			for range 200 {
				live(shop, drop)
			}
		}, 200*len(life))
	})
	b.Run("loop=machine", func(b *testing.B) {
		ctx := context.Background()
		compare(b, func(shop fsm) {
			for range 20 {
				m := machine.New(shop, machine.Config[Order, Event, Mail]{})
				if err := m.Commands().Notify(ctx, life); err != nil {
					b.Fatal(err)
				}
				if err := m.Run(ctx); err != nil {
					b.Fatal(err)
				}
			}
		}, 20*len(life))
	})
}

func compare(b *testing.B, turn func(fsm), commands int) {
	shop, err := Shop()
	if err != nil {
		b.Fatal(err)
	}
	timed := func(f fsm) float64 {
		start := time.Now()
		turn(f)
		return float64(time.Since(start).Nanoseconds()) / float64(commands)
	}
	var times, ratios []float64
	for n := 0; n < 5 || b.Loop(); n++ {
		t, h := timed(shop), timed(byHand{})
		times, ratios = append(times, t), append(ratios, t/h)
	}
	slices.Sort(times)
	slices.Sort(ratios)
	b.ReportMetric(times[len(times)/2], "ns/op")
	b.ReportMetric(ratios[len(ratios)/2], "ratio")
}

// A table costs a command no memory that the FSM by hand does not need.
func TestTableAllocatesNothing(t *testing.T) {
	if race.Enabled {
		t.Skip("pools drop items under the race detector")
	}
	shop, err := Shop()
	if err != nil {
		t.Fatal(err)
	}
	drop := func(Mail) {}
	ours := testing.AllocsPerRun(100, func() { live(shop, drop) })
	hand := testing.AllocsPerRun(100, func() { live(byHand{}, drop) })
	if ours > hand {
		t.Errorf("a life takes %v allocations, and %v by hand", ours, hand)
	}
	if a, b := live(shop, drop), live(byHand{}, drop); a != b {
		t.Errorf("a table leads to %v, by hand %v", a, b)
	}
}
