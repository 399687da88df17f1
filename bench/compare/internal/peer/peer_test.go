package peer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"iter"
	"slices"
	"sync"
	"testing"

	"github.com/edfsm/edfsm/bench/internal/engine"
)

const (
	callers = 8
	each    = 25 // events of a caller
)

// TestPeers holds each peer to what the measures take for granted: after it was
// opened again it has all events that were acknowledged, those of a caller in
// their order, and goes on behind them.
func TestPeers(t *testing.T) {
	for _, e := range All() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for opening := range 3 {
				l := open(t, e, dir)
				check(t, replay(t, l), opening)
				fill(t, l, opening)
				check(t, replay(t, l), opening+1)
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func open(t *testing.T, e engine.Engine, dir string) engine.Log {
	t.Helper()
	l, err := e.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// fill appends the events of one opening.
func fill(t *testing.T, l engine.Log, opening int) {
	t.Helper()
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for n := range each {
				if err := l.Append(t.Context(), event(caller, opening*each+n)); err != nil {
					t.Errorf("caller %d, event %d: %v", caller, n, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestFill holds those that can be filled to the same.
func TestFill(t *testing.T) {
	for _, e := range All() {
		t.Run(e.Name, func(t *testing.T) {
			dir := t.TempDir()
			for opening := range 2 {
				l := open(t, e, dir)
				f, ok := l.(Filler)
				if !ok {
					if err := l.Close(); err != nil {
						t.Fatal(err)
					}
					t.Skip("an Append for each is fast enough")
				}
				if err := f.Fill(events(opening)); err != nil {
					t.Fatal(err)
				}
				check(t, replay(t, l), opening+1)
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// events are those of one opening.
func events(opening int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for n := range callers * each {
			if !yield(event(n%callers, opening*each+n/callers)) {
				return
			}
		}
	}
}

// event is the nth of a caller. Its bytes are of all kinds, its length varies, and
// the first are empty but for who they are.
func event(caller, n int) []byte {
	e := binary.BigEndian.AppendUint16(nil, uint16(caller))
	e = binary.BigEndian.AppendUint16(e, uint16(n))
	return append(e, bytes.Repeat([]byte{byte(n), 0, 0xff}, n*n)...)
}

func check(t *testing.T, events [][]byte, openings int) {
	t.Helper()
	next := make([]int, callers)
	for i, e := range events {
		caller := int(binary.BigEndian.Uint16(e))
		if !bytes.Equal(e, event(caller, next[caller])) {
			t.Fatalf("event %d is not the one numbered %d of caller %d", i, next[caller], caller)
		}
		next[caller]++
	}
	if want := slices.Repeat([]int{openings * each}, callers); !slices.Equal(next, want) {
		t.Fatalf("events of the callers: %v, want %v", next, want)
	}
}

var errStopped = errors.New("stopped")

// replay returns copies of all events, and checks that a replay which is stopped
// returns the cause.
func replay(t *testing.T, l engine.Log) (events [][]byte) {
	t.Helper()
	err := l.Replay(func(e []byte) error {
		events = append(events, bytes.Clone(e))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(events) > 0 {
		if err := l.Replay(func([]byte) error { return errStopped }); !errors.Is(err, errStopped) {
			t.Fatalf("a replay that is stopped returns %v", err)
		}
	}
	return events
}
