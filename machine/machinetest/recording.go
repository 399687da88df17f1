package machinetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edfsm/edfsm/machine"
)

var update = flag.Bool("machinetest.update", false, "machinetest: rewrite golden files")

// TestRecording replays a recorded log against today's code and says which of
// its events can no longer be read, or no longer does to the state what it did
// when the golden file was written.
//
// The golden file has a line for each event: its number, what Evolve called the
// change, and a hash of the state behind it. It is written by
//
//	go test -run ThisTest -machinetest.update
//
// and kept with the log, in testdata. Write it with code that is known to be
// right, and again only when the meaning of old events shall change.
//
// The hash is one of the state's encoding, which must depend on the state alone
// and carry all that matters. With nil it is the state's JSON, and the check
// fails if that loses something, such as an unexported field. Names of fields
// are part of JSON: a state whose fields get other names needs tags, or an
// encoding of its own, to keep its golden file. The codecs of package codec fit.
func TestRecording[S, C, E, O any](t testing.TB, fsm machine.FSM[S, C, E, O], recorded machine.Feed[E], golden string, states interface {
	Append(dst []byte, s S) ([]byte, error)
}) {
	t.Helper()
	if states == nil {
		states = jsonStates[S]{}
	}
	r := recording[S, C, E, O]{fsm: fsm, states: states}
	if *update {
		lines := r.replay(t, recorded, nil)
		err := os.MkdirAll(filepath.Dir(golden), 0o777)
		if err == nil {
			err = os.WriteFile(golden, []byte(strings.Join(lines, "")), 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	data, err := os.ReadFile(golden)
	if errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%v: write it with -machinetest.update", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	want := strings.SplitAfter(string(data), "\n")
	want = want[:len(want)-1] // behind the last end of line
	if lines := r.replay(t, recorded, want); len(lines) < len(want) {
		t.Errorf("the log ends after %d events, %s has %d", len(lines), golden, len(want))
	}
}

// jsonStates encodes states as JSON that has all of them.
type jsonStates[S any] struct{}

func (jsonStates[S]) Append(dst []byte, s S) ([]byte, error) {
	data, err := json.Marshal(s)
	if err != nil {
		return dst, err
	}
	var back S
	if err := json.Unmarshal(data, &back); err != nil {
		return dst, err
	}
	if was, is := text(s), text(back); was != is {
		return dst, fmt.Errorf("JSON does not carry the whole state: give an encoding that does\nstate:            %s\nthrough its JSON: %s", was, is)
	}
	return append(dst, data...), nil
}

type recording[S, C, E, O any] struct {
	fsm    machine.FSM[S, C, E, O]
	states interface {
		Append(dst []byte, s S) ([]byte, error)
	}
	state S
}

// replay returns the lines of the golden file. If there are lines to compare
// with, it stops at the first event whose line is another.
func (r *recording[S, C, E, O]) replay(t testing.TB, recorded machine.Feed[E], want []string) (lines []string) {
	t.Helper()
	for e, err := range recorded.Feed(t.Context()) {
		n := len(lines) + 1
		if err != nil {
			t.Fatalf("event %d can no longer be read: %v", n, err)
		}
		before, event := text(r.state), text(e)
		line, err := r.step(n, e)
		if err != nil {
			t.Fatalf("the state behind event %d cannot be encoded: %v\n      %s", n, err, event)
		}
		lines = append(lines, line)
		if want == nil {
			continue
		}
		if n > len(want) {
			t.Fatalf("event %d is not in the golden file, which ends before it\n      %s", n, event)
		}
		if line != want[n-1] {
			t.Fatalf("event %d no longer does what it did\n      %s\nrecorded: %stoday:    %sbefore:   %s\nbehind:   %s",
				n, event, want[n-1], line, before, text(r.state))
		}
	}
	return lines
}

// step evolves the state by the n-th event and returns the line for it.
func (r *recording[S, C, E, O]) step(n int, e E) (string, error) {
	change := r.fsm.Evolve(&r.state, e)
	data, err := r.states.Append(nil, r.state)
	sum := sha256.Sum256(data)
	return fmt.Sprintf("%d %v %x\n", n, change, sum[:8]), err
}

// Lines is a recorded log in a text file of which each line is an event, as the
// log's codec has written it. The sqlite3 shell makes one of a sqlitelog whose
// codec is JSON:
//
//	sqlite3 -readonly FILE 'SELECT value FROM log ORDER BY offset' > testdata/log.jsonl
//
// The codecs of package codec fit. A line that does not decode ends the feed.
func Lines[E any](path string, codec interface {
	Decode(data []byte, e *E) error
}) machine.Feed[E] {
	decodeAll := func(data []byte, emit func(E)) error {
		var e E
		err := codec.Decode(data, &e)
		emit(e)
		return err
	}
	if c, ok := codec.(interface {
		DecodeAll(data []byte, emit func(E)) error
	}); ok {
		decodeAll = c.DecodeAll
	}
	return feedFunc[E](func(ctx context.Context) iter.Seq2[E, error] {
		return func(yield func(E, error) bool) {
			var none E
			data, err := os.ReadFile(path)
			if err != nil {
				yield(none, err)
				return
			}
			n := 0
			for line := range bytes.Lines(data) {
				n++
				var events []E
				err := decodeAll(bytes.TrimRight(line, "\r\n"), func(e E) { events = append(events, e) })
				if err == nil {
					err = ctx.Err()
				}
				if err != nil {
					yield(none, fmt.Errorf("%s:%d: %w", path, n, err))
					return
				}
				for _, e := range events {
					if !yield(e, nil) {
						return
					}
				}
			}
		}
	})
}
