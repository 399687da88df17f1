package machine

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
)

func collect[E any](events iter.Seq2[E, error]) (got []E, err error) {
	for e, err := range events {
		if err != nil {
			return got, err
		}
		got = append(got, e)
	}
	return got, nil
}

func TestMemoryFeed(t *testing.T) {
	var m Memory[int]
	if got, err := collect(m.Feed(t.Context())); len(got) != 0 || err != nil {
		t.Errorf("the zero value feeds %v, %v", got, err)
	}
	given := []int{1, 2}
	m.Notify(t.Context(), given)
	given[0] = 9
	feed := m.Feed(t.Context())
	for range 2 { // the end is fixed when a walk begins
		want, _ := collect(m.Feed(t.Context()))
		var got []int
		for e := range feed {
			got = append(got, e)
			m.Notify(t.Context(), []int{e + 2})
		}
		if got[0] != 1 || !slices.Equal(got, want) {
			t.Errorf("walked %v, want %v", got, want)
		}
	}
	for range feed {
		break
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := collect(m.Feed(ctx)); len(got) != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v, %v", got, err)
	}
}

func TestMemorySnapshots(t *testing.T) {
	var m Memory[int]
	ctx := t.Context()
	if data, events, err := m.LoadSnapshot(ctx, "a"); data != nil || events != nil || err != nil {
		t.Errorf("without one: %v, %v", data, err)
	}
	data := []byte("one")
	m.Notify(ctx, []int{1})
	m.SaveSnapshot(ctx, "a", data)
	data[0] = 'x'
	m.Notify(ctx, []int{2})
	m.SaveSnapshot(ctx, "b", nil) // an empty state is a snapshot too
	m.Notify(ctx, []int{3})
	for range 2 {
		for id, want := range map[string]struct {
			data   string
			events []int
		}{"a": {"one", []int{2, 3}}, "b": {"", []int{3}}} {
			data, events, err := m.LoadSnapshot(ctx, id)
			if data == nil || string(data) != want.data || err != nil {
				t.Errorf("%s: %q, %v", id, data, err)
				continue
			}
			clear(data) // it is the caller's
			if got, err := collect(events); !slices.Equal(got, want.events) || err != nil {
				t.Errorf("%s: events %v, %v, want %v", id, got, err, want.events)
			}
		}
	}
	m.SaveSnapshot(ctx, "a", []byte("three"))
	if data, events, _ := m.LoadSnapshot(ctx, "a"); string(data) != "three" {
		t.Errorf("the newest: %q", data)
	} else if got, _ := collect(events); len(got) != 0 {
		t.Errorf("events after the newest: %v", got)
	}
}
