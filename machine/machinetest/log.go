package machinetest

import (
	"context"
	"fmt"
	"io"
	"iter"
	"testing"

	"github.com/edfsm/edfsm/machine"
	"pgregory.net/rapid"
)

// TestLog checks that a log keeps the promises of [machine.Log], each in a
// subtest that is named after it and states it when it fails. A log that is a
// [machine.Snapshotter] has its promises checked too.
//
// open opens the log that is kept in a folder, and makes it if the folder is
// empty. It is called again for the same folder after the log was closed, if it
// has a method Close() error, but also while it is still open: so it must be to
// start after a crash. The earlier value is then no longer used but to close
// it. A log that is kept elsewhere takes the folder as its name. The log must
// not be one that compacts.
//
// event makes the n-th of any number of events, all different, which come back
// from the log as they were: to keep an int in them will do.
//
// A log for the use of one machine alone may skip the subtest concurrent.
func TestLog[L machine.Log[E], E any](t *testing.T, open func(dir string) (L, error), event func(n int) E) {
	for _, p := range promises[L, E]() {
		t.Run(p.name, func(t *testing.T) {
			p.check(t, t.Context(), t.TempDir(), open, event)
		})
	}
}

// promise is one that a log makes.
type promise[L machine.Log[E], E any] struct {
	name, rule string
	keep       func(b *bench[L, E])
}

func promises[L machine.Log[E], E any]() []promise[L, E] {
	return []promise[L, E]{
		{"empty", "a new log feeds no events and no error, also when it is opened again", (*bench[L, E]).empty},
		{"order", "events come back in the order in which they were given", (*bench[L, E]).order},
		{"large", "all events of a call are kept, up to 1,000 at least", (*bench[L, E]).large},
		{"too-large", "of a call with more events all are kept, or it is refused and none is", (*bench[L, E]).tooLarge},
		{"slice", "Notify neither keeps nor changes the slice, which its caller uses again", (*bench[L, E]).slice},
		{"again", "each Feed begins with the oldest event, also after one that was left early", (*bench[L, E]).again},
		{"durable", "what Notify has accepted is kept when nobody closes the log, as in a crash", (*bench[L, E]).durable},
		{"reopened", "a log that was closed and opened again goes on behind the events that it had", (*bench[L, E]).reopened},
		{"cancelled", "Notify with a context that has ended keeps all events, or none and returns the context's error", (*bench[L, E]).cancelled},
		{"interrupted", "of a call whose context ends meanwhile all events are kept or none, and all if it returned nil", (*bench[L, E]).interrupted},
		{"cancelled-feed", "a Feed whose context ends gives all events, or the context's error as its last pair with the zero event", (*bench[L, E]).cancelledFeed},
		{"concurrent", "calls made at the same time are each kept as a whole, those of one goroutine in its order, and no Feed sees a part of one", (*bench[L, E]).concurrent},
		{"no-snapshot", "without a snapshot of that id, LoadSnapshot returns neither data nor events nor an error", (*bench[L, E]).noSnapshot},
		{"snapshot", "LoadSnapshot returns the newest data saved under the id and the events accepted since", (*bench[L, E]).snapshot},
		{"durable-snapshot", "what SaveSnapshot has accepted is kept when nobody closes the log, as in a crash", (*bench[L, E]).durableSnapshot},
	}
}

func (p promise[L, E]) check(t rapid.TB, ctx context.Context, dir string, open func(string) (L, error), event func(int) E) {
	b := &bench[L, E]{t: t, ctx: ctx, rule: p.rule, dir: dir, opener: open, event: event}
	defer b.closeAll()
	if text(event(0)) == text(event(1)) {
		t.Fatalf("events 0 and 1 are not different: %s", text(event(0)))
	}
	b.open()
	p.keep(b)
}

// bench is where a log is tried.
type bench[L machine.Log[E], E any] struct {
	t      rapid.TB
	ctx    context.Context
	rule   string
	dir    string
	opener func(string) (L, error)
	event  func(int) E

	log    L
	opened []L
}

func (b *bench[L, E]) broken(format string, args ...any) {
	b.t.Helper()
	b.t.Fatalf("%s\n%s", b.rule, fmt.Sprintf(format, args...))
}

func (b *bench[L, E]) must(what string, err error) {
	b.t.Helper()
	if err != nil {
		b.broken("%s: %v", what, err)
	}
}

func (b *bench[L, E]) open() {
	b.t.Helper()
	log, err := b.opener(b.dir)
	b.must("open", err)
	b.log = log
	b.opened = append(b.opened, log)
}

func (b *bench[L, E]) closeAll() {
	b.t.Helper()
	for _, log := range b.opened {
		if c, ok := any(log).(io.Closer); ok {
			if err := c.Close(); err != nil {
				b.t.Errorf("close: %v", err)
			}
		}
	}
	b.opened = nil
}

// some makes the events from one number up to another.
func (b *bench[L, E]) some(from, to int) (events []E) {
	for n := from; n < to; n++ {
		events = append(events, b.event(n))
	}
	return events
}

func (b *bench[L, E]) notify(from, to int) {
	b.t.Helper()
	b.must(fmt.Sprintf("Notify of %d events", to-from), b.log.Notify(b.ctx, b.some(from, to)))
}

// events is what a feed gives before its first error.
func events[E any](feed iter.Seq2[E, error]) (all []string, err error) {
	for e, err := range feed {
		if err != nil {
			return all, err
		}
		all = append(all, text(e))
	}
	return all, nil
}

func (b *bench[L, E]) kept() []string {
	b.t.Helper()
	got, err := events(b.log.Feed(b.ctx))
	b.must("Feed", err)
	return got
}

// has checks that the log has the events with the numbers below n and no others.
func (b *bench[L, E]) has(n int) {
	b.t.Helper()
	b.want("Feed", texts(b.some(0, n)), b.kept())
}

func (b *bench[L, E]) want(what string, want, got []string) {
	b.t.Helper()
	i := 0
	for i < min(len(want), len(got)) && want[i] == got[i] {
		i++
	}
	if i < max(len(want), len(got)) {
		b.broken("%s gave %d events, want %d; from event %d on (- want, + got)\n%s", what, len(got), len(want), i+1,
			difference(want[i:min(i+3, len(want))], got[i:min(i+3, len(got))]))
	}
}
