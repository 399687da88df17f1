package machine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"

	"github.com/edfsm/edfsm/machine"
)

// Turnstile lets one visitor through for each coin.
type Turnstile struct{}

type (
	Gate   struct{ Open bool } // the state
	Action string              // commands
	Fact   string              // events
	Signal string              // outputs
)

const (
	Coin Action = "coin"
	Push Action = "push"

	Opened Fact = "opened"
	Passed Fact = "passed"

	Green  Signal = "green"
	Red    Signal = "red"
	Return Signal = "return the coin"
)

var ErrLocked = errors.New("no coin, no way")

func (Turnstile) Decide(g Gate, a Action, emit func(Signal)) ([]Fact, error) {
	switch {
	case a == Push && g.Open:
		return []Fact{Passed}, nil
	case a == Push:
		return nil, ErrLocked
	case g.Open:
		emit(Return)
		return nil, nil
	}
	return []Fact{Opened}, nil
}

func (Turnstile) Evolve(g *Gate, f Fact) machine.Change {
	g.Open = f == Opened
	return machine.Transitioned
}

func (Turnstile) React(g Gate, _ Fact, _ machine.Change, emit func(Signal)) {
	if g.Open {
		emit(Green)
	} else {
		emit(Red)
	}
}

// A machine is driven by Run, in a goroutine of the caller's.
func Example() {
	ctx := context.Background()
	m := machine.New(Turnstile{}, machine.Config[Gate, Fact, Signal]{Log: new(machine.Memory[Fact])})
	ended := make(chan error)
	go func() { ended <- m.Run(ctx) }()

	change, err := m.Do(ctx, Coin)
	fmt.Println(change, err)
	open, err := machine.View(ctx, m, func(g Gate) bool { return g.Open })
	fmt.Println(open, err)

	m.Close()
	fmt.Println(<-ended)
	// Output:
	// transitioned <nil>
	// true <nil>
	// <nil>
}

// A rejected command leaves no trace. Its caller gets the error of Decide.
func ExampleMachine_Do() {
	ctx := context.Background()
	m := machine.New(Turnstile{}, machine.Config[Gate, Fact, Signal]{})
	go m.Run(ctx)
	defer m.Close()

	_, err := m.Do(ctx, Push)
	fmt.Println(err)
	fmt.Println(errors.Is(err, machine.ErrRejected), errors.Is(err, ErrLocked))
	// Output:
	// machine: command rejected: no coin, no way
	// true true
}

// Outputs go to their adapter once the events behind them are in the log.
func Example_outputs() {
	lights := machine.FilterMap(
		machine.Each(func(_ context.Context, s string) error {
			fmt.Println("light:", s)
			return nil
		}),
		func(s Signal) (string, bool) { return string(s), s != Return })
	slot := machine.Each(func(_ context.Context, s Signal) error {
		if s == Return {
			fmt.Println("slot: here is your coin")
		}
		return nil
	})

	ctx := context.Background()
	m := machine.New(Turnstile{}, machine.Config[Gate, Fact, Signal]{Outputs: machine.Merge(lights, slot)})
	if err := m.Commands().Notify(ctx, []Action{Coin, Coin, Push}); err != nil {
		log.Fatal(err)
	}
	m.Close()
	if err := m.Run(ctx); err != nil { // carries out what was accepted
		log.Fatal(err)
	}
	// Output:
	// light: green
	// light: red
	// slot: here is your coin
}

// Counter counts the visitors. Its commands are the signals of a turnstile.
type Counter struct{}

func (Counter) Decide(_ int, s Signal, _ func(string)) ([]int, error) {
	if s == Red {
		return []int{1}, nil
	}
	return nil, nil
}

func (Counter) Evolve(visitors *int, n int) machine.Change {
	*visitors += n
	return machine.Updated
}

func (Counter) React(visitors, _ int, _ machine.Change, emit func(string)) {
	emit(fmt.Sprint("visitor no. ", visitors))
}

// The outputs of one machine are the commands of another: two lines.
func Example_wiring() {
	board := machine.Each(func(_ context.Context, text string) error { fmt.Println(text); return nil })
	counter := machine.New(Counter{}, machine.Config[int, int, string]{Outputs: board})
	turnstile := machine.New(Turnstile{}, machine.Config[Gate, Fact, Signal]{Outputs: counter.Commands()})

	ctx := context.Background()
	counted := make(chan error)
	go func() { counted <- counter.Run(ctx) }()
	if err := turnstile.Commands().Notify(ctx, []Action{Coin, Push, Coin, Push}); err != nil {
		log.Fatal(err)
	}
	turnstile.Close()
	if err := turnstile.Run(ctx); err != nil {
		log.Fatal(err)
	}
	counter.Close() // now that nobody feeds it any more
	fmt.Println(<-counted)
	// Output:
	// visitor no. 1
	// visitor no. 2
	// <nil>
}

// JSON is a codec of the state.
type JSON struct{}

func (JSON) Name() string { return "json" }

func (JSON) Append(dst []byte, g Gate) ([]byte, error) {
	data, err := json.Marshal(g)
	return append(dst, data...), err
}

func (JSON) Decode(data []byte, g *Gate) error { return json.Unmarshal(data, g) }

// With snapshots a machine replays only the events after the last of them.
func ExampleSnapshot() {
	ctx := context.Background()
	memory := new(machine.Memory[Fact])
	config := machine.Config[Gate, Fact, Signal]{
		Log:      memory,
		Snapshot: machine.Snapshot[Gate]{Codec: JSON{}, Version: 1, Every: 2},
	}
	for _, actions := range [][]Action{{Coin, Push, Coin}, {}} {
		m := machine.New(Turnstile{}, config)
		if err := m.Commands().Notify(ctx, actions); err != nil {
			log.Fatal(err)
		}
		m.Close()
		if err := m.Run(ctx); err != nil {
			log.Fatal(err)
		}
		fmt.Println(machine.View(ctx, m, func(g Gate) Gate { return g }))
	}
	data, _, err := memory.LoadSnapshot(ctx, "json/1")
	fmt.Printf("%s %v\n", data, err)
	// Output:
	// {true} <nil>
	// {true} <nil>
	// {"Open":true} <nil>
}

// Payment asks for money until it has it. Init asks again, since an output may
// have died with the process; Terminal says when there is nothing left to do.
type Payment struct{}

type Bill struct{ Asked, Paid bool }

func (Payment) Decide(_ Bill, cmd string, _ func(string)) ([]string, error) {
	return []string{cmd}, nil
}

func (Payment) Evolve(b *Bill, event string) machine.Change {
	switch event {
	case "ask":
		b.Asked = true
	case "pay":
		b.Paid = true
	}
	return machine.Transitioned
}

func (Payment) React(b Bill, _ string, _ machine.Change, emit func(string)) {
	if !b.Paid {
		emit("please pay")
	}
}

func (Payment) Init(b Bill, emit func(string)) {
	if b.Asked {
		emit("please pay, if you have not")
	}
}

func (Payment) Terminal(b Bill) bool { return b.Paid }

// The three lives of a payment: asked, asked again and paid, and over.
func ExampleFSM() {
	ctx := context.Background()
	config := machine.Config[Bill, string, string]{
		Log: new(machine.Memory[string]),
		Outputs: machine.Each(func(_ context.Context, text string) error {
			fmt.Println(text)
			return nil
		}),
	}
	for _, commands := range [][]string{{"ask"}, {"pay"}, {"ask"}} {
		m := machine.New(Payment{}, config)
		if err := m.Commands().Notify(ctx, commands); err != nil {
			log.Fatal(err)
		}
		m.Close()
		fmt.Println(m.Run(ctx))
	}
	// Output:
	// please pay
	// <nil>
	// please pay, if you have not
	// <nil>
	// <nil>
}
