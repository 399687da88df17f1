package machinetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/edfsm/edfsm/machine"
)

func TestShelfKeepsTheLaws(t *testing.T) {
	TestFSM(t, shelf{}, orders(), shelfEvents())
	TestFSM(t, shelf{}, orders(), nil)
	TestFSM(t, shelf{}, nil, shelfEvents())
}

// broken is a shelf of which one method is another.
type broken struct {
	shelf
	decide   func(s shelfState, cmd order) []event
	evolve   func(s *shelfState, e event) machine.Change
	react    func(s shelfState, e event)
	terminal func(s shelfState) bool
}

func (b broken) Decide(s shelfState, cmd order, emit func(string)) ([]event, error) {
	if b.decide != nil {
		return b.decide(s, cmd), nil
	}
	return b.shelf.Decide(s, cmd, emit)
}

func (b broken) Evolve(s *shelfState, e event) machine.Change {
	if b.evolve != nil {
		return b.evolve(s, e)
	}
	return b.shelf.Evolve(s, e)
}

func (b broken) React(s shelfState, e event, c machine.Change, emit func(string)) {
	if b.react != nil {
		b.react(s, e)
	}
}

func (b broken) Init(s shelfState, _ func(string)) {
	if b.react != nil {
		b.react(s, nil)
	}
}

func (b broken) Terminal(s shelfState) bool {
	if b.terminal != nil {
		return b.terminal(s)
	}
	return b.shelf.Terminal(s)
}

// keep puts a box with these labels on the shelf.
func keep(s *shelfState, box string, labels []string) machine.Change {
	shelf{}.Evolve(s, placed{Box: box})
	s.Boxes[box] = labels
	return machine.Updated
}

// onPlaced is a shelf that does something else when a box is placed.
func onPlaced(f func(s *shelfState, e placed) machine.Change) broken {
	return broken{evolve: func(s *shelfState, e event) machine.Change {
		if e, ok := e.(placed); ok {
			return f(s, e)
		}
		return shelf{}.Evolve(s, e)
	}}
}

func TestBrokenFSMs(t *testing.T) {
	quickly(t)
	evolved, decided := 0, 0
	for name, c := range map[string]struct {
		fsm broken
		law string
	}{
		"counts its calls": {onPlaced(func(s *shelfState, e placed) machine.Change {
			evolved++
			return keep(s, e.Box, []string{fmt.Sprint(evolved)})
		}), "Evolve is not deterministic: two replays of a log part"},
		"draws lots": {onPlaced(func(s *shelfState, e placed) machine.Change {
			return keep(s, e.Box, []string{fmt.Sprint(rand.Uint64())})
		}), "Evolve is not deterministic: two replays of a log part"},
		"remembers what was decided": {broken{
			decide: func(s shelfState, cmd order) []event {
				decided++
				return []event{placed{Box: "a"}}
			},
			evolve: func(s *shelfState, e event) machine.Change { return keep(s, "a", []string{fmt.Sprint(decided)}) },
		}, "replay is not what was live"},
		"keeps labels of the event": {onPlaced(func(s *shelfState, e placed) machine.Change {
			return keep(s, e.Box, e.Labels)
		}), "Evolve keeps a reference into its event"},
		"appends to labels of the event": {onPlaced(func(s *shelfState, e placed) machine.Change {
			return keep(s, e.Box, append(e.Labels, "old")[len(e.Labels):])
		}), "Evolve keeps a reference into its event"},
		"changes its event": {onPlaced(func(s *shelfState, e placed) machine.Change {
			for i := range e.Labels {
				e.Labels[i] = strings.ToUpper(e.Labels[i])
			}
			return keep(s, e.Box, slices.Clone(e.Labels))
		}), "Evolve changed its event"},
		"conceals a change": {onPlaced(func(s *shelfState, e placed) machine.Change {
			keep(s, e.Box, nil)
			return machine.Unchanged
		}), "Evolve said Unchanged and changed the state"},
		"invents a change": {onPlaced(func(s *shelfState, e placed) machine.Change {
			return machine.Transitioned + 1
		}), "Evolve answered with a change that there is not"},
		"opens again": {onPlaced(func(s *shelfState, e placed) machine.Change {
			s.closed = false
			return machine.Updated
		}), "a terminal state did not stay terminal"},
		"decides with its hands": {broken{decide: func(s shelfState, cmd order) []event {
			delete(s.Boxes, "a")
			return []event{placed{Box: "a"}}
		}}, "Decide changed the state"},
		"decides on what it has": {broken{
			decide: func(s shelfState, cmd order) []event {
				return []event{placed{"a", s.Boxes["a"]}}
			},
			evolve: func(s *shelfState, e event) machine.Change {
				p, ok := e.(placed)
				if !ok {
					return shelf{}.Evolve(s, e)
				}
				labels := append(slices.Clone(p.Labels), "moved")
				for i := range s.Boxes["a"] {
					s.Boxes["a"][i] = "gone"
				}
				return keep(s, "a", labels)
			},
		}, "an event changed between Evolve and the log"},
		"decides on one thing twice": {broken{
			decide: func(s shelfState, cmd order) []event {
				labels := s.Boxes["a"]
				return []event{placed{"a", nil}, placed{"b", labels}, placed{"a", []string{"x"}}}
			},
			evolve: func(s *shelfState, e event) machine.Change {
				p, ok := e.(placed)
				if !ok {
					return shelf{}.Evolve(s, e)
				}
				for i := range s.Boxes[p.Box] {
					s.Boxes[p.Box][i] += "!"
				}
				return keep(s, p.Box, slices.Clone(p.Labels))
			},
		}, "an event changed after Decide returned it"},
		"reacts to itself": {broken{react: func(s shelfState, e event) {
			if _, ok := e.(taken); ok {
				clear(s.Boxes)
			}
		}}, "React changed the state"},
		"paints over labels": {broken{react: func(s shelfState, e event) {
			if e, ok := e.(placed); ok && len(e.Labels) > 0 {
				e.Labels[0] = "painted"
			}
		}}, "React changed the event"},
		"tidies up at the start": {broken{react: func(s shelfState, e event) {
			if e == nil {
				clear(s.Boxes)
			}
		}}, "Init changed the state"},
		"ends it all": {broken{terminal: func(s shelfState) bool {
			clear(s.Boxes)
			return false
		}}, "Terminal changed the state"},
	} {
		t.Run(name, func(t *testing.T) {
			got := failure(t, func(t *fakeT) { TestFSM(t, c.fsm, orders(), shelfEvents()) })
			if !strings.Contains(got, c.law) {
				t.Errorf("want %s\ngot\n%s", c.law, got)
			}
			t.Log(got)
		})
	}
}

func TestFSMWithNothingToDo(t *testing.T) {
	if got := failure(t, func(t *fakeT) { TestFSM(t, shelf{}, nil, nil) }); !strings.Contains(got, "neither commands nor events") {
		t.Error(got)
	}
}
