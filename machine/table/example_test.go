package table_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/edfsm/edfsm/machine"
	"github.com/edfsm/edfsm/machine/table"
)

// Order is the state of an order in a shop.
type Order struct {
	table.At[Status]
	Items int
	Due   int
}

type Status int

const (
	Cart Status = iota // the zero Status: where an order starts
	Open
	Paid
	Sent
	Cancelled
)

func (s Status) String() string { return [...]string{"Cart", "Open", "Paid", "Sent", "Cancelled"}[s] }

type Command interface{ isCommand() }

type (
	Add    struct{ Price int }
	Place  struct{}
	Pay    struct{ Amount int }
	Send   struct{}
	Cancel struct{}
)

func (Add) isCommand()    {}
func (Place) isCommand()  {}
func (Pay) isCommand()    {}
func (Send) isCommand()   {}
func (Cancel) isCommand() {}

type Event interface{ isEvent() }

type (
	Added   struct{ Price int }
	Placed  struct{}
	Got     struct{ Amount int }
	Settled struct{}
	Left    struct{}
	Dropped struct{}
)

func (Added) isEvent()   {}
func (Placed) isEvent()  {}
func (Got) isEvent()     {}
func (Settled) isEvent() {}
func (Left) isEvent()    {}
func (Dropped) isEvent() {}

type Mail string

// Shop declares the life of an order. Nothing is taken but what stands here.
func Shop() (*table.FSM[Order, Command, Event, Mail], error) {
	t := table.New[Order, Mail](
		[]Status{Cart, Open, Paid, Sent, Cancelled},
		[]Command{Add{}, Place{}, Pay{}, Send{}, Cancel{}},
		[]Event{Added{}, Placed{}, Got{}, Settled{}, Left{}, Dropped{}})

	table.Command(t, Cart, add).Yields(Added{})
	table.Command(t, Cart, place).Yields(Placed{}).If("something in it", Order.hasItems)
	table.Command(t, Cart, cancel).Yields(Dropped{})
	t.Refuse(Cart, Pay{}, Send{})
	table.Event(t, Cart, added, Cart)
	table.Event(t, Cart, placed, Open)
	table.Event(t, Cart, dropped, Cancelled)

	table.Command(t, Open, pay).Yields(Got{}, Settled{})
	table.Command(t, Open, cancel).Yields(Dropped{})
	t.Ignore(Open, Place{}) // a button pressed twice
	t.Refuse(Open, Add{}, Send{})
	table.Event(t, Open, got, Open, receipt)
	table.Event(t, Open, settled, Paid)
	table.Event(t, Open, dropped, Cancelled)
	t.Entry(Open, "ask for money", askForMoney)

	table.Command(t, Paid, send).Yields(Left{})
	t.Ignore(Paid, Place{})
	t.Refuse(Paid, Add{}, Pay{}, Cancel{})
	table.Event(t, Paid, left, Sent)
	t.Entry(Paid, "thank", thank)

	t.Terminal(Sent, Cancelled)
	return t.Build()
}

func (o Order) hasItems() bool { return o.Items > 0 }

// What follows from commands. Their types say which rows they are for.

func add(_ Order, c Add, _ func(Mail)) ([]Event, error)       { return []Event{Added(c)}, nil }
func place(Order, Place, func(Mail)) ([]Event, error)         { return []Event{Placed{}}, nil }
func send(Order, Send, func(Mail)) ([]Event, error)           { return []Event{Left{}}, nil }
func cancel(_ Order, _ Cancel, _ func(Mail)) ([]Event, error) { return []Event{Dropped{}}, nil }

var ErrTooMuch = errors.New("that is too much")

func pay(o Order, c Pay, _ func(Mail)) ([]Event, error) {
	switch {
	case c.Amount > o.Due:
		return nil, ErrTooMuch
	case c.Amount == o.Due:
		return []Event{Got(c), Settled{}}, nil
	}
	return []Event{Got(c)}, nil
}

// What events change besides the status.

func added(o *Order, e Added)     { o.Items++; o.Due += e.Price }
func placed(*Order, Placed)       {}
func got(o *Order, e Got)         { o.Due -= e.Amount }
func settled(*Order, Settled)     {}
func left(*Order, Left)           {}
func dropped(o *Order, _ Dropped) { o.Items, o.Due = 0, 0 }

// What the world hears of.

func askForMoney(o Order, emit func(Mail)) { emit(Mail(fmt.Sprint("please pay ", o.Due))) }
func thank(_ Order, emit func(Mail))       { emit("thank you") }

func receipt(o Order, e Got, emit func(Mail)) {
	emit(Mail(fmt.Sprintf("got %d, %d to go", e.Amount, o.Due)))
}

// A table that was built is an FSM like one written by hand.
func Example() {
	shop, err := Shop()
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	m := machine.New(shop, machine.Config[Order, Event, Mail]{
		Outputs: machine.Each(func(_ context.Context, text Mail) error {
			fmt.Println("mail:", text)
			return nil
		}),
	})
	ended := make(chan error)
	go func() { ended <- m.Run(ctx) }()

	for _, c := range []Command{Place{}, Add{30}, Add{12}, Place{}, Place{}, Send{}, Pay{50}, Pay{40}, Pay{2}, Send{}} {
		_, err := m.Do(ctx, c)
		if refusal, ok := errors.AsType[*table.Refusal](err); ok {
			fmt.Printf("%T: %v: %v\n", c, refusal.Outcome, refusal)
		} else if err != nil {
			fmt.Printf("%T: %v\n", c, err)
		}
	}
	fmt.Println(<-ended) // the order was sent, and that is terminal
	// Output:
	// table_test.Place: denied: table: Place in Cart is denied by "something in it"
	// mail: please pay 42
	// table_test.Send: unknown: table: Open does not take Send, but Pay, Cancel
	// table_test.Pay: machine: command rejected: that is too much
	// mail: got 40, 2 to go
	// mail: got 2, 0 to go
	// mail: thank you
	// <nil>
}

// What a state takes now, for the buttons of a page.
func ExampleFSM_Commands() {
	shop, err := Shop()
	if err != nil {
		log.Fatal(err)
	}
	for _, offer := range shop.Commands(Order{}) {
		fmt.Println(offer.Command, offer.DeniedBy)
	}
	// Output:
	// Add []
	// Place [something in it]
	// Cancel []
}

// A table that forgets something is not built, and the error has all of it.
func ExampleTable_Build() {
	t := table.New[Order, Mail](
		[]Status{Cart, Open, Paid, Sent},
		[]Command{Place{}, Pay{}, Send{}},
		[]Event{Placed{}, Settled{}, Left{}})
	table.Command(t, Cart, place).Yields(Placed{})
	table.Event(t, Cart, placed, Open)
	t.Refuse(Cart, Pay{}, Place{})
	table.Command(t, Open, pay).Yields(Settled{})
	t.Refuse(Open, Place{}, Send{})
	table.Command(t, Paid, send).Yields(Left{})
	table.Event(t, Paid, left, Sent)
	t.Exit(Sent, "wave", thank)
	t.Ignore(Paid, Place{}, Pay{})
	t.Terminal(Sent)

	_, err := t.Build()
	fmt.Println(err)
	fmt.Println(errors.Is(err, table.ErrDeadEnd))
	// Output:
	// table: wrong in 8 ways:
	// 	Cart, Place: there is more than one row for it
	// 	Sent: no row leads from it to another state, so its exit action "wave" never runs
	// 	Open: no row leads from it to another state, and it is not terminal
	// 	Paid: no events lead to it from Cart
	// 	Sent: no events lead to it from Cart
	// 	Open, Pay, Settled: no row takes the event there, or where other events of the command lead
	// 	Cart, Send: the command is neither handled, ignored nor refused there
	// 	Settled: no state takes it
	// true
}

// The picture that README.md shows, with the state of an order marked.
func ExampleFSM_Mermaid() {
	shop, err := Shop()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(shop.Mermaid(Order{At: table.At[Status]{State: Paid}}))
	// Output:
	// stateDiagram-v2
	//     state "Cart" as s0
	//     state "Open" as s1
	//     s1 : entry / ask for money
	//     state "Paid" as s2
	//     s2 : entry / thank
	//     state "Sent" as s3
	//     state "Cancelled" as s4
	//     [*] --> s0
	//     s0 --> s0 : Add / Added
	//     s0 --> s1 : Place [something in it] / Placed
	//     s0 --> s4 : Cancel / Dropped
	//     s1 --> s1 : Pay / Got
	//     s1 --> s2 : Pay / Settled
	//     s1 --> s4 : Cancel / Dropped
	//     s2 --> s3 : Send / Left
	//     s3 --> [*]
	//     s4 --> [*]
	//     classDef now fill:#fd6,stroke:#a60,color:#000,stroke-width:3px
	//     class s2 now
}
