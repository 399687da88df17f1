package machinetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/edfsm/edfsm/machine"
)

var errRefused = errors.New("refused")

func number(n int) int { return n }

func TestMemoryIsALog(t *testing.T) {
	logs := make(map[string]*machine.Memory[int])
	TestLog(t, func(dir string) (*machine.Memory[int], error) {
		if logs[dir] == nil {
			logs[dir] = new(machine.Memory[int])
		}
		return logs[dir], nil
	}, number)
}

// disks is what outlasts the logs, by folder.
type disks map[string]*disk

type disk struct {
	mu        sync.Mutex
	events    []int
	given     [][]int // the slices of the calls
	read      int     // events that were fed
	snapshots map[string]saved
}

type saved struct {
	data  []byte
	after int
}

// flawed is a log with one flaw.
type flawed struct {
	*disk
	flaw      string
	base      context.Context // that does not end
	buffer    []int           // that is not on the disk
	snapshots map[string]saved
}

func (d disks) open(base context.Context, dir, flaw string) (*flawed, error) {
	if d[dir] == nil {
		d[dir] = &disk{snapshots: make(map[string]saved)}
		if flaw == "begins with something" {
			d[dir].events = []int{0}
		}
	}
	l := &flawed{disk: d[dir], flaw: flaw, base: base, snapshots: d[dir].snapshots}
	if flaw == "forgets snapshots" {
		l.snapshots = make(map[string]saved)
	}
	return l, nil
}

func (l *flawed) Notify(ctx context.Context, events []int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.flaw != "logs half of a cancelled call" && l.flaw != "gives up in the middle" {
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	switch l.flaw {
	case "reorders a call":
		for _, e := range slices.Backward(events) {
			l.events = append(l.events, e)
		}
	case "loses the tail of a call":
		l.events = append(l.events, events[:min(len(events), 999)]...)
	case "keeps the beginning of what it refuses":
		if len(events) > 1000 {
			l.events = append(l.events, events[:1000]...)
			return errRefused
		}
		l.events = append(l.events, events...)
	case "keeps the slice":
		l.given = append(l.given, events)
	case "changes the slice":
		l.events = append(l.events, events...)
		events[0] = -1
	case "acknowledges early":
		l.buffer = append(l.buffer, events...)
	case "logs half of a cancelled call":
		err := ctx.Err()
		if err != nil {
			events = events[:len(events)/2]
		}
		l.events = append(l.events, events...)
		return err
	case "gives up in the middle":
		for i, e := range events {
			if i > 0 && ctx != l.base {
				<-ctx.Done()
				return ctx.Err()
			}
			l.events = append(l.events, e)
		}
	case "takes turns":
		for _, e := range events {
			l.events = append(l.events, e)
			l.mu.Unlock()
			runtime.Gosched()
			l.mu.Lock()
		}
	default:
		l.events = append(l.events, events...)
	}
	return nil
}

func (l *flawed) Feed(ctx context.Context) iter.Seq2[int, error] {
	l.mu.Lock()
	defer l.mu.Unlock()
	events := slices.Concat(l.events, l.buffer, slices.Concat(l.given...))
	if l.flaw == "feeds once" {
		events = events[l.read:]
	}
	return l.feed(ctx, events)
}

func (l *flawed) feed(ctx context.Context, events []int) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for _, e := range events {
			if err := ctx.Err(); err != nil {
				switch l.flaw {
				case "ends short":
				case "reads on after an error":
					if yield(0, err) {
						yield(e, nil)
					}
				default:
					yield(0, err)
				}
				return
			}
			l.read++
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (l *flawed) SaveSnapshot(_ context.Context, id string, data []byte) error {
	if _, ok := l.snapshots[id]; ok && l.flaw == "keeps the first snapshot" {
		return nil
	}
	if l.flaw != "keeps the data" {
		data = slices.Clone(data)
	}
	l.snapshots[id] = saved{data, len(l.events)}
	return nil
}

func (l *flawed) LoadSnapshot(ctx context.Context, id string) ([]byte, iter.Seq2[int, error], error) {
	s, ok := l.snapshots[id]
	if l.flaw == "gives any snapshot" {
		for _, s = range l.snapshots {
			ok = true
		}
	}
	if !ok {
		return nil, nil, nil
	}
	if l.flaw == "goes on too late" {
		s.after = len(l.events)
	}
	return slices.Clone(s.data), l.feed(ctx, l.events[min(s.after, len(l.events)):]), nil
}

func (l *flawed) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, l.buffer...)
	l.buffer = nil
	if l.flaw == "forgets the last event" && len(l.events) > 0 {
		l.events = l.events[:len(l.events)-1]
	}
	return nil
}

// failing returns the names of the promises that a log breaks, with what the
// suite says of each.
func failing(t *testing.T, flaw string) map[string]string {
	broken := make(map[string]string)
	for _, p := range promises[*flawed, int]() {
		d := make(disks)
		said := failure(t, func(t *fakeT) {
			p.check(t, t.ctx, "disk", func(dir string) (*flawed, error) { return d.open(t.ctx, dir, flaw) }, number)
		})
		if said != "" {
			broken[p.name] = said
		}
	}
	return broken
}

func TestFlawedLogs(t *testing.T) {
	if got := failing(t, "none"); len(got) > 0 {
		t.Fatalf("a log without a flaw: %q", got)
	}
	tried := make(map[string]bool)
	for flaw, promise := range map[string]string{
		"begins with something":                  "empty",
		"reorders a call":                        "order",
		"loses the tail of a call":               "large",
		"keeps the beginning of what it refuses": "too-large",
		"keeps the slice":                        "slice",
		"changes the slice":                      "slice",
		"feeds once":                             "again",
		"acknowledges early":                     "durable",
		"forgets the last event":                 "reopened",
		"logs half of a cancelled call":          "cancelled",
		"gives up in the middle":                 "interrupted",
		"ends short":                             "cancelled-feed",
		"reads on after an error":                "cancelled-feed",
		"takes turns":                            "concurrent",
		"gives any snapshot":                     "no-snapshot",
		"keeps the first snapshot":               "snapshot",
		"keeps the data":                         "snapshot",
		"goes on too late":                       "snapshot",
		"forgets snapshots":                      "durable-snapshot",
	} {
		tried[promise] = true
		t.Run(flaw, func(t *testing.T) {
			said, ok := failing(t, flaw)[promise]
			if !ok {
				t.Errorf("keeps the promise %q", promise)
			}
			t.Log(said)
		})
	}
	for _, p := range promises[*flawed, int]() {
		if !tried[p.name] {
			t.Errorf("no log breaks the promise %q", p.name)
		}
	}
}

func TestLogOfEqualEvents(t *testing.T) {
	p := promises[*flawed, int]()[0]
	d := make(disks)
	said := failure(t, func(t *fakeT) {
		p.check(t, t.ctx, "disk", func(dir string) (*flawed, error) { return d.open(t.ctx, dir, "") }, func(int) int { return 1 })
	})
	if want := "events 0 and 1 are not different: 1\n"; said != want {
		t.Errorf("%q, want %q", said, want)
	}
}

func TestLogThatDoesNotOpen(t *testing.T) {
	p := promises[*flawed, int]()[0]
	said := failure(t, func(t *fakeT) {
		p.check(t, t.ctx, "disk", func(dir string) (*flawed, error) { return nil, fmt.Errorf("no %s", dir) }, number)
	})
	if want := p.rule + "\nopen: no disk\n"; said != want {
		t.Errorf("%q, want %q", said, want)
	}
}
