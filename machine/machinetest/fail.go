package machinetest

import (
	"context"
	"iter"
	"sync/atomic"

	"github.com/edfsm/edfsm/machine"
)

// FailNth makes an adapter whose n-th call, counted from 1, fails with an
// error, and passes nothing on. The other calls go to the given adapter; nil
// drops their items.
func FailNth[T any](to machine.Adapter[T], n int, err error) machine.Adapter[T] {
	var calls atomic.Int64
	return FailIf(to, func([]T) error {
		if calls.Add(1) == int64(n) {
			return err
		}
		return nil
	})
}

// FailIf makes an adapter that asks a function before each call. When that
// returns an error, the call fails with it, and nothing is passed on. nil
// drops the items of the other calls.
func FailIf[T any](to machine.Adapter[T], fail func(items []T) error) machine.Adapter[T] {
	return machine.Func(func(ctx context.Context, items []T) error {
		if err := fail(items); err != nil {
			return err
		}
		if to == nil {
			return nil
		}
		return to.Notify(ctx, items)
	})
}

// FailLate is [FailIf] that asks after the items were passed on: the call fails
// and yet has had its effect, as a commit can whose answer was lost.
func FailLate[T any](to machine.Adapter[T], fail func(items []T) error) machine.Adapter[T] {
	return machine.Func(func(ctx context.Context, items []T) error {
		if to != nil {
			if err := to.Notify(ctx, items); err != nil {
				return err
			}
		}
		return fail(items)
	})
}

// FailFeed makes a feed that ends with an error after n events of another, or
// as that feed does if it has fewer.
func FailFeed[E any](from machine.Feed[E], n int, err error) machine.Feed[E] {
	return feedFunc[E](func(ctx context.Context) iter.Seq2[E, error] {
		return func(yield func(E, error) bool) {
			given := 0
			for e, feedErr := range from.Feed(ctx) {
				if given == n {
					break
				}
				if given++; !yield(e, feedErr) {
					return
				}
			}
			if given == n {
				var none E
				yield(none, err)
			}
		}
	})
}

type feedFunc[E any] func(ctx context.Context) iter.Seq2[E, error]

func (f feedFunc[E]) Feed(ctx context.Context) iter.Seq2[E, error] { return f(ctx) }

// Log makes a log of its two halves, such as one that fails and one that does
// not:
//
//	var kept machine.Memory[Event]
//	log := machinetest.Log(machinetest.FailNth(&kept, 3, errDisk), &kept)
func Log[E any](to machine.Adapter[E], from machine.Feed[E]) machine.Log[E] {
	return struct {
		machine.Adapter[E]
		feedFunc[E]
	}{to, from.Feed}
}
