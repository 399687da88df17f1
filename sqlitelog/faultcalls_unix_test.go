//go:build unix

package sqlitelog_test

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/edfsm/edfsm/internal/crashtest"
)

// calls is what many callers were promised. Each has one call at a time.
type calls struct {
	at    crashtest.Place
	mu    sync.Mutex
	clock int
	all   map[int]call // by the number of the batch
}

type call struct {
	began, over int // by the clock; over is 0 unless it was ever accepted
	when        int // it was accepted
	fate        fate
}

type fate uint8

const (
	refused fate = iota
	accepted
	uncertain
)

// A batch is numbered by its caller and what he has called before.
const perCaller = 1000

func newCalls(at crashtest.Place) *calls { return &calls{at: at, all: make(map[int]call)} }

// begin numbers a call, which is refused unless end says something else.
func (c *calls) begin(caller int) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n = caller * perCaller
	for c.has(n) {
		n++
	}
	c.clock++
	c.all[n] = call{began: c.clock}
	return n
}

func (c *calls) has(n int) bool {
	_, ok := c.all[n]
	return ok
}

func (c *calls) end(n int, f fate) {
	now := c.at.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock++
	call := c.all[n]
	if call.fate = f; f == accepted {
		call.over, call.when = c.clock, now
	}
	c.all[n] = call
}

// known returns what of a caller is there, unless that is uncertain.
func (c *calls) known(caller int) (batches []int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := caller * perCaller; c.has(n); n++ {
		switch c.all[n].fate {
		case uncertain:
			return nil, false
		case accepted:
			batches = append(batches, n)
		}
	}
	return batches, true
}

// until is what was promised by then.
func (c *calls) until(moment int, at crashtest.Place) *calls {
	then := &calls{at: at, clock: c.clock, all: maps.Clone(c.all)}
	for n, call := range then.all {
		if call.fate == accepted && call.when > moment {
			call.fate = uncertain
		}
		call.when = 0
		then.all[n] = call
	}
	return then
}

// forget leaves only the order.
func (c *calls) forget() {
	for n, call := range c.all {
		if call.fate == accepted {
			call.fate = uncertain
			c.all[n] = call
		}
	}
}

// check looks whether there is what was accepted, nothing that was refused, and
// nothing that was begun after something that was accepted and is not there. It
// takes note that what is not there will never be.
func (c *calls) check(there func(n int) bool) error {
	newest := 0
	for n, call := range c.all {
		switch has := there(n); {
		case has && call.fate == refused:
			return fmt.Errorf("batch %d was refused and is there", n)
		case !has && call.fate == accepted:
			return fmt.Errorf("batch %d %w", n, errLost)
		case has:
			newest = max(newest, call.began)
		}
	}
	for n, call := range c.all {
		if there(n) {
			continue
		}
		if 0 < call.over && call.over < newest {
			return fmt.Errorf("batch %d, before one that is there, %w", n, errLost)
		}
		call.fate, call.over = refused, 0
		c.all[n] = call
	}
	return nil
}

// checkCallers looks whether batches are of these callers, and of each in his
// order.
func checkCallers(callers, batches []int) error {
	last := make(map[int]int)
	for _, n := range batches {
		caller := n / perCaller
		if !slices.Contains(callers, caller) || n <= last[caller] {
			return fmt.Errorf("batch %d of %v is not in its place", n, batches)
		}
		last[caller] = n
	}
	return nil
}
