package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
)

// account is the FSM of the tests: its sum never falls below zero, and once
// closed it stays closed. seen, unless nil, is told of the inputs the FSM
// comes to, by their number, also in replay.
type account struct{ seen func(id int) }

type balance struct {
	Sum    int
	Moves  int
	Closed bool
}

func (b balance) String() string {
	if b.Closed {
		return fmt.Sprintf("closed with %d after %d moves", b.Sum, b.Moves)
	}
	return fmt.Sprintf("%d after %d moves", b.Sum, b.Moves)
}

// order is a command. Boom names the method that panics on it, and "exit"
// makes Decide end its goroutine.
type order struct {
	ID      int
	Verb    string // add, spend, ask or close
	Amounts []int
	Boom    string
}

type entry struct {
	ID     int
	Amount int // zero changes nothing
	Close  bool
	Boom   string
}

func (e entry) String() string {
	if e.Close {
		return "close"
	}
	return fmt.Sprintf("%+d", e.Amount)
}

var (
	errShort = errors.New("not enough")
	errBoom  = errors.New("boom")
)

func (a account) see(id int) {
	if a.seen != nil {
		a.seen(id)
	}
}

func (a account) Decide(b balance, o order, emit func(string)) ([]entry, error) {
	a.see(o.ID)
	switch o.Boom {
	case "decide":
		panic(errBoom)
	case "exit":
		runtime.Goexit()
	}
	var entries []entry
	left := b.Sum
	for _, n := range o.Amounts {
		if o.Verb == "spend" {
			n = -n
		}
		left += n
		entries = append(entries, entry{ID: o.ID, Amount: n, Boom: o.Boom})
	}
	switch o.Verb {
	case "spend":
		emit("may spend")
		if left < 0 {
			return entries, fmt.Errorf("%w: %d short", errShort, -left)
		}
	case "ask":
		emit(fmt.Sprintf("sum is %d", b.Sum))
	case "close":
		entries = append(entries, entry{ID: o.ID, Close: true})
	}
	return entries, nil
}

func (a account) Evolve(b *balance, e entry) Change {
	a.see(e.ID)
	switch {
	case e.Boom == "evolve":
		panic(errBoom)
	case e.Close:
		b.Closed = true
		return Transitioned
	case e.Amount == 0:
		return Unchanged
	}
	b.Sum += e.Amount
	b.Moves++
	return Updated
}

func (a account) React(b balance, e entry, c Change, emit func(string)) {
	if e.Boom == "react" {
		panic(errBoom)
	}
	emit(fmt.Sprintf("%s to %d", c, b.Sum))
}

func (a account) Init(b balance, emit func(string)) { emit(fmt.Sprintf("open with %d", b.Sum)) }

func (a account) Terminal(b balance) bool { return b.Closed }

// fold is the model of a machine: what its log makes of the zero state.
func fold(entries []entry) (b balance) {
	for _, e := range entries {
		account{}.Evolve(&b, e)
	}
	return b
}

func add(amounts ...int) order   { return order{Verb: "add", Amounts: amounts} }
func spend(amounts ...int) order { return order{Verb: "spend", Amounts: amounts} }

var closing = order{Verb: "close"}

// jsonCodec is the codec of the tests. It does not encode if it has an error.
type jsonCodec struct{ encode error }

func (jsonCodec) Name() string { return "json" }

func (c jsonCodec) Append(dst []byte, b balance) ([]byte, error) {
	if c.encode != nil {
		return nil, c.encode
	}
	data, err := json.Marshal(b)
	return append(dst, data...), err
}

func (jsonCodec) Decode(data []byte, b *balance) error { return json.Unmarshal(data, b) }
