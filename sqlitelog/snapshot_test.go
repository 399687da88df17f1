package sqlitelog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/machine"
	"github.com/edfsm/edfsm/sqlitelog"
)

var _ machine.Snapshotter[int] = (*sqlitelog.Log[int])(nil)

// loaded returns a snapshot and the events after it.
func loaded[E any](t *testing.T, log *sqlitelog.Log[E], id string) (data string, after []E) {
	t.Helper()
	b, feed, err := log.LoadSnapshot(t.Context(), id)
	must(t, err)
	if b == nil {
		return "", nil
	}
	after, err = collect(feed)
	must(t, err)
	return string(b), after
}

// With DropSnapshotted a log is the newest snapshot, what came after it, and
// LowWater events. It does not pretend to begin there.
func TestDropSnapshotted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	cfg := sqlitelog.Config[int]{DropSnapshotted: true, HighWater: 20, LowWater: 10}
	log := open(t, path, cfg)
	for i := range 300 {
		must(t, log.Notify(t.Context(), []int{i}))
		if i%30 == 29 {
			must(t, log.SaveSnapshot(t.Context(), "sum", fmt.Append(nil, i)))
		}
	}
	must(t, log.Notify(t.Context(), []int{300, 301}))
	_, err := log.Compact(t.Context())
	must(t, err)
	must(t, log.Close())
	log = open(t, path, cfg)
	defer log.Close()
	if data, after := loaded(t, log, "sum"); data != "299" || !slices.Equal(after, []int{300, 301}) {
		t.Errorf("loaded %q and %v", data, after)
	}
	if data, after := loaded(t, log, "other"); data != "" || after != nil {
		t.Errorf("of another id: %q and %v", data, after)
	}
	if got, err := collect(log.Feed(t.Context())); !errors.Is(err, sqlitelog.ErrDropped) || len(got) > 0 {
		t.Errorf("the feed gave %v, %v", got, err)
	}
	if left, err := collect(log.Entries(t.Context(), 0, 1000)); len(left) != 10 || err != nil {
		t.Errorf("%d entries are left, %v", len(left), err)
	}
}

// The only beginning of a log stays, whether or not somebody has asked for it
// since the log was opened.
func TestDroppedKeepsItsSnapshot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	for _, dropping := range []bool{true, false} {
		cfg := sqlitelog.Config[put]{Key: putKey, LowWater: 1, DropSnapshotted: dropping}
		log := open(t, path, cfg)
		if dropping {
			must(t, log.Notify(t.Context(), []put{{Key: "k", Value: 1}, {Value: 1}}))
			must(t, log.SaveSnapshot(t.Context(), "a", []byte("k and 1")))
		}
		must(t, log.Notify(t.Context(), []put{{Key: "k", Delete: true}, {Value: 2}}))
		_, err := log.Compact(t.Context())
		must(t, err)
		must(t, log.Close())
	}
	log := open(t, path, sqlitelog.Config[put]{})
	defer log.Close()
	want := []put{{Key: "k", Delete: true}, {Value: 2}, {Key: "k", Delete: true}, {Value: 2}}
	if data, after := loaded(t, log, "a"); data != "k and 1" || !slices.Equal(after, want) && !slices.Equal(after, want[1:]) {
		t.Errorf("loaded %q and %v", data, after)
	}
}

// A replay that is under way still gets what a snapshot contains.
func TestDropBesideReplay(t *testing.T) {
	defer sqlitelog.SetGrain(2, 512)()
	log := open(t, filepath.Join(t.TempDir(), "log.db"), sqlitelog.Config[int]{DropSnapshotted: true, LowWater: 1})
	defer log.Close()
	must(t, log.Notify(t.Context(), []int{1, 2, 3, 4, 5, 6}))
	var got []int
	for e, err := range log.Feed(t.Context()) {
		must(t, err)
		if got = append(got, e); e == 1 {
			must(t, log.SaveSnapshot(t.Context(), "a", []byte("21")))
			_, err := log.Compact(t.Context())
			must(t, err)
		}
	}
	if !slices.Equal(got, []int{1, 2, 3, 4, 5, 6}) {
		t.Errorf("the replay gave %v", got)
	}
}

// Without a snapshot nothing is dropped.
func TestDropNothing(t *testing.T) {
	log := open(t, filepath.Join(t.TempDir(), "log.db"), sqlitelog.Config[int]{DropSnapshotted: true, LowWater: 1})
	defer log.Close()
	must(t, log.Notify(t.Context(), []int{1, 2, 3, 4}))
	done, err := log.Compact(t.Context())
	must(t, err)
	if want := (sqlitelog.Compaction{Moved: 3}); done != want {
		t.Errorf("the compaction did %+v, want %+v", done, want)
	}
	if got := events(t, log); !slices.Equal(got, []int{1, 2, 3, 4}) {
		t.Errorf("left are %v", got)
	}
}

// A state in a snapshot may have a key that a tombstone after it ends: the
// tombstone stays until a newer snapshot comes, and takes the older ones along.
func TestSnapshotAndTombstone(t *testing.T) {
	log := open(t, filepath.Join(t.TempDir(), "log.db"), sqlitelog.Config[put]{Key: putKey, LowWater: 1})
	defer log.Close()
	compact := func() {
		t.Helper()
		_, err := log.Compact(t.Context())
		must(t, err)
	}
	must(t, log.Notify(t.Context(), []put{{Key: "k", Value: 1}}))
	must(t, log.SaveSnapshot(t.Context(), "old", []byte("k is 1")))
	must(t, log.SaveSnapshot(t.Context(), "new", []byte("k is 1")))
	must(t, log.Notify(t.Context(), []put{{Key: "k", Delete: true}, {Value: 1}}))
	compact()
	for _, id := range []string{"old", "new"} {
		if _, after := loaded(t, log, id); len(after) != 2 || !after[0].Delete {
			t.Errorf("after snapshot %q come %v", id, after)
		}
	}
	_, walk, err := log.LoadSnapshot(t.Context(), "old")
	must(t, err)
	must(t, log.SaveSnapshot(t.Context(), "new", []byte("nothing")))
	must(t, log.Notify(t.Context(), []put{{Value: 2}}))
	compact()
	compact()
	if all := events(t, log); slices.ContainsFunc(all, func(e put) bool { return e.Key != "" }) {
		t.Errorf("left are %v", all)
	}
	if data, after := loaded(t, log, "new"); data != "nothing" || len(after) != 1 {
		t.Errorf("loaded %q and %v", data, after)
	}
	if data, _ := loaded(t, log, "old"); data != "" {
		t.Errorf("there is still a snapshot that says %q", data)
	}
	if got, err := collect(walk); !errors.Is(err, sqlitelog.ErrCompacted) {
		t.Errorf("the walk from the snapshot that went gave %v, %v", got, err)
	}
}

// One who has loaded a snapshot may not be able to read it: nothing goes on the
// strength of that.
func TestLoadedSnapshotDropsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	cfg := sqlitelog.Config[int]{DropSnapshotted: true, LowWater: 1}
	log := open(t, path, cfg)
	must(t, log.Notify(t.Context(), []int{1, 2, 3}))
	must(t, log.SaveSnapshot(t.Context(), "a", []byte("does not decode")))
	must(t, log.Close())
	log = open(t, path, cfg)
	defer log.Close()
	loaded(t, log, "a")
	must(t, log.Notify(t.Context(), []int{4}))
	_, err := log.Compact(t.Context())
	must(t, err)
	if got := events(t, log); !slices.Equal(got, []int{1, 2, 3, 4}) {
		t.Errorf("left are %v", got)
	}
}

// A damaged position makes neither a save vain nor events go.
func TestSnapshotPositionCorrupt(t *testing.T) {
	cfg := sqlitelog.Config[int]{DropSnapshotted: true, LowWater: 1}
	damage := "UPDATE snapshots SET position = position + 1000000 WHERE id = "
	path := filepath.Join(t.TempDir(), "log.db")
	log := open(t, path, cfg)
	must(t, log.Notify(t.Context(), []int{1, 2, 3}))
	must(t, log.SaveSnapshot(t.Context(), "old", []byte("6")))
	must(t, log.SaveSnapshot(t.Context(), "good", []byte("6")))
	shell(t, path, damage+"'good'")
	must(t, log.SaveSnapshot(t.Context(), "good", []byte("six")))
	if data, after := loaded(t, log, "good"); data != "six" || len(after) > 0 {
		t.Errorf("saved over a damaged one: %q and %v", data, after)
	}
	_, err := log.Compact(t.Context())
	must(t, err)
	must(t, log.Close())
	shell(t, path, damage+"'old'")
	log = open(t, path, cfg)
	defer log.Close()
	must(t, log.Notify(t.Context(), []int{4, 5}))
	_, err = log.Compact(t.Context())
	must(t, err)
	if data, after := loaded(t, log, "good"); data != "six" || !slices.Equal(after, []int{4, 5}) {
		t.Errorf("beside a damaged one: %q and %v", data, after)
	}
}

// A damaged snapshot counts as none and is reported.
func TestSnapshotCorrupt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	var said bytes.Buffer
	log := open(t, path, sqlitelog.Config[int]{File: sqlitelog.Options{Logger: slog.New(slog.NewTextHandler(&said, nil))}})
	defer log.Close()
	must(t, log.Notify(t.Context(), []int{1}))
	for _, damage := range []string{"data = x'00'", "position = 0", "id = 'b'", "crc = 0"} {
		must(t, log.SaveSnapshot(t.Context(), "a", []byte("state")))
		shell(t, path, "UPDATE snapshots SET "+damage)
		said.Reset()
		for _, id := range []string{"a", "b"} {
			if data, after := loaded(t, log, id); data != "" || after != nil {
				t.Errorf("after %s: %q and %v", damage, data, after)
			}
		}
		if text := said.String(); !strings.Contains(text, "snapshot ignored") || !strings.Contains(text, path) {
			t.Errorf("after %s it said %q", damage, text)
		}
		shell(t, path, "DELETE FROM snapshots")
	}
}

func TestSnapshotOutcomes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	first := open(t, path, sqlitelog.Config[int]{})
	must(t, first.SaveSnapshot(t.Context(), "empty", nil))
	second := open(t, path, sqlitelog.Config[int]{})
	if err := first.SaveSnapshot(t.Context(), "a", []byte("x")); !errors.Is(err, sqlitelog.ErrConflict) {
		t.Errorf("a former owner's: %v", err)
	}
	reader := newLog(t, openDB(t, path, sqlitelog.Options{ReadOnly: true}), "main", sqlitelog.Config[int]{})
	if err := reader.SaveSnapshot(t.Context(), "a", nil); !errors.Is(err, sqlitelog.ErrReadOnly) {
		t.Errorf("a reader's: %v", err)
	}
	if data, feed, err := reader.LoadSnapshot(t.Context(), "empty"); data == nil || len(data) != 0 || feed == nil || err != nil {
		t.Errorf("an empty snapshot: %v, %v", data, err)
	}
	must(t, first.Close())
	must(t, second.Close())
	if err := second.SaveSnapshot(t.Context(), "a", nil); !errors.Is(err, sqlitelog.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if _, _, err := second.LoadSnapshot(t.Context(), "a"); !errors.Is(err, sqlitelog.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// A machine resumes from its snapshot and the events after it, also when what
// the snapshot contains is gone.
func TestMachineResumes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	state, err := codec.Of[map[string]int](codec.CBOR)
	must(t, err)
	want := make(map[string]int)
	for i := range 5 {
		log := open(t, path, sqlitelog.Config[put]{Key: putKey, DropSnapshotted: true, HighWater: 20, LowWater: 5})
		counted := &countedFeed{Log: log}
		m := machine.New(puts{}, machine.Config[map[string]int, put, string]{
			Log:      counted,
			Snapshot: machine.Snapshot[map[string]int]{Codec: state, Every: 10},
		})
		ran := make(chan error)
		go func() { ran <- m.Run(t.Context()) }()
		for j := range 35 {
			e := put{Key: fmt.Sprint("k", j%3), Value: 100*i + j + 1}
			_, err := m.Apply(t.Context(), e)
			must(t, err)
			foldOn(want, []put{e})
		}
		got, err := machine.View(t.Context(), m, func(s map[string]int) string { return fmt.Sprint(s) })
		if must(t, err); got != fmt.Sprint(want) {
			t.Fatalf("in run %d the state is %s, want %v", i, got, want)
		}
		m.Close()
		must(t, <-ran)
		must(t, log.Close())
		if i > 0 && (counted.whole || counted.after >= 10) {
			t.Errorf("run %d has replayed %d events after its snapshot, or all: %v", i, counted.after, counted.whole)
		}
	}
}

// countedFeed tells what was replayed.
type countedFeed struct {
	*sqlitelog.Log[put]
	whole bool
	after int
}

func (c *countedFeed) Feed(ctx context.Context) iter.Seq2[put, error] {
	c.whole = true
	return c.Log.Feed(ctx)
}

func (c *countedFeed) LoadSnapshot(ctx context.Context, id string) ([]byte, iter.Seq2[put, error], error) {
	data, events, err := c.Log.LoadSnapshot(ctx, id)
	if events == nil {
		return data, events, err
	}
	return data, func(yield func(put, error) bool) {
		for e, err := range events {
			c.after++
			if !yield(e, err) {
				return
			}
		}
	}, err
}

// While a snapshot could not be saved, the one before is needed: no tombstone
// goes after it, and it does not go with one.
func TestSnapshotFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	log := open(t, path, sqlitelog.Config[put]{Key: putKey, HighWater: 1 << 20, LowWater: 1, DropSnapshotted: true})
	defer log.Close()
	must(t, log.Notify(t.Context(), []put{{Key: "a", Value: 1}, {Key: "b", Value: 2}}))
	must(t, log.SaveSnapshot(t.Context(), "state", []byte("a and b")))
	must(t, log.Notify(t.Context(), []put{{Key: "a", Delete: true}, {Value: 1}}))
	shell(t, path, "CREATE TRIGGER injected BEFORE UPDATE ON snapshots BEGIN SELECT RAISE(ABORT, 'injected'); END")
	if err := log.SaveSnapshot(t.Context(), "state", []byte("b")); err == nil {
		t.Fatal("the snapshot was saved")
	}
	_, err := log.Compact(t.Context())
	must(t, err)
	data, after := loaded(t, log, "state")
	if want := []put{{Key: "a", Delete: true}, {Value: 1}}; data != "a and b" || !slices.Equal(after, want) {
		t.Errorf("there is snapshot %q, followed by %v", data, after)
	}
}
