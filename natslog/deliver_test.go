package natslog_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/natslog"
)

var errEnough = errors.New("enough")

// deliverTo delivers until so many values have come, and fails with the last of
// them if fail says so: then that is not acknowledged.
func deliverTo(t *testing.T, l *natslog.Log[put], d natslog.Delivery, n int, fail bool) (got []int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := l.Deliver(ctx, "s", d, func(_ context.Context, entries []natslog.Entry[put]) error {
		for _, e := range entries {
			got = append(got, e.Event.Value)
		}
		if len(got) < n {
			return nil
		}
		cancel()
		if fail {
			return errEnough
		}
		return nil
	})
	wantError(t, err, context.Canceled)
	return got
}

func wantGot(t *testing.T, got []int, want ...int) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%v were delivered, want %v", got, want)
	}
}

// What was not acknowledged is delivered again, also by another handle.
func TestDeliver(t *testing.T) {
	js := connect(t, startServers(t, 1, false))
	l := open(t, js, natslog.Config[put]{})
	must(t, l.Notify(t.Context(), puts(0, 5)))
	wantGot(t, deliverTo(t, l, natslog.Delivery{}, 2, true), 0, 1)
	l = open(t, js, natslog.Config[put]{})
	wantGot(t, deliverTo(t, l, natslog.Delivery{}, 2, false), 1, 2)
	reader := open(t, js, natslog.Config[put]{Reader: true})
	must(t, l.Notify(t.Context(), puts(5, 6)))
	wantGot(t, deliverTo(t, reader, natslog.Delivery{Batch: 2}, 3, false), 3, 4, 5)
	subs, err := l.Subscriptions(t.Context())
	must(t, err)
	if len(subs) != 1 || subs[0].Position != l.Head() || subs[0].Lag != 0 {
		t.Errorf("%+v, want the position %d", subs, l.Head())
	}
}

// Events that come later are delivered, those of others too.
func TestDeliverWhatComes(t *testing.T) {
	js := connect(t, startServers(t, 1, false))
	l := open(t, js, natslog.Config[put]{})
	for _, via := range []*natslog.Log[put]{l, open(t, js, natslog.Config[put]{Reader: true})} {
		must(t, l.Seek(t.Context(), "s", l.Head()))
		got := make(chan int)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- via.Deliver(ctx, "s", natslog.Delivery{}, func(_ context.Context, entries []natslog.Entry[put]) error {
				got <- entries[0].Event.Value
				return nil
			})
		}()
		for n := range 5 {
			must(t, l.Notify(t.Context(), puts(n, n+1)))
			if v := <-got; v != n {
				t.Errorf("%d was delivered, want %d", v, n)
			}
		}
		cancel()
		wantError(t, <-done, context.Canceled)
	}
}

func TestDeliverEnds(t *testing.T) {
	js := connect(t, startServers(t, 1, false))
	l := open(t, js, natslog.Config[put]{})
	must(t, l.Notify(t.Context(), puts(0, 1)))
	calls := 0
	err := l.Deliver(t.Context(), "s", natslog.Delivery{Retries: 2, Backoff: time.Nanosecond}, func(context.Context, []natslog.Entry[put]) error {
		calls++
		return errEnough
	})
	if wantError(t, err, errEnough); calls != 3 {
		t.Errorf("%d calls, want 3", calls)
	}
	handling := func(end func() error) error {
		return l.Deliver(t.Context(), "s", natslog.Delivery{}, func(context.Context, []natslog.Entry[put]) error { return end() })
	}
	wantError(t, handling(func() error { return l.Unsubscribe(t.Context(), "s") }), natslog.ErrUnsubscribed)
	wantError(t, handling(l.Close), natslog.ErrClosed)
}

// A position that was moved while events were handled stays where it was moved
// to.
func TestSeekMeanwhile(t *testing.T) {
	l := open(t, connect(t, startServers(t, 1, false)), natslog.Config[put]{})
	must(t, l.Notify(t.Context(), puts(0, 3)))
	first := true
	var got []int
	err := l.Deliver(t.Context(), "s", natslog.Delivery{Batch: 3}, func(ctx context.Context, entries []natslog.Entry[put]) error {
		got = append(got, len(entries))
		if !first {
			return errEnough
		}
		first = false
		return l.Seek(ctx, "s", entries[1].Offset)
	})
	wantError(t, err, errEnough)
	wantGot(t, got, 3, 1)
}

// What a subscription has not been given stays as it was appended.
func TestCompactionWaitsForSubscriptions(t *testing.T) {
	l := open(t, connect(t, startServers(t, 1, false)), keyed())
	var all []put
	for n := range 6 {
		all = append(all, put{Key: "k", Value: n, Delete: n == 3})
	}
	must(t, l.Seek(t.Context(), "s", 0))
	must(t, l.Notify(t.Context(), all))
	for range 3 {
		compact(t, l, 0)
	}
	wantGot(t, deliverTo(t, l, natslog.Delivery{}, 4, false), 0, 1, 2, 3)
	compact(t, l, 5) // and the opening
	wantGot(t, deliverTo(t, l, natslog.Delivery{}, 1, false), 4)
	must(t, l.Unsubscribe(t.Context(), "s"))
	compact(t, l, 1)
	wantValues(t, l, 5)
}

// nothing is a codec for which some records are no events today.
type nothing struct{ codec.Codec[put] }

func (c nothing) DecodeAll(data []byte, emit func(put)) error {
	var e put
	err := c.Decode(data, &e)
	if err == nil && !e.Delete {
		emit(e)
	}
	return err
}

// Pages of records that are no events do not hold up what comes after them.
func TestDeliverBehindWhatIsNoEvent(t *testing.T) {
	natslog.SetPage(t, 2)
	c, err := codec.Of[put](codec.JSON)
	must(t, err)
	l := open(t, connect(t, startServers(t, 1, false)), natslog.Config[put]{Codec: nothing{c}})
	must(t, l.Notify(t.Context(), []put{{Value: 1}, {Delete: true}, {Delete: true}, {Delete: true}, {Value: 2}}))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got []int
	err = l.Deliver(ctx, "s", natslog.Delivery{}, func(ctx context.Context, entries []natslog.Entry[put]) error {
		switch got = append(got, entries[0].Event.Value); len(got) {
		case 2:
			return l.Seek(ctx, "s", 0)
		case 3:
			return errEnough
		}
		return nil
	})
	wantError(t, err, errEnough)
	wantGot(t, got, 1, 2, 1)
}
