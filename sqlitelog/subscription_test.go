package sqlitelog_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edfsm/edfsm/sqlitelog"
)

// Whoever moves or deletes a subscription that is being delivered has the last
// word.
func TestSeekWhileDelivered(t *testing.T) {
	log := open(t, ":memory:", sqlitelog.Config[int]{})
	defer log.Close()
	must(t, log.Notify(t.Context(), []int{1, 2, 3, 4, 5}))
	var handled []int
	err := log.Deliver(t.Context(), "sub", sqlitelog.Delivery{}, func(ctx context.Context, entries []sqlitelog.Entry[int]) error {
		handled = append(handled, entries[0].Event)
		switch len(handled) {
		case 2:
			return log.Seek(ctx, "sub", 3)
		case 3:
			return log.Seek(ctx, "sub", -1)
		case 5:
			return log.Unsubscribe(ctx, "sub")
		}
		return nil
	})
	if !errors.Is(err, sqlitelog.ErrUnsubscribed) || !slices.Equal(handled, []int{1, 2, 4, 1, 2}) {
		t.Errorf("handled were %v, %v", handled, err)
	}
}

// So it has where the delivery waits for events.
func TestSeekWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := open(t, ":memory:", sqlitelog.Config[int]{})
		defer log.Close()
		must(t, log.Notify(t.Context(), []int{1, 2}))
		handled := make(chan int, 10)
		ended := make(chan error)
		go func() {
			ended <- log.Deliver(t.Context(), "sub", sqlitelog.Delivery{}, func(_ context.Context, entries []sqlitelog.Entry[int]) error {
				handled <- entries[0].Event
				return nil
			})
		}()
		synctest.Wait()
		must(t, log.Seek(t.Context(), "sub", 1))
		synctest.Wait()
		must(t, log.Unsubscribe(t.Context(), "sub"))
		if err := <-ended; !errors.Is(err, sqlitelog.ErrUnsubscribed) {
			t.Errorf("ended with %v", err)
		}
		close(handled)
		var got []int
		for n := range handled {
			got = append(got, n)
		}
		if !slices.Equal(got, []int{1, 2, 2}) {
			t.Errorf("handled were %v", got)
		}
	})
}

// A position beyond the log means its end, and is not beyond what comes.
func TestSeekEnd(t *testing.T) {
	log := open(t, ":memory:", sqlitelog.Config[int]{})
	defer log.Close()
	must(t, log.Seek(t.Context(), "empty", 1<<62))
	must(t, log.Notify(t.Context(), []int{1}))
	must(t, log.Seek(t.Context(), "later", 1<<62))
	must(t, log.Notify(t.Context(), []int{2}))
	if got := given(t, log, "empty", sqlitelog.Delivery{}, 2); !equal(got, [][]int{{1}, {2}}) {
		t.Errorf("given %v", got)
	}
	if got := given(t, log, "later", sqlitelog.Delivery{}, 1); !equal(got, [][]int{{2}}) {
		t.Errorf("given %v", got)
	}
	for _, name := range []string{"", "a\x00b", "\xff", strings.Repeat("x", 256)} {
		if log.Seek(t.Context(), name, 0) == nil || log.Deliver(t.Context(), name, sqlitelog.Delivery{}, nil) == nil {
			t.Errorf("the name %q was accepted", name)
		}
	}
}

// The lag is what lies after a position, in records and in time.
func TestLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openDB(t, ":memory:", sqlitelog.Options{})
		other := newLog(t, db, "other", sqlitelog.Config[put]{})
		log := newLog(t, db, "log", sqlitelog.Config[put]{Key: putKey, LowWater: 2})
		if all, err := log.Subscriptions(t.Context()); len(all) != 0 || err != nil {
			t.Errorf("there are %v, %v", all, err)
		}
		for i := range 6 {
			must(t, errors.Join(log.Notify(t.Context(), []put{{Value: i}}), other.Notify(t.Context(), []put{{Value: i}})))
			<-time.After(time.Minute)
		}
		_, err := log.Compact(t.Context())
		must(t, err)
		begun := time.Now()
		want := []sqlitelog.Subscription{
			{Name: "all", Position: 0, Lag: 6, LagTime: 6 * time.Minute},
			{Name: "end", Position: 12},
			{Name: "some", Position: 8, Lag: 2, LagTime: 2 * time.Minute},
		}
		for i, s := range slices.Backward(want) {
			must(t, log.Seek(t.Context(), s.Name, s.Position))
			want[i].UpdatedAt = begun
		}
		must(t, other.Seek(t.Context(), "of another log", 0))
		got, err := log.Subscriptions(t.Context())
		must(t, err)
		for i := range got {
			if !got[i].UpdatedAt.Equal(begun.Truncate(time.Millisecond)) {
				t.Errorf("%q was moved at %v", got[i].Name, got[i].UpdatedAt)
			}
			got[i].UpdatedAt = begun
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// Nothing begins before events that were dropped for a snapshot, and nothing is
// dropped that a subscription has still to be given.
func TestSubscriptionAndSnapshot(t *testing.T) {
	log := open(t, ":memory:", sqlitelog.Config[int]{LowWater: 1, DropSnapshotted: true})
	defer log.Close()
	must(t, log.Seek(t.Context(), "early", 0))
	must(t, log.Notify(t.Context(), []int{1, 2, 3, 4, 5}))
	must(t, log.SaveSnapshot(t.Context(), "sum", []byte("15")))
	must(t, log.Notify(t.Context(), []int{6}))
	if got := given(t, log, "early", sqlitelog.Delivery{}, 3); !equal(got, [][]int{{1}, {2}, {3}}) {
		t.Errorf("given %v", got)
	}
	done, err := log.Compact(t.Context())
	if must(t, err); done != (sqlitelog.Compaction{Dropped: 3}) {
		t.Errorf("the compaction did %+v", done)
	}
	if got := given(t, log, "early", sqlitelog.Delivery{}, 3); !equal(got, [][]int{{4}, {5}, {6}}) {
		t.Errorf("given %v", got)
	}
	handle := func(context.Context, []sqlitelog.Entry[int]) error { return errHandle }
	_, followed := collect(log.Follow(t.Context(), 2))
	for what, err := range map[string]error{
		"a new name": log.Deliver(t.Context(), "late", sqlitelog.Delivery{}, handle),
		"a seek":     log.Seek(t.Context(), "early", 2),
		"a new seek": log.Seek(t.Context(), "late", 0),
		"a follower": followed,
	} {
		if !errors.Is(err, sqlitelog.ErrDropped) {
			t.Errorf("%s: %v", what, err)
		}
	}
	must(t, log.Seek(t.Context(), "late", 3))
	all, err := log.Subscriptions(t.Context())
	if must(t, err); len(all) != 2 || all[0].Position != 6 || all[1].Lag != 3 {
		t.Errorf("there are %+v", all)
	}
}

// The upkeep of a log goes on when the subscription that was in its way is gone,
// or has been given what it lacked.
func TestUpkeepAfterSubscription(t *testing.T) {
	for name, free := range map[string]func(*testing.T, *sqlitelog.Log[put]){
		"gone": func(t *testing.T, log *sqlitelog.Log[put]) { must(t, log.Unsubscribe(t.Context(), "sub")) },
		"given": func(t *testing.T, log *sqlitelog.Log[put]) {
			given(t, log, "sub", sqlitelog.Delivery{Batch: 20}, 20)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := open(t, ":memory:", sqlitelog.Config[put]{Key: putKey, HighWater: 10, LowWater: 1})
				defer log.Close()
				must(t, log.Seek(t.Context(), "sub", 0))
				must(t, log.Notify(t.Context(), slices.Repeat([]put{{Key: "k", Value: 1}}, 20)))
				synctest.Wait()
				if got := events(t, log); len(got) != 20 {
					t.Errorf("%d are left beside the subscription", len(got))
				}
				<-time.After(200 * time.Millisecond) // a replay that ends lets it look again, too
				free(t, log)
				<-time.After(time.Second) // the upkeep pauses between its slices
				if got := events(t, log); len(got) > 2 {
					t.Errorf("%d are left without it", len(got))
				}
			})
		})
	}
}
