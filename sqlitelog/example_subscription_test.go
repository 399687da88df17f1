package sqlitelog_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/edfsm/edfsm/machine"
	"github.com/edfsm/edfsm/sqlitelog"
)

// A follower sees what is stored, and then what comes.
func ExampleLog_Follow() {
	ctx := context.Background()
	events, err := sqlitelog.Open(ctx, ":memory:", sqlitelog.Config[string]{})
	if err != nil {
		log.Fatal(err)
	}
	defer events.Close()
	if err := events.Notify(ctx, []string{"one", "two", "three"}); err != nil {
		log.Fatal(err)
	}
	for e, err := range events.Follow(ctx, 1) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Offset, e.Event)
		if e.Event == "three" {
			err = events.Notify(ctx, []string{"four"})
		}
		if e.Event == "four" || err != nil {
			break
		}
	}
	// Output:
	// 2 two
	// 3 three
	// 4 four
}

// Till counts what is in it. Every payment must be told to the customer, so the
// receipts are no outputs of the machine, which could die with the process, but
// a function of its events.
type Till struct{}

type Paid struct {
	Customer string
	Amount   int
}

func (Till) Decide(_ int, p Paid, _ func(struct{})) ([]Paid, error) { return []Paid{p}, nil }

func (Till) Evolve(sum *int, p Paid) machine.Change {
	*sum += p.Amount
	return machine.Updated
}

func (Till) React(int, Paid, machine.Change, func(struct{})) {}

// A subscription is an outbox: each notice arrives, also if the program that
// sends it ends in between. One may arrive twice, and the offset tells that it
// is the same.
func ExampleLog_Deliver() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	events, err := sqlitelog.Open(ctx, ":memory:", sqlitelog.Config[Paid]{})
	if err != nil {
		log.Fatal(err)
	}
	defer events.Close()
	till := machine.New(Till{}, machine.Config[int, Paid, struct{}]{Log: events})
	ended := make(chan error)
	go func() { ended <- till.Run(ctx) }()
	for _, p := range []Paid{{"Ada", 3}, {"Bob", 5}, {"Eve", 7}} {
		if _, err := till.Do(ctx, p); err != nil {
			log.Fatal(err)
		}
	}

	online := false
	send := func(_ context.Context, entries []sqlitelog.Entry[Paid]) error {
		for _, e := range entries {
			if e.Event.Customer == "Bob" && !online {
				return errors.New("no connection")
			}
			fmt.Printf("receipt %d: %s has paid %d\n", e.Offset, e.Event.Customer, e.Event.Amount)
			if e.Event.Customer == "Eve" {
				till.Close() // the day is over
				cancel()
			}
		}
		return nil
	}
	fmt.Println(events.Deliver(ctx, "receipts", sqlitelog.Delivery{}, send))
	subscriptions, err := events.Subscriptions(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("to be sent:", subscriptions[0].Lag)
	online = true
	fmt.Println(events.Deliver(ctx, "receipts", sqlitelog.Delivery{}, send))
	<-ended
	// Output:
	// receipt 1: Ada has paid 3
	// :memory:: log "main": subscription "receipts": offset 2: no connection
	// to be sent: 2
	// receipt 2: Bob has paid 5
	// receipt 3: Eve has paid 7
	// context canceled
}
