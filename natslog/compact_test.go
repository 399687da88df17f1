package natslog_test

import (
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/edfsm/edfsm/natslog"
)

// keyed is the configuration of a log that is compacted when a test wants it.
func keyed() natslog.Config[put] {
	return natslog.WithGrace(natslog.Config[put]{Key: putKey, LowWater: 1}, time.Nanosecond)
}

func compact(t *testing.T, l *natslog.Log[put], want int64) {
	t.Helper()
	dropped, err := l.Compact(t.Context())
	must(t, err)
	if dropped != want {
		t.Fatalf("%d records have gone, want %d", dropped, want)
	}
}

// A log that has grown beyond its high water is compacted without being asked.
func TestCompactionInTheBackground(t *testing.T) {
	cfg := keyed()
	cfg.HighWater = 100
	l := open(t, connect(t, startServers(t, 1, false)), cfg)
	for n := range 30 {
		var events []put
		for range 10 {
			events = append(events, put{Key: "k", Value: n})
		}
		must(t, l.Notify(t.Context(), events))
	}
	for len(values(t, l)) > 200 {
		must(t, t.Context().Err())
	}
	if all := values(t, l); all[len(all)-1] != 29 {
		t.Errorf("it ends with %d", all[len(all)-1])
	}
}

// A handle that does not own the log has its replay ended when the owner
// compacts, for it may have read what something has taken back since.
func TestReplayBesideAForeignCompaction(t *testing.T) {
	natslog.SetPage(t, 2)
	js := connect(t, startServers(t, 1, false))
	owner := open(t, js, keyed())
	must(t, owner.Notify(t.Context(), []put{{Key: "a", Value: 1}, {Value: 2}, {Value: 3}, {Value: 4}}))
	reader := open(t, js, natslog.Config[put]{Reader: true})
	next, stop := iter.Pull2(reader.Feed(t.Context()))
	defer stop()
	_, err, _ := next()
	must(t, err)
	must(t, owner.Notify(t.Context(), []put{{Key: "a", Value: 5}, {Value: 6}}))
	compact(t, owner, 2) // a is 1 no more, and the opening
	for more := true; more && err == nil; {
		_, err, more = next()
	}
	wantError(t, err, natslog.ErrCompacted)
	wantValues(t, reader, 2, 3, 4, 5, 6)
}

// What was appended without a key stays, and so do tombstones behind it.
func TestEventsWithoutKeys(t *testing.T) {
	js := connect(t, startServers(t, 1, false))
	must(t, open(t, js, natslog.Config[put]{}).Notify(t.Context(), []put{{Key: "a", Value: 1}, {Key: "a", Value: 2}}))
	l := open(t, js, keyed())
	must(t, l.Notify(t.Context(), []put{{Key: "a", Value: 3}, {Key: "a", Value: 4, Delete: true}, {Value: 5}}))
	for range 3 {
		_, err := l.Compact(t.Context())
		must(t, err)
	}
	wantValues(t, l, 1, 2, 4, 5)
}

// A tombstone outlives by some time what it has ended.
func TestTombstonesWait(t *testing.T) {
	cfg := natslog.WithGrace(keyed(), time.Hour)
	l := open(t, connect(t, startServers(t, 1, false)), cfg)
	must(t, l.Notify(t.Context(), []put{{Key: "a", Value: 1}, {Key: "a", Value: 2, Delete: true}, {Value: 3}}))
	for range 3 {
		_, err := l.Compact(t.Context())
		must(t, err)
	}
	wantValues(t, l, 2, 3)
}

func TestCompactionWithoutAKey(t *testing.T) {
	l := open(t, connect(t, startServers(t, 1, false)), natslog.Config[put]{})
	must(t, l.Notify(t.Context(), []put{{Key: "a"}, {Key: "a"}}))
	compact(t, l, 0)
}

// An owner that was replaced compacts nothing.
func TestCompactionByAFormerOwner(t *testing.T) {
	js := connect(t, startServers(t, 1, false))
	former := open(t, js, keyed())
	must(t, former.Notify(t.Context(), []put{{Key: "a", Value: 1}, {Key: "a", Value: 2}, {Value: 3}}))
	owner := open(t, js, natslog.Config[put]{})
	_, err := former.Compact(t.Context())
	wantError(t, err, natslog.ErrConflict)
	wantValues(t, owner, 1, 2, 3)
}

// A replay of another handle that has just looked where it ends does not miss
// what goes for the sake of what came since.
func TestReplayBeginsBesideAForeignCompaction(t *testing.T) {
	servers := startServers(t, 1, false)
	owner := open(t, connect(t, servers), keyed())
	must(t, owner.Notify(t.Context(), []put{{Key: "a", Value: 1}, {Value: 2}}))
	link, js := connectLink(t, servers)
	reader := open(t, js, natslog.Config[put]{Reader: true})
	link.during(t, servers, func() {
		var got []int
		for e, err := range reader.Feed(t.Context()) {
			if err != nil {
				wantError(t, err, natslog.ErrCompacted)
				return
			}
			got = append(got, e.Value)
		}
		if len(got) < 3 && !slices.Equal(got, []int{1, 2}) {
			t.Errorf("the log had %v at no time", got)
		}
	}, func() {
		must(t, owner.Notify(t.Context(), []put{{Key: "a", Value: 3}, {Value: 4}}))
		compact(t, owner, 2) // a is 1 no more, and the opening
	})
}

// A tombstone that a subscription has held back, with what it has ended, does
// not go together with that.
func TestTombstonesGoLater(t *testing.T) {
	l := open(t, connect(t, startServers(t, 1, false)), keyed())
	must(t, l.Seek(t.Context(), "s", 0))
	must(t, l.Notify(t.Context(), []put{{Key: "a", Value: 1}, {Key: "a", Value: 2, Delete: true}, {Value: 3}}))
	for range 2 {
		compact(t, l, 0)
	}
	must(t, l.Unsubscribe(t.Context(), "s"))
	compact(t, l, 2) // a is 1 no more, and the opening
	wantValues(t, l, 2, 3)
	compact(t, l, 1)
	wantValues(t, l, 3)
}

// A tombstone stays while a replay of this handle may have seen what it ends.
func TestTombstonesWaitForReplays(t *testing.T) {
	natslog.SetPage(t, 2)
	l := open(t, connect(t, startServers(t, 1, false)), keyed())
	must(t, l.Notify(t.Context(), []put{{Key: "a", Value: 1}, {Value: 2}, {Key: "a", Value: 3, Delete: true}, {Value: 4}}))
	var got []int
	for e, err := range l.Feed(t.Context()) {
		must(t, err)
		got = append(got, e.Value)
		if e.Value == 1 {
			for range 3 {
				_, err := l.Compact(t.Context())
				must(t, err)
			}
		}
	}
	if !slices.Equal(got, []int{1, 2, 3, 4}) {
		t.Errorf("%v, want 1 to 4", got)
	}
}

// The newest LowWater records stay as they are.
func TestLowWater(t *testing.T) {
	cfg := keyed()
	cfg.LowWater = 3
	l := open(t, connect(t, startServers(t, 1, false)), cfg)
	var events []put
	for n := range 5 {
		events = append(events, put{Key: "k", Value: n})
	}
	must(t, l.Notify(t.Context(), events))
	compact(t, l, 3) // and the opening
	wantValues(t, l, 2, 3, 4)
}
