package machinetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/edfsm/edfsm/machine"
)

func (b *bench[L, E]) empty() {
	b.has(0)
	b.closeAll()
	b.open()
	b.has(0)
}

func (b *bench[L, E]) order() {
	n := 0
	for size := range 20 {
		b.notify(n, n+size+1)
		n += size + 1
	}
	b.has(n)
}

func (b *bench[L, E]) large() {
	b.notify(0, 1)
	b.notify(1, 1001)
	b.notify(1001, 1002)
	b.has(1002)
}

func (b *bench[L, E]) tooLarge() {
	b.notify(0, 1)
	n := 5000
	if err := b.log.Notify(b.ctx, b.some(1, n)); err != nil {
		n = 1
	}
	b.has(n)
	b.notify(n, n+1)
	b.has(n + 1)
}

func (b *bench[L, E]) slice() {
	given := b.some(0, 3)
	for n := range 10 {
		copy(given, b.some(3*n, 3*n+3))
		before := texts(given)
		b.must("Notify", b.log.Notify(b.ctx, given))
		b.want("after Notify the slice", before, texts(given))
	}
	clear(given)
	b.has(30)
}

func (b *bench[L, E]) again() {
	b.notify(0, 10)
	for left := range 10 {
		i := 0
		for _, err := range b.log.Feed(b.ctx) {
			b.must("Feed", err)
			if i++; i > left {
				break
			}
		}
		b.has(10)
	}
	b.notify(10, 11)
	b.has(11)
}

func (b *bench[L, E]) durable() {
	for n := range 5 {
		b.notify(3*n, 3*n+3)
		b.open()
		b.has(3*n + 3)
	}
}

func (b *bench[L, E]) reopened() {
	for n := range 5 {
		b.notify(3*n, 3*n+3)
		b.closeAll()
		b.open()
		b.has(3*n + 3)
	}
}

func (b *bench[L, E]) cancelled() {
	b.notify(0, 2)
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	err := b.log.Notify(ctx, b.some(2, 5))
	switch {
	case err == nil:
		b.has(5)
		return
	case !errors.Is(err, context.Canceled):
		b.broken("Notify returned %v", err)
	}
	b.has(2)
	b.notify(2, 3)
	b.has(3)
}

func (b *bench[L, E]) cancelledFeed() {
	b.notify(0, 100)
	for after := range 3 {
		ctx, cancel := context.WithCancel(b.ctx)
		var got []string
		var last error
		for e, err := range b.log.Feed(ctx) {
			if len(got) == after {
				cancel()
			}
			if last != nil {
				b.broken("after the error %v comes another pair", last)
			}
			if last = err; err == nil {
				got = append(got, text(e))
				continue
			}
			var zero E
			if text(e) != text(zero) {
				b.broken("the error comes with the event %s", text(e))
			}
		}
		cancel()
		if last == nil {
			b.want("a Feed without an error", texts(b.some(0, 100)), got)
		} else if !errors.Is(last, context.Canceled) {
			b.broken("the Feed ended with %v", last)
		}
		b.want("the Feed", texts(b.some(0, len(got))), got)
	}
}

// place is where an event stands in the calls of several goroutines.
type place struct{ goroutine, call, event int }

const (
	callsEach = 40
	callSize  = 5
)

func (b *bench[L, E]) number(goroutine, call int) int { return (goroutine*callsEach + call) * callSize }

// places is the places of all events in the calls of the goroutines.
func (b *bench[L, E]) places(goroutines int) map[string]place {
	places := make(map[string]place)
	for g := range goroutines {
		for c := range callsEach {
			for i, e := range b.some(b.number(g, c), b.number(g, c+1)) {
				places[text(e)] = place{g, c, i}
			}
		}
	}
	return places
}

// whole says why some events are not whole calls, those of each goroutine in
// its order, and returns the calls.
func whole(events []string, places map[string]place) (kept []place, err error) {
	next := make(map[int]int) // by goroutine
	for i, e := range events {
		p, ok := places[e]
		switch {
		case !ok:
			return nil, fmt.Errorf("event %d was never given: %s", i+1, e)
		case p.event != i%callSize || p.event > 0 && (p.goroutine != kept[len(kept)-1].goroutine || p.call != kept[len(kept)-1].call):
			return nil, fmt.Errorf("event %d does not continue the call before it: %s", i+1, e)
		case p.event > 0:
			continue
		case p.call < next[p.goroutine]:
			return nil, fmt.Errorf("event %d is of a call that came earlier: %s", i+1, e)
		}
		next[p.goroutine] = p.call + 1
		kept = append(kept, p)
	}
	if len(events)%callSize != 0 {
		return nil, fmt.Errorf("after %d events the last call lacks its end", len(events))
	}
	return kept, nil
}

func (b *bench[L, E]) interrupted() {
	places := b.places(1)
	var accepted []place
	for c := range callsEach {
		ctx, cancel := context.WithCancel(b.ctx)
		var wg sync.WaitGroup
		wg.Go(cancel)
		err := b.log.Notify(ctx, b.some(b.number(0, c), b.number(0, c+1)))
		wg.Wait()
		if err == nil {
			accepted = append(accepted, place{call: c})
		} else if !errors.Is(err, context.Canceled) {
			b.broken("Notify returned %v", err)
		}
	}
	for range 2 {
		kept, err := whole(b.kept(), places)
		b.must("Feed", err)
		for _, p := range accepted {
			if !slices.Contains(kept, p) {
				b.broken("call %d returned nil and is not kept", p.call+1)
			}
		}
		b.closeAll()
		b.open()
	}
}

func (b *bench[L, E]) concurrent() {
	const goroutines = 8
	places := b.places(goroutines)
	errs := make([]error, goroutines+1)
	var writers, reader sync.WaitGroup
	for g := range goroutines {
		writers.Go(func() {
			for c := range callsEach {
				if err := b.log.Notify(b.ctx, b.some(b.number(g, c), b.number(g, c+1))); err != nil {
					errs[g] = err
					return
				}
			}
		})
	}
	done := make(chan struct{})
	reader.Go(func() {
		for {
			got, err := events(b.log.Feed(b.ctx))
			if err == nil {
				_, err = whole(got, places)
			}
			if err != nil {
				errs[goroutines] = fmt.Errorf("Feed meanwhile: %w", err)
				return
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	writers.Wait()
	close(done)
	reader.Wait()
	b.must("concurrent calls", errors.Join(errs...))
	kept, err := whole(b.kept(), places)
	b.must("Feed", err)
	if len(kept) != goroutines*callsEach {
		b.broken("%d calls were accepted and %d are kept", goroutines*callsEach, len(kept))
	}
}

// snapshotter is the log in hand, if it keeps snapshots.
func (b *bench[L, E]) snapshotter() machine.Snapshotter[E] {
	s, ok := any(b.log).(machine.Snapshotter[E])
	if !ok {
		b.t.Skipf("a log of type %T keeps no snapshots", b.log)
	}
	return s
}

func (b *bench[L, E]) noSnapshot() {
	b.nothing("a")
	b.notify(0, 3)
	b.must("SaveSnapshot", b.snapshotter().SaveSnapshot(b.ctx, "b", []byte("state")))
	b.nothing("a")
	b.open()
	b.nothing("a")
}

func (b *bench[L, E]) nothing(id string) {
	b.t.Helper()
	data, events, err := b.snapshotter().LoadSnapshot(b.ctx, id)
	b.must("LoadSnapshot", err)
	if data != nil || events != nil {
		b.broken("the data is %q, nil events: %v", data, events == nil)
	}
}

// save saves a snapshot with the number of its events for a state.
func (b *bench[L, E]) save(id string, n int) {
	b.t.Helper()
	data := fmt.Append(nil, n)
	b.must("SaveSnapshot", b.snapshotter().SaveSnapshot(b.ctx, id, data))
	clear(data)
}

// loads checks that the snapshot is of so many events, and that those up to a
// number follow.
func (b *bench[L, E]) loads(id string, n, to int) {
	b.t.Helper()
	data, feed, err := b.snapshotter().LoadSnapshot(b.ctx, id)
	b.must("LoadSnapshot", err)
	if string(data) != fmt.Sprint(n) {
		b.broken("the data of %s is %q, want %q", id, data, fmt.Sprint(n))
	}
	clear(data)
	if feed == nil {
		b.broken("the data comes without events")
	}
	got, err := events(feed)
	b.must("the events after the snapshot", err)
	b.want("the snapshot "+id, texts(b.some(n, to)), got)
}

func (b *bench[L, E]) snapshot() {
	b.snapshotter()
	b.notify(0, 2)
	b.save("a", 2)
	b.loads("a", 2, 2)
	b.notify(2, 5)
	b.loads("a", 2, 5)
	b.save("a", 5)
	b.notify(5, 6)
	b.loads("a", 5, 6)
	b.loads("a", 5, 6)
}

func (b *bench[L, E]) durableSnapshot() {
	b.snapshotter()
	for n := range 5 {
		b.notify(3*n, 3*n+2)
		b.save("a", 3*n+2)
		b.notify(3*n+2, 3*n+3)
		b.open()
		b.loads("a", 3*n+2, 3*n+3)
	}
	b.closeAll()
	b.open()
	b.loads("a", 14, 15)
}
