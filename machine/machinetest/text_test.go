package machinetest

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/edfsm/edfsm/machine"
	"pgregory.net/rapid"
)

type inner struct {
	n    int
	When time.Time
}

type ring struct{ Next *ring }

func TestText(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	loop := &ring{}
	loop.Next = loop
	self := map[string]any{}
	self["self"] = self
	for want, got := range map[string]string{
		`nil`:        text[any](nil),
		`int(1)`:     text[any](1),
		`1`:          text(1),
		`"a\n"`:      text("a\n"),
		`true`:       text(true),
		`NaN`:        text(math.NaN()),
		`(1+2i)`:     text(1 + 2i),
		`updated(1)`: text(machine.Updated),
		`{}`:         text(struct{ A, B int }{}),
		`{B: 1}`:     text(struct{ A, B int }{0, 1}),
		`{a: 1, C: "x"}`: text(struct {
			a, B int
			C    string
		}{1, 0, "x"}),
		`{m: map["x": 1]}`:                       text(struct{ m map[string]int }{map[string]int{"x": 1}}),
		`[0, 1]`:                                 text([]int{0, 1}),
		`[2]`:                                    text([1]int{2}),
		`"\x01"`:                                 text([]byte{1}),
		`map[1: 2, 3: 4]`:                        text(map[int]int{3: 4, 1: 2}),
		`&{n: 2}`:                                text(&inner{n: 2}),
		`{When: 2026-01-02T03:04:05.000000006Z}`: text(inner{When: at}),
		`*machinetest.inner&{}`:                  text[any](&inner{}),
		`machinetest.inner{n: 1}`:                text[any](inner{n: 1}),
		`&{Next: &itself}`:                       text(loop),
		`map["self": map[string]interface {}(itself)]`: text(self),
		`func`:                          text(func() {}),
		`chan`:                          text(make(chan int)),
		`[map[string]int(map["a": 1])]`: text([]any{map[string]int{"a": 1}}),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// Nothing is nothing, however it is written, and wherever it stands.
func TestTextOfNothing(t *testing.T) {
	type all struct {
		Slice []int
		Map   map[string]int
		Inner struct{ Slice []inner }
		Array [1][]int
		Big   big.Int
		Time  time.Time
		Func  func()
		Chan  chan int
		Any   any
		Ptr   *int
		Float float64
		Bool  bool
		Bytes []byte
	}
	a := all{Slice: []int{}, Map: map[string]int{}, Array: [1][]int{{}}, Bytes: []byte{}, Time: time.Time{}.UTC()}
	a.Inner.Slice = []inner{}
	a.Big.SetInt64(5).SetInt64(0)
	if text(a) != "{}" || text(all{}) != "{}" {
		t.Errorf("%s and %s, want {}", text(a), text(all{}))
	}
	if a, b := text([]int{0}), text([]int{}); a == b {
		t.Errorf("a list with nothing in it and an empty list are both %s", a)
	}
}

func TestContrast(t *testing.T) {
	same := strings.Repeat("s", 1000)
	a, b := contrast(same+"a"+same, same+"b")
	if want := "... " + same[:lead] + "b"; b != want || len(a) > 300 || !strings.HasPrefix(a, "... "+same[:lead]+"a") {
		t.Errorf("%s\n%s", a, b)
	}
	if a, b := contrast("xa", "xb"); a != "xa" || b != "xb" {
		t.Error(a, b)
	}
	if a, b := contrast("x", same); a != "x" || b != same[:long]+" ... (760 bytes more)" {
		t.Error(a, b)
	}
}

// tree is a value with all that clone copies.
type tree struct {
	Name   string
	N      int
	Words  []string
	Counts map[string][]int
	Child  *tree
	Any    any
	Pair   [2][]byte
	When   *time.Time
	Embedded
	Nested struct{ Deep *uint8 }
}

type Embedded struct{ Flags []bool }

func trees() *rapid.Generator[tree] {
	return rapid.Custom(func(t *rapid.T) tree {
		words := rapid.SliceOfN(rapid.StringN(0, 3, -1), 0, 3)
		v := tree{
			Name:   rapid.String().Draw(t, "name"),
			N:      rapid.Int().Draw(t, "n"),
			Words:  words.Draw(t, "words"),
			Counts: rapid.MapOfN(rapid.StringN(0, 3, -1), rapid.SliceOfN(rapid.Int(), 0, 3), 0, 3).Draw(t, "counts"),
			Pair:   [2][]byte{rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "bytes")},
		}
		v.Flags = rapid.SliceOfN(rapid.Bool(), 0, 3).Draw(t, "flags")
		v.Any = rapid.OneOf(words.AsAny(), rapid.Int().AsAny(), rapid.Just[any](nil), rapid.Ptr(rapid.Float64(), true).AsAny()).Draw(t, "any")
		if rapid.Bool().Draw(t, "when") {
			now := time.Unix(rapid.Int64Range(0, 10).Draw(t, "at"), 0)
			v.When = &now
		}
		v.Nested.Deep = rapid.Ptr(rapid.Uint8(), true).Draw(t, "deep")
		if rapid.Bool().Draw(t, "parent") {
			v.Child = &tree{Name: "child", Words: words.Draw(t, "more words")}
		}
		return v
	})
}

// A clone reads as its original, which stays as it is when the clone is
// overwritten; but whoever shares memory with the clone sees it.
func TestCloneAndOverwrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := trees().Draw(t, "tree")
		before := text(v)
		own := clone(v)
		if text(own) != before {
			t.Fatalf("the clone of %s is %s", before, text(own))
		}
		shared := map[string]func() string{
			"Words":  func() string { return text(own.Words) },
			"Counts": func() string { return text(own.Counts) },
			"Child":  func() string { return text(own.Child) },
			"Pair":   func() string { return text(own.Pair[0]) },
			"When":   func() string { return text(own.When) },
			"Flags":  func() string { return text(own.Flags) },
			"Deep":   func() string { return text(own.Nested.Deep) },
		}
		was := make(map[string]string)
		for name, now := range shared {
			was[name] = now()
		}
		overwrite(own)
		for name, now := range shared {
			if s := was[name]; now() == s && s != "nil" && s != "[]" && s != `""` {
				t.Fatalf("%s was not overwritten: %s", name, s)
			}
		}
		if text(v) != before {
			t.Fatalf("%s was changed to %s with its clone", before, text(v))
		}
	})
}

func TestOverwriteReachesSpareRoom(t *testing.T) {
	own := clone([]string{"a"})
	kept := append(own, "b")
	overwrite(own)
	if got := fmt.Sprint(kept); got != "[ ]" {
		t.Errorf("%q", kept)
	}
}
