package machinetest

import (
	"regexp"
	"testing"

	"github.com/edfsm/edfsm/machine"
	"pgregory.net/rapid"
)

func TestShelfMayBeCompacted(t *testing.T) {
	TestCompaction(t, shelf{}, shelfKey, orders(), shelfEvents())
	TestCompaction(t, shelf{}, shelfKey, nil, shelfEvents())
}

// changed is shelfKey with another answer for one type of event.
func changed[E event](tombstone bool, key func(E) string) func(event) (string, bool) {
	return func(e event) (string, bool) {
		if e, ok := e.(E); ok {
			return key(e), tombstone
		}
		return shelfKey(e)
	}
}

// The boxes of the counterexamples are those to which rapid comes.
func TestUnsafeKeys(t *testing.T) {
	for name, c := range map[string]struct {
		orders *rapid.Generator[order]
		key    func(event) (string, bool)
		want   string
	}{
		"all takings have one key": {moves(), changed(false, func(taken) string { return "takings" }), `the history:
   1  machinetest.placed{Box: ".", Labels: \["new", "box"\]}
      key ".", kept
   2  machinetest.placed{Box: ".", Labels: \["new", "box"\]}
      key ".", kept
   3  machinetest.taken{Box: "."}
      key "takings", gone  <- should not have gone
   4  machinetest.taken{Box: "."}
      key "takings", kept
whole leads to      {}
compacted leads to  {Boxes: map\[".": \["new", "box"\]\]}
compaction by this key is not safe`},
		"the end is a tombstone": {orders(), changed(true, func(ended) string { return "end" }), `the history:
   1  machinetest.ended{}
      tombstone of "end", gone  <- should not have gone
whole leads to      {closed: true}
compacted leads to  {}
compaction by this key is not safe`},
		"placing is a tombstone": {orders(), changed(true, func(e placed) string { return e.Box }), `the history:
   1  machinetest.placed{Box: ".", Labels: \["new", "box"\]}
      tombstone of ".", gone  <- should not have gone
whole leads to      {Boxes: map\[".": \["new", "box"\]\]}
compacted leads to  {}
compaction by this key is not safe`},
	} {
		t.Run(name, func(t *testing.T) {
			got := failure(t, func(t *fakeT) { TestCompaction(t, shelf{}, c.key, c.orders, nil) })
			if !regexp.MustCompile("^" + c.want + "\n$").MatchString(got) {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// A state that counts events is not safe under a key that replaces some.
func TestUnsafeState(t *testing.T) {
	fsm := broken{evolve: func(s *shelfState, e event) machine.Change {
		return keep(s, "moves", append(s.Boxes["moves"], "one more"))
	}}
	key := func(event) (string, bool) { return "all", false }
	want := regexp.MustCompile(`^the history:
   1  .*
      key "all", gone  <- should not have gone
   2  .*
      key "all", kept
whole leads to      {Boxes: map\["moves": \["one more", "one more"\]\]}
compacted leads to  {Boxes: map\["moves": \["one more"\]\]}
compaction by this key is not safe
$`)
	if got := failure(t, func(t *fakeT) { TestCompaction(t, fsm, key, nil, shelfEvents()) }); !want.MatchString(got) {
		t.Errorf("got\n%s\nwant\n%v", got, want)
	}
}

// The compactions of the model, by hand.
func TestCompact(t *testing.T) {
	events := []event{placed{Box: "a"}, taken{"a"}, placed{Box: "b"}, placed{Box: "a"}, taken{"a"}, placed{Box: "b"}, ended{}}
	for _, c := range []struct {
		compactions []compaction
		kept        string
	}{
		{nil, "0123456"},
		{[]compaction{{7, 0, 7}}, "0123456"},
		{[]compaction{{7, 3, 7}}, "3456"},
		{[]compaction{{7, 7, 7}}, "56"},    // a tombstone goes itself
		{[]compaction{{7, 5, 7}}, "56"},    // once it is old enough
		{[]compaction{{7, 4, 7}}, "456"},   // and not before
		{[]compaction{{3, 3, 3}}, "23456"}, // what comes later is not seen
		{[]compaction{{7, 7, 5}}, "2456"},  // for a replay that ends before 5, nor is it heeded
		{[]compaction{{7, 7, 4}}, "0123456"},
		{[]compaction{{7, 7, 5}, {7, 7, 7}}, "56"},
	} {
		h := newKeyed(events, shelfKey)
		for _, comp := range c.compactions {
			h.compact(comp)
		}
		kept := ""
		for i, k := range h {
			if !k.gone {
				kept += string(rune('0' + i))
			}
		}
		if kept != c.kept {
			t.Errorf("%v keeps %s, want %s", c.compactions, kept, c.kept)
		}
	}
}
