package machinetest

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/edfsm/edfsm/machine"
	"pgregory.net/rapid"
)

// TestCompaction checks that a log of the FSM may be compacted by a key: what
// is left of any history that the commands and events lead to, after any
// compactions, leads to the same state as the whole. Either generator may be
// nil.
//
// The function is the one that the log is given, such as the Key of
// sqlitelog.Config, and the compactions are those of sqlitelog. An event that
// is old enough is deleted when a newer event has its key. With the zero Op
// the newest event of a key stays; with another, a tombstone, it goes too once
// it is old enough. An event with the key "" stays.
//
// A failure is shown as the shortest history that was found, with the events
// that a compaction took, and among them those whose loss makes the difference.
func TestCompaction[S, C, E, O any, Op comparable](t testing.TB, fsm machine.FSM[S, C, E, O], key func(E) (key string, op Op), commands *rapid.Generator[C], events *rapid.Generator[E]) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		var log machine.Memory[E]
		live(t, fsm, &log, inputs(t, commands, events))
		h := newKeyed(logged(t.Context(), &log), key)
		whole := text(fold(fsm, h, func(keyed[E]) bool { return true }))
		for _, c := range drawCompactions(t, len(h)) {
			h.compact(c)
		}
		for through := range len(h) + 1 { // and now, as far as it may come
			h := slices.Clone(h)
			h.compact(compaction{len(h), through, len(h)})
			compacted := text(fold(fsm, h, func(k keyed[E]) bool { return !k.gone }))
			if compacted == whole {
				continue
			}
			h.blame(func(kept func(keyed[E]) bool) bool { return text(fold(fsm, h, kept)) == whole })
			whole, compacted := contrast(whole, compacted)
			t.Logf("the history:\n%swhole leads to      %s\ncompacted leads to  %s", numbered(h.lines()), whole, compacted)
			t.Fatal("compaction by this key is not safe")
		}
	})
}

// keyed is an event as a log that compacts sees it.
type keyed[E any] struct {
	event     E
	key       string
	tombstone bool
	gone      bool
	needed    bool // and so it should not have gone
}

type keyedHistory[E any] []keyed[E]

func newKeyed[E any, Op comparable](events []E, key func(E) (string, Op)) keyedHistory[E] {
	h := make(keyedHistory[E], len(events))
	for i, e := range events {
		name, op := key(e)
		var keep Op
		h[i] = keyed[E]{event: e, key: name, tombstone: name != "" && op != keep}
	}
	return h
}

// compaction happens when there are as many events as at, and comes as far as
// through: it may have been interrupted there. While a replay is open that ends
// at watched, nothing is deleted for the sake of an event behind it.
type compaction struct{ at, through, watched int }

// drawCompactions draws some that happened meanwhile.
func drawCompactions(t *rapid.T, events int) []compaction {
	all := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) (c compaction) {
		c.at = rapid.IntRange(0, events).Draw(t, "at")
		c.through = rapid.IntRange(0, c.at).Draw(t, "through")
		c.watched = rapid.IntRange(c.through, c.at).Draw(t, "watched")
		return c
	}), 0, 3).Draw(t, "compactions")
	slices.SortFunc(all, func(a, b compaction) int { return cmp.Compare(a.at, b.at) })
	return all
}

func (h keyedHistory[E]) compact(c compaction) {
	newest := make(map[string]int)
	for i, k := range h[:c.at] {
		newest[k.key] = i
	}
	for i := range h[:c.through] {
		k := &h[i]
		switch n := newest[k.key]; {
		case k.key == "":
		case n > i:
			k.gone = k.gone || n < c.watched
		case k.tombstone && c.watched == c.at:
			k.gone = true
		}
	}
}

// blame marks a smallest set of deleted events without whose loss all is well.
func (h keyedHistory[E]) blame(well func(kept func(keyed[E]) bool) bool) {
	for i := range h {
		h[i].needed = h[i].gone
	}
	for i := range h {
		needed := h[i].needed
		h[i].needed = false
		if !well(func(k keyed[E]) bool { return !k.gone || k.needed }) {
			h[i].needed = needed
		}
	}
}

func (h keyedHistory[E]) lines() []string {
	all := make([]string, len(h))
	for i, k := range h {
		sort, fate := "key", "kept"
		if k.tombstone {
			sort = "tombstone of"
		}
		switch {
		case k.needed:
			fate = "gone  <- should not have gone"
		case k.gone:
			fate = "gone"
		}
		all[i] = fmt.Sprintf("%s\n      %s %q, %s", text(k.event), sort, k.key, fate)
	}
	return all
}

// fold is the state after those events of a history that were kept.
func fold[S, C, E, O any](fsm machine.FSM[S, C, E, O], h keyedHistory[E], kept func(keyed[E]) bool) (s S) {
	for _, k := range h {
		if kept(k) {
			fsm.Evolve(&s, clone(k.event))
		}
	}
	return s
}
