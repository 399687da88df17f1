package machinetest

import (
	"errors"
	"testing"
)

func TestSentences(t *testing.T) {
	s := For(t, shelf{})
	s.Given().When(put{"a"}).Then(placed{"a", []string{"new", "box"}}).Emitting("machinetest.placed, 1 left")
	s.Given(placed{Box: "a"}).When(take{"a"}).Then(taken{"a"}).Emitting("looking for a", "machinetest.taken, 0 left")
	s.Given(placed{Box: "a"}, taken{"a"}).When(take{"a"}).ThenRejected(errNoBox)
	s.When(take{"a"}).ThenRejected(errNoBox) // nothing is left of the lines before
	s.Given(placed{Box: "b"}, placed{Box: "a"}).When(shut{}).Then(taken{"a"}, taken{"b"}, ended{})
	stubborn := broken{decide: func(shelfState, order) []event { return []event{taken{"a"}} }}
	For(t, stubborn).Given().When(take{"a"}).Then()
}

func TestSentencesThatAreNotTrue(t *testing.T) {
	other := errors.New("shelf is on fire")
	for want, say := range map[string]func(s Scenario[shelfState, order, event, string]){
		`given
   1  machinetest.placed{Box: "a"}
   2  machinetest.placed{Box: "b"}
when
      machinetest.shut{}
then (- want, + got)
      machinetest.taken{Box: "a"}
    - machinetest.taken{Box: "c"}
    + machinetest.taken{Box: "b"}
      machinetest.ended{}
`: func(s Scenario[shelfState, order, event, string]) {
			s.Given(placed{Box: "a"}, placed{Box: "b"}).When(shut{}).Then(taken{"a"}, taken{"c"}, ended{})
		},
		`given
when
      machinetest.put{Box: "a"}
then (- want, + got)
    - machinetest.placed{Box: "a", Labels: ["new"]}
    + machinetest.placed{Box: "a", Labels: ["new", "box"]}
`: func(s Scenario[shelfState, order, event, string]) {
			s.Given().When(put{"a"}).Then(placed{"a", []string{"new"}})
		},
		`given
when
      machinetest.put{Box: "a"}
then it emitted (- want, + got)
    + "machinetest.placed, 1 left"
`: func(s Scenario[shelfState, order, event, string]) { s.Given().When(put{"a"}).Emitting() },
		`given
when
      machinetest.take{Box: "a"}
then it was rejected: no such box: a
want
   1  machinetest.taken{Box: "a"}
`: func(s Scenario[shelfState, order, event, string]) { s.Given().When(take{"a"}).Then(taken{"a"}) },
		`given
when
      machinetest.take{Box: "a"}
then it was rejected (- want, + got)
    - shelf is on fire
    + no such box: a
`: func(s Scenario[shelfState, order, event, string]) { s.Given().When(take{"a"}).ThenRejected(other) },
		`given
   1  machinetest.placed{Box: "a"}
when
      machinetest.take{Box: "a"}
then it was accepted, with these events
   1  machinetest.taken{Box: "a"}
want it rejected: no such box
`: func(s Scenario[shelfState, order, event, string]) {
			s.Given(placed{Box: "a"}).When(take{"a"}).ThenRejected(errNoBox)
		},
		`event 2 of those given changes nothing, so no log has it
   1  machinetest.placed{Box: "a"}
   2  machinetest.taken{Box: "b"}
`: func(s Scenario[shelfState, order, event, string]) {
			s.Given(placed{Box: "a"}, taken{"b"}, ended{}).When(shut{}).Then(ended{})
		},
	} {
		if got := failure(t, func(t *fakeT) { say(For(t, shelf{})) }); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}
