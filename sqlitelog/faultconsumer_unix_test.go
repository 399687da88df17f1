//go:build unix

package sqlitelog_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/edfsm/edfsm/internal/crashtest"
	"github.com/edfsm/edfsm/sqlitelog"
)

// consumer is somebody with a subscription, who remembers what it has promised.
type consumer struct {
	at        crashtest.Place
	positions map[int64]int // acknowledged by the subscription, and when
	delivered map[int]int   // batches that were handed over, and when first
	forgetful bool          // they may be lost
}

func newConsumer(at crashtest.Place) *consumer {
	return &consumer{at: at, positions: make(map[int64]int), delivered: make(map[int]int)}
}

// deliver hands over what there is.
func (c *consumer) deliver(ctx context.Context, log *sqlitelog.Log[put]) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	head := log.Head()
	return c.follow(ctx, log, func(last int64) {
		if last >= head {
			cancel()
		}
	})
}

// follow hands over what there is, and what comes, until ctx ends. It says after
// each batch what the last offset was.
func (c *consumer) follow(ctx context.Context, log *sqlitelog.Log[put], handled func(last int64)) error {
	last := int64(0)
	err := log.Deliver(ctx, "sub", sqlitelog.Delivery{Batch: 40}, func(_ context.Context, entries []sqlitelog.Entry[put]) error {
		c.acknowledged(last)
		for _, e := range entries {
			last = e.Offset
			if _, ok := c.delivered[e.Event.Value]; e.Event.Key == "" && !ok {
				c.delivered[e.Event.Value] = c.at.Now()
			}
		}
		handled(last)
		return nil
	})
	if errors.Is(err, context.Canceled) {
		c.acknowledged(last)
		return nil
	}
	return err
}

func (c *consumer) acknowledged(position int64) {
	if _, ok := c.positions[position]; !ok && position > 0 {
		c.positions[position] = c.at.Now()
	}
}

// position is the furthest that was acknowledged, or 0.
func (c *consumer) position() int64 {
	return slices.Max(append(slices.Collect(maps.Keys(c.positions)), 0))
}

// until gives each promise that was made by then the time 0.
func (c *consumer) until(moment int, at crashtest.Place) *consumer {
	then := newConsumer(at)
	copyUntil(then.positions, c.positions, moment)
	copyUntil(then.delivered, c.delivered, moment)
	then.forgetful = c.forgetful
	return then
}

func copyUntil[K comparable](to, from map[K]int, moment int) {
	for k, when := range from {
		if when <= moment {
			to[k] = 0
		}
	}
}

// forget leaves only what was handed over, which may be lost.
func (c *consumer) forget() {
	clear(c.positions)
	c.forgetful = true
}

// check looks whether the position is there, and whatever was handed over, of
// the batches that are there.
func (c *consumer) check(ctx context.Context, log *sqlitelog.Log[put], batches []int) error {
	for n := range c.delivered {
		if !c.forgetful && !slices.Contains(batches, n) {
			return fmt.Errorf("batch %d, which was handed over, %w", n, errLost)
		}
	}
	all, err := log.Subscriptions(ctx)
	if err != nil {
		return fmt.Errorf("subscription: %w", err)
	}
	if p := c.position(); p > 0 && (len(all) != 1 || all[0].Position < p) {
		return fmt.Errorf("position %d %w; there is %v", p, errLost, all)
	}
	return nil
}

// checkDelivered hands over what is left of some batches and looks whether
// nothing was left out.
func (c *consumer) checkDelivered(ctx context.Context, log *sqlitelog.Log[put], batches []int) error {
	if err := c.deliver(ctx, log); err != nil {
		return fmt.Errorf("deliver: %w", err)
	}
	for _, n := range batches {
		if _, ok := c.delivered[n]; !ok {
			return fmt.Errorf("batch %d was never handed over", n)
		}
	}
	return nil
}
