package machinetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/edfsm/edfsm/machine"
	"pgregory.net/rapid"
)

// shelf is an FSM that keeps all laws. Boxes with labels are put on it and
// taken away, until it is closed.
type shelf struct{}

type shelfState struct {
	Boxes  map[string][]string // labels by name
	closed bool
}

type (
	put   struct{ Box string }
	take  struct{ Box string }
	shut  struct{}
	order interface{ isOrder() }
)

func (put) isOrder()  {}
func (take) isOrder() {}
func (shut) isOrder() {}

type (
	placed struct {
		Box    string
		Labels []string
	}
	taken struct{ Box string }
	ended struct{}
	event interface{ isEvent() }
)

func (placed) isEvent() {}
func (taken) isEvent()  {}
func (ended) isEvent()  {}

var errNoBox = errors.New("no such box")

func (shelf) Decide(s shelfState, cmd order, emit func(string)) ([]event, error) {
	switch cmd := cmd.(type) {
	case put:
		return []event{placed{cmd.Box, []string{"new", "box"}}}, nil
	case take:
		emit("looking for " + cmd.Box)
		if _, ok := s.Boxes[cmd.Box]; !ok {
			return nil, fmt.Errorf("%w: %s", errNoBox, cmd.Box)
		}
		return []event{taken(cmd)}, nil
	case shut:
		var events []event
		for _, box := range slices.Sorted(maps.Keys(s.Boxes)) {
			events = append(events, taken{box})
		}
		return append(events, ended{}), nil
	}
	return nil, fmt.Errorf("unknown order %T", cmd)
}

func (shelf) Evolve(s *shelfState, e event) machine.Change {
	switch e := e.(type) {
	case placed:
		if s.Boxes == nil {
			s.Boxes = make(map[string][]string)
		}
		s.Boxes[e.Box] = slices.Clone(e.Labels)
		return machine.Updated
	case taken:
		if _, ok := s.Boxes[e.Box]; !ok {
			return machine.Unchanged
		}
		delete(s.Boxes, e.Box)
		return machine.Updated
	case ended:
		s.closed = true
		return machine.Transitioned
	}
	return machine.Unchanged
}

func (shelf) React(s shelfState, e event, c machine.Change, emit func(string)) {
	emit(fmt.Sprintf("%T, %d left", e, len(s.Boxes)))
}

func (shelf) Terminal(s shelfState) bool { return s.closed }

func boxes() *rapid.Generator[string] { return rapid.SampledFrom([]string{"a", "b", "c"}) }

// seldom is 1 of 20 values.
func seldom[T any](often, seldom *rapid.Generator[T]) *rapid.Generator[T] {
	return rapid.Custom(func(t *rapid.T) T {
		if rapid.IntRange(0, 19).Draw(t, "seldom") == 19 {
			return seldom.Draw(t, "value")
		}
		return often.Draw(t, "value")
	})
}

func moves() *rapid.Generator[order] {
	return rapid.OneOf(
		rapid.Map(boxes(), func(box string) order { return put{box} }),
		rapid.Map(boxes(), func(box string) order { return take{box} }),
	)
}

func orders() *rapid.Generator[order] { return seldom(moves(), rapid.Just[order](shut{})) }

func shelfEvents() *rapid.Generator[event] {
	return seldom(rapid.OneOf(
		rapid.Custom(func(t *rapid.T) event {
			return placed{boxes().Draw(t, "box"), rapid.SliceOfN(rapid.SampledFrom([]string{"x", "y"}), 0, 2).Draw(t, "labels")}
		}),
		rapid.Map(boxes(), func(box string) event { return taken{box} }),
	), rapid.Just[event](ended{}))
}

// shelfKey is what a shelf may be compacted by.
func shelfKey(e event) (key string, tombstone bool) {
	switch e := e.(type) {
	case placed:
		return e.Box, false
	case taken:
		return e.Box, true
	}
	return "", false
}
