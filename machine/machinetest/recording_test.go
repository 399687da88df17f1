package machinetest

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edfsm/edfsm/machine"
)

// tally is an FSM whose state is all in JSON: the sum of its events.
type tally struct{ times int }

type tallyState struct {
	Sum  int
	Last int `json:",omitzero"`
}

func (tally) Decide(tallyState, int, func(int)) ([]int, error)        { return nil, nil }
func (tally) React(tallyState, int, machine.Change, func(output int)) {}

func (f tally) Evolve(s *tallyState, e int) machine.Change {
	if e == 0 {
		return machine.Unchanged
	}
	s.Sum += f.times * e
	s.Last = e
	return machine.Updated
}

// record writes a golden file.
func record(t *testing.T, golden string, events ...int) {
	t.Helper()
	*update = true
	defer func() { *update = false }()
	TestRecording(t, tally{1}, logOf(t, events...), golden, nil)
}

func TestRecordedLog(t *testing.T) {
	golden := filepath.Join(t.TempDir(), "testdata", "log.golden")
	record(t, golden, 1, 2, 3)
	TestRecording(t, tally{1}, logOf(t, 1, 2, 3), golden, nil)

	check := func(fsm tally, from machine.Feed[int]) string {
		return failure(t, func(t *fakeT) { TestRecording(t, fsm, from, golden, nil) })
	}
	for name, c := range map[string]struct {
		got  string
		want string
	}{
		"an event no longer does what it did": {check(tally{2}, logOf(t, 1, 2, 3)), `event 1 no longer does what it did
      1
recorded: 1 updated 22423bc236910776
today:    1 updated 74b6c861063c0195
before:   {}
behind:   {Sum: 2, Last: 1}
`},
		"an event no longer changes anything": {check(tally{1}, logOf(t, 1, 0, 3)), `event 2 no longer does what it did
      0
recorded: 2 updated c99337d2cebe53fc
today:    2 unchanged 22423bc236910776
before:   {Sum: 1, Last: 1}
behind:   {Sum: 1, Last: 1}
`},
		"an event cannot be read": {check(tally{1}, FailFeed(logOf(t, 1, 2, 3), 2, errors.New("no such case"))),
			"event 3 can no longer be read: no such case\n"},
		"an event is new": {check(tally{1}, logOf(t, 1, 2, 3, 4)), `event 4 is not in the golden file, which ends before it
      4
`},
		"an event is missing": {check(tally{1}, logOf(t, 1, 2)), "the log ends after 2 events, " + golden + " has 3\n"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, c.got, c.want)
		}
	}
}

func TestRecordingWithoutGolden(t *testing.T) {
	golden := filepath.Join(t.TempDir(), "none")
	got := failure(t, func(t *fakeT) { TestRecording(t, tally{1}, new(machine.Memory[int]), golden, nil) })
	if !strings.HasPrefix(got, "open "+golden) || !strings.HasSuffix(got, ": write it with -machinetest.update\n") {
		t.Error(got)
	}
}

// closedStates encodes the half of a shelf's state that JSON does not.
type closedStates struct{}

func (closedStates) Append(dst []byte, s shelfState) ([]byte, error) {
	if len(s.Boxes) > 1 {
		return nil, errors.New("too many boxes")
	}
	return append(dst, text(s.closed)...), nil
}

func TestRecordingNeedsTheWholeState(t *testing.T) {
	golden := filepath.Join(t.TempDir(), "golden")
	*update = true
	defer func() { *update = false }()
	got := failure(t, func(t *fakeT) {
		TestRecording(t, shelf{}, logOf[event](t, placed{Box: "a"}, ended{}), golden, nil)
	})
	want := `the state behind event 2 cannot be encoded: JSON does not carry the whole state: give an encoding that does
state:            {Boxes: map["a": []], closed: true}
through its JSON: {Boxes: map["a": []]}
      machinetest.ended{}
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	TestRecording(t, shelf{}, logOf[event](t, placed{Box: "a"}, ended{}), golden, closedStates{})
	data, err := os.ReadFile(golden)
	if err != nil || string(data) != "1 updated fcbcf165908dd18a\n2 transitioned b5bea41b6c623f7c\n" {
		t.Errorf("%v\n%s", err, data)
	}
	got = failure(t, func(t *fakeT) {
		TestRecording(t, shelf{}, logOf[event](t, placed{Box: "a"}, placed{Box: "b"}), golden, closedStates{})
	})
	if !strings.HasPrefix(got, "the state behind event 2 cannot be encoded: too many boxes\n") {
		t.Error(got)
	}
}

type jsonCodec struct{}

func (jsonCodec) Decode(data []byte, n *int) error { return json.Unmarshal(data, n) }

// splitCodec knows records that are any number of events.
type splitCodec struct{ jsonCodec }

func (splitCodec) DecodeAll(data []byte, emit func(int)) error {
	var ns []int
	err := json.Unmarshal(data, &ns)
	for _, n := range ns {
		emit(n)
	}
	return err
}

func TestLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write := func(data string) {
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		data string
		feed machine.Feed[int]
		want string
		err  string
	}{
		{"", Lines(path, jsonCodec{}), "", ""},
		{"1\n2\r\n3", Lines(path, jsonCodec{}), "1 2 3", ""},
		{"1\nx\n3\n", Lines(path, jsonCodec{}), "1", path + ":2: invalid character 'x' looking for beginning of value"},
		{"[1,2]\n[]\n[3]\n", Lines(path, splitCodec{}), "1 2 3", ""},
		{"[1]\n2\n", Lines(path, splitCodec{}), "1", path + ":2: json: cannot unmarshal number into Go value of type []int"},
	} {
		write(c.data)
		got, err := events(c.feed.Feed(t.Context()))
		if strings.Join(got, " ") != c.want || err == nil && c.err != "" || err != nil && err.Error() != c.err {
			t.Errorf("%q: %v, %v", c.data, got, err)
		}
		for range c.feed.Feed(t.Context()) {
			break
		}
	}
	if _, err := events(Lines(path+"none", jsonCodec{}).Feed(t.Context())); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
}
