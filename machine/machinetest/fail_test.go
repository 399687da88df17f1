package machinetest

import (
	"context"
	"errors"
	"testing"

	"github.com/edfsm/edfsm/machine"
)

var errFire = errors.New("disk on fire")

func logOf[E any](t testing.TB, events ...E) *machine.Memory[E] {
	log := new(machine.Memory[E])
	if err := log.Notify(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	return log
}

func runPuts(log machine.Log[event], outputs machine.Adapter[string], boxes ...string) error {
	ctx := context.Background()
	m := machine.New(shelf{}, machine.Config[shelfState, event, string]{Log: log, Outputs: outputs, MaxBatch: 1})
	for _, box := range boxes {
		if err := m.Send(ctx, put{box}); err != nil {
			return err
		}
	}
	m.Close()
	return m.Run(ctx)
}

func TestLogsThatFail(t *testing.T) {
	var kept machine.Memory[event]
	isB := func(events []event) error {
		if e, ok := events[0].(placed); ok && e.Box == "b" {
			return errFire
		}
		return nil
	}
	for _, c := range []struct {
		log  machine.Log[event]
		kept int // more than before
		err  error
	}{
		{Log(FailNth(&kept, 2, errFire), &kept), 1, errFire},
		{Log(FailNth(&kept, 4, errFire), &kept), 3, nil},
		{Log(FailIf(&kept, isB), &kept), 1, errFire},
		{Log(FailLate(&kept, isB), &kept), 2, errFire},
		{Log(FailLate(FailNth(&kept, 1, errFire), isB), &kept), 0, errFire},
		{Log(&kept, FailFeed(&kept, 3, errFire)), 0, errFire},
		{Log(&kept, FailFeed(&kept, 1000, errFire)), 3, nil},
	} {
		before := len(logged(t.Context(), &kept))
		err := runPuts(c.log, nil, "a", "b", "c")
		if got := len(logged(t.Context(), &kept)) - before; got != c.kept || !errors.Is(err, c.err) {
			t.Errorf("%v, %d events were kept, want %d", err, got, c.kept)
		}
	}
}

func TestFeedThatFails(t *testing.T) {
	three := logOf(t, 1, 2, 3)
	for n, want := range []int{0, 1, 2, 3, 3} {
		got, err := events(FailFeed(three, n, errFire).Feed(t.Context()))
		if len(got) != want || (err == errFire) != (n <= 3) {
			t.Errorf("after %d: %v, %v", n, got, err)
		}
	}
	for range FailFeed(three, 1, errFire).Feed(t.Context()) {
		break
	}
	twice := FailFeed(FailFeed(three, 1, errFire), 2, errors.New("never reached"))
	if got, err := events(twice.Feed(t.Context())); len(got) != 1 || err != errFire {
		t.Errorf("%v, %v", got, err)
	}
}

func TestAdaptersThatFail(t *testing.T) {
	var nobody machine.Adapter[string]
	if err := runPuts(nil, FailNth(nobody, 3, errFire), "a", "b", "c"); !errors.Is(err, errFire) {
		t.Error(err)
	}
	if err := runPuts(nil, FailLate(nobody, func([]string) error { return nil }), "a"); err != nil {
		t.Error(err)
	}
}
