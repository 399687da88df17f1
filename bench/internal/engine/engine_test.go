package engine

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

func eachEngine(t *testing.T, f func(t *testing.T, e Engine)) {
	for _, e := range []Engine{SQLite, Mutex, PlainFile} {
		t.Run(e.Name, func(t *testing.T) { f(t, e) })
	}
}

func open(t *testing.T, e Engine, dir string) Log {
	t.Helper()
	log, err := e.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func replay(t *testing.T, log Log) (events []string) {
	t.Helper()
	err := log.Replay(func(event []byte) error {
		events = append(events, string(event))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// What many have appended comes back, also when it is opened again: all of it
// once, and of each caller in its order.
func TestEngineKeepsEvents(t *testing.T) {
	eachEngine(t, func(t *testing.T, e Engine) {
		const callers, each = 8, 25
		dir := t.TempDir()
		log := open(t, e, dir)
		var wg sync.WaitGroup
		for c := range callers {
			wg.Go(func() {
				for n := range each {
					if err := log.Append(t.Context(), fmt.Appendf(nil, "%d %d", c, n)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		check := func(log Log) {
			next := map[string]int{}
			for _, event := range replay(t, log) {
				caller, n, _ := strings.Cut(event, " ")
				if n != strconv.Itoa(next[caller]) {
					t.Fatalf("event %q comes after %d of its caller", event, next[caller])
				}
				next[caller]++
			}
			want := map[string]int{}
			for c := range callers {
				want[strconv.Itoa(c)] = each
			}
			if !maps.Equal(next, want) {
				t.Errorf("events of callers: %v, want %v", next, want)
			}
		}
		check(log)
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		log = open(t, e, dir)
		check(log)
		if err := log.Append(t.Context(), []byte("0 25")); err != nil {
			t.Error(err)
		}
		if events := replay(t, log); events[len(events)-1] != "0 25" || len(events) != callers*each+1 {
			t.Errorf("%d events, the last is %q", len(events), events[len(events)-1])
		}
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
}

// One caller has a commit for each event, and events of any size come back.
func TestEngineCountsCommits(t *testing.T) {
	eachEngine(t, func(t *testing.T, e Engine) {
		log := open(t, e, t.TempDir())
		defer log.Close()
		counter := log.(Counter)
		before := counter.Batches()
		large := bytes.Repeat([]byte{0, 0xff, 'x'}, 40_000)
		for _, event := range [][]byte{[]byte("a"), large, []byte("b")} {
			if err := log.Append(t.Context(), event); err != nil {
				t.Fatal(err)
			}
		}
		if commits := counter.Batches() - before; commits != 3 {
			t.Errorf("3 events took %d commits", commits)
		}
		if got := strings.Join(replay(t, log), ""); got != "a"+string(large)+"b" {
			t.Errorf("%d bytes came back", len(got))
		}
	})
}

func TestEngineReplayEnds(t *testing.T) {
	enough := errors.New("enough")
	eachEngine(t, func(t *testing.T, e Engine) {
		log := open(t, e, t.TempDir())
		defer log.Close()
		for range 3 {
			if err := log.Append(t.Context(), []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		seen := 0
		err := log.Replay(func([]byte) error {
			seen++
			return enough
		})
		if !errors.Is(err, enough) || seen != 1 {
			t.Errorf("%d events were seen, and then: %v", seen, err)
		}
	})
}

func TestEngineNeedsItsFolder(t *testing.T) {
	eachEngine(t, func(t *testing.T, e Engine) {
		if log, err := e.Open(filepath.Join(t.TempDir(), "missing")); err == nil {
			t.Error("opened in a folder that is not there")
			log.Close()
		}
	})
}

func TestPlainFileSeesDamage(t *testing.T) {
	dir := t.TempDir()
	log := open(t, PlainFile, dir)
	if err := log.Append(t.Context(), []byte("event")); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "plain.log")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-1] ^= 1
	for what, data := range map[string][]byte{"a bit flipped": flipped, "cut in an event": whole[:len(whole)-1], "cut in a head": whole[:3]} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		log := open(t, PlainFile, dir)
		if err := log.Replay(func([]byte) error { return nil }); err == nil {
			t.Errorf("%s: nothing is noticed", what)
		}
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A caller that comes to write what another has just written leaves it at that.
func TestPlainFileWritesAGroupOnce(t *testing.T) {
	log := open(t, PlainFile, t.TempDir()).(*plainLog)
	defer log.Close()
	g := log.waiting
	if err := log.Append(t.Context(), []byte("event")); err != nil {
		t.Fatal(err)
	}
	log.write(g)
	if events := replay(t, log); len(events) != 1 || log.Batches() != 1 {
		t.Errorf("%q were written in %d groups", events, log.Batches())
	}
}
