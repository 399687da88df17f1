package natslog_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/edfsm/edfsm/natslog"
)

// loaded loads a snapshot and the values after it.
func loaded(t *testing.T, l *natslog.Log[put], id string) (data []byte, after []int) {
	t.Helper()
	data, events, err := l.LoadSnapshot(t.Context(), id)
	must(t, err)
	if data == nil {
		return nil, nil
	}
	for e, err := range events {
		must(t, err)
		after = append(after, e.Value)
	}
	return data, after
}

// A snapshot may be larger than a message, and takes the place of the one
// before.
func TestLargeSnapshot(t *testing.T) {
	js := connect(t, startServers(t, 1, false))
	l := open(t, js, natslog.Config[put]{})
	random := rand.NewChaCha8([32]byte{1})
	for i, size := range []int{3 << 20, 0, 10, 1 << 20} {
		must(t, l.Notify(t.Context(), puts(i, i+1)))
		want := make([]byte, size)
		_, err := random.Read(want)
		must(t, err)
		must(t, l.SaveSnapshot(t.Context(), "x", want))
		must(t, l.Notify(t.Context(), puts(7, 8)))
		got, after := loaded(t, open(t, js, natslog.Config[put]{Reader: true}), "x")
		if !bytes.Equal(got, want) || got == nil || !slices.Equal(after, []int{7}) {
			t.Errorf("%d bytes and %v, want %d bytes and 7", len(got), after, size)
		}
	}
}

// A snapshot of another id takes the place of the one before.
func TestOneSnapshot(t *testing.T) {
	l := open(t, connect(t, startServers(t, 1, false)), natslog.Config[put]{})
	must(t, l.SaveSnapshot(t.Context(), "json/1", []byte("a")))
	must(t, l.SaveSnapshot(t.Context(), "json/2", []byte("b")))
	if data, _ := loaded(t, l, "json/1"); data != nil {
		t.Errorf("the older is still %q", data)
	}
	if data, _ := loaded(t, l, "json/2"); string(data) != "b" {
		t.Errorf("the newer is %q", data)
	}
}

// A snapshot that was loaded before a newer one was saved and the tombstones up
// to that have gone does not tell what has ended.
func TestSnapshotThatWasPassed(t *testing.T) {
	js := connect(t, startServers(t, 1, false))
	l := open(t, js, keyed())
	must(t, l.Notify(t.Context(), []put{{Key: "a", Value: 1}}))
	must(t, l.SaveSnapshot(t.Context(), "x", []byte("a is 1")))
	_, events, err := open(t, js, natslog.Config[put]{Reader: true}).LoadSnapshot(t.Context(), "x")
	must(t, err)
	must(t, l.Notify(t.Context(), []put{{Key: "a", Value: 2, Delete: true}, {Value: 3}}))
	must(t, l.SaveSnapshot(t.Context(), "x", []byte("nothing")))
	for range 3 {
		_, err := l.Compact(t.Context())
		must(t, err)
	}
	wantValues(t, l, 3)
	for _, err := range events {
		wantError(t, err, natslog.ErrCompacted)
	}
}

// A tombstone stays as long as a snapshot may hold what it has ended.
func TestTombstonesWaitForTheSnapshot(t *testing.T) {
	l := open(t, connect(t, startServers(t, 1, false)), keyed())
	must(t, l.Notify(t.Context(), []put{{Key: "a", Value: 1}}))
	must(t, l.SaveSnapshot(t.Context(), "x", []byte("a is 1")))
	must(t, l.Notify(t.Context(), []put{{Key: "a", Value: 2, Delete: true}, {Value: 3}}))
	for range 3 {
		_, err := l.Compact(t.Context())
		must(t, err)
	}
	if data, after := loaded(t, l, "x"); string(data) != "a is 1" || !slices.Equal(after, []int{2, 3}) {
		t.Errorf("%q and %v", data, after)
	}
	must(t, l.SaveSnapshot(t.Context(), "x", []byte("nothing")))
	compact(t, l, 1)
	wantValues(t, l, 3)
}

// A snapshot whose place another takes while it is loaded is not half of one.
func TestSnapshotReplacedWhileLoaded(t *testing.T) {
	servers := startServers(t, 1, false)
	l := open(t, connect(t, servers), natslog.Config[put]{})
	must(t, l.Notify(t.Context(), puts(0, 1)))
	must(t, l.SaveSnapshot(t.Context(), "x", []byte("0")))
	link, js := connectLink(t, servers)
	reader := open(t, js, natslog.Config[put]{Reader: true})
	link.during(t, servers, func() {
		data, events, err := reader.LoadSnapshot(t.Context(), "x")
		if err != nil || string(data) != "0,1" {
			t.Errorf("%q and %v, want what was saved last", data, err)
			return
		}
		for e, err := range events {
			if err != nil || e.Value != 2 {
				t.Errorf("%v and %v follow", e, err)
			}
		}
	}, func() {
		must(t, l.Notify(t.Context(), puts(1, 2)))
		must(t, l.SaveSnapshot(t.Context(), "x", []byte("0,1")))
		must(t, l.Notify(t.Context(), puts(2, 3)))
	})
}

// An id may be any text.
func TestSnapshotWithoutAnID(t *testing.T) {
	l := open(t, connect(t, startServers(t, 1, false)), natslog.Config[put]{})
	must(t, l.Notify(t.Context(), puts(0, 1)))
	must(t, l.SaveSnapshot(t.Context(), "", []byte("a")))
	must(t, l.Notify(t.Context(), puts(1, 2)))
	data, after := loaded(t, l, "")
	if string(data) != "a" || !slices.Equal(after, []int{1}) {
		t.Errorf("%q and %v", data, after)
	}
}

// Who owned a log before learns it also if a snapshot is the first that he saves.
func TestSnapshotOfAFormerOwner(t *testing.T) {
	js := connect(t, startServers(t, 1, false))
	former := open(t, js, natslog.Config[put]{})
	must(t, former.Notify(t.Context(), puts(0, 3)))
	owner := open(t, js, natslog.Config[put]{})
	wantError(t, former.SaveSnapshot(t.Context(), "x", []byte("stale")), natslog.ErrConflict)
	if data, _ := loaded(t, owner, "x"); data != nil {
		t.Errorf("there is the snapshot %q", data)
	}
}
