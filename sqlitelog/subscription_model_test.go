package sqlitelog_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/edfsm/edfsm/sqlitelog"
	"pgregory.net/rapid"
)

// Whatever is appended, compacted, dropped for a snapshot, reset, reopened and
// opened after a crash, and wherever a delivery breaks off: a subscription is given
// what was left after its position when it was set, and all that came since, in
// order, and again what it had not acknowledged; a follower is given each of these
// once.
func TestSubscriptionModel(t *testing.T) {
	dir := t.TempDir()
	files := 0
	defer sqlitelog.SetGrain(3, 4)()
	rapid.Check(t, func(t *rapid.T) {
		files++
		m := &subscriptionModel{path: filepath.Join(dir, fmt.Sprint(files, ".db")), subs: make(map[string]*modelSubscription)}
		m.open(t)
		t.Repeat(map[string]func(*rapid.T){
			"append":      m.append,
			"elsewhere":   m.appendElsewhere,
			"compact":     m.compact,
			"snapshot":    m.snapshot,
			"deliver":     m.deliver,
			"seek":        m.seek,
			"unsubscribe": m.unsubscribe,
			"follow":      m.follow,
			"read on":     m.readOn,
			"leave":       m.leave,
			"replay":      m.replay,
			"reopen":      m.reopen,
			"crash":       m.crash,
		})
		m.close(t)
	})
}

type subscriptionModel struct {
	path      string
	db        *sqlitelog.DB
	log       *sqlitelog.Log[put]
	other     *sqlitelog.Log[put]
	second    bool // the log is not the first of its file
	drops     bool // what a snapshot contains
	history   []sqlitelog.Entry[put]
	subs      map[string]*modelSubscription
	followers []*modelFollower

	saved     int64 // the position of the snapshot; 0 without one
	contained int64 // that of the one for which events may go since the log was opened
	droppable int64 // what has gone for a snapshot lies at or before this
}

// modelSubscription is a position, and the events after it.
type modelSubscription struct {
	position int64
	due      []int64
	folds    bool  // it has begun with the oldest event
	from     int64 // the head then
	given    []sqlitelog.Entry[put]
}

// modelFollower is a follower and what it has still to be given.
type modelFollower struct {
	next func() (sqlitelog.Entry[put], error, bool)
	stop func()
	due  []int64
}

func (m *subscriptionModel) open(t *rapid.T) {
	db, err := sqlitelog.OpenDB(context.Background(), m.path, sqlitelog.Options{Durability: sqlitelog.Normal})
	must(t, err)
	m.db = db
	if len(m.history) == 0 {
		m.second = rapid.Bool().Draw(t, "second log")
		m.drops = rapid.Bool().Draw(t, "drop what a snapshot contains")
	}
	if m.second {
		m.openOther(t)
	}
	m.log, err = sqlitelog.New(context.Background(), db, "log", sqlitelog.Config[put]{
		Key: putKey, HighWater: math.MaxInt32, LowWater: rapid.IntRange(1, 5).Draw(t, "low water"),
		DropSnapshotted: m.drops,
	})
	must(t, err)
	m.contained = 0
	if m.droppable > 0 { // the log cannot be replayed without it
		m.contained = m.saved
	}
	if !m.second {
		m.openOther(t)
	}
}

func (m *subscriptionModel) openOther(t *rapid.T) {
	log, err := sqlitelog.New(context.Background(), m.db, "other", sqlitelog.Config[put]{})
	must(t, err)
	m.other = log
}

func (m *subscriptionModel) close(t *rapid.T) {
	for len(m.followers) > 0 {
		m.leave(t)
	}
	must(t, errors.Join(m.log.Close(), m.other.Close(), m.db.Close()))
}

func (m *subscriptionModel) reopen(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "seldom") == 0 { // it takes long
		m.close(t)
		m.open(t)
		m.check(t)
	}
}

// crash goes on with the files as they would be if the process ended here.
func (m *subscriptionModel) crash(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "seldom") > 0 {
		return
	}
	left := m.path + "x"
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(m.path + suffix)
		must(t, err)
		must(t, os.WriteFile(left+suffix, data, 0o600))
	}
	for _, f := range m.followers {
		f.stop()
	}
	m.followers = nil
	m.close(t)
	m.path = left
	m.open(t)
	m.check(t)
}

func (m *subscriptionModel) append(t *rapid.T) {
	batch := rapid.SliceOfN(genPut(3), 1, 10).Draw(t, "batch")
	must(t, m.log.Notify(context.Background(), batch))
	for i, e := range batch {
		offset := m.log.Head() - int64(len(batch)-1-i)
		m.history = append(m.history, sqlitelog.Entry[put]{Offset: offset, Event: e})
		for _, sub := range m.subs {
			sub.due = append(sub.due, offset)
		}
		for _, f := range m.followers {
			f.due = append(f.due, offset)
		}
	}
}

func (m *subscriptionModel) appendElsewhere(t *rapid.T) {
	must(t, m.other.Notify(context.Background(), make([]put, rapid.IntRange(1, 6).Draw(t, "events"))))
}

func (m *subscriptionModel) compact(t *rapid.T) {
	_, err := m.log.Compact(context.Background())
	must(t, err)
	if m.drops {
		through := m.contained
		for _, sub := range m.subs {
			through = min(through, sub.position)
		}
		m.droppable = max(m.droppable, through)
	}
	m.check(t)
}

func (m *subscriptionModel) snapshot(t *rapid.T) {
	data, err := json.Marshal(m.stateAt(math.MaxInt64))
	must(t, err)
	must(t, m.log.SaveSnapshot(context.Background(), "state", data))
	m.saved = m.log.Head()
	m.contained = m.saved
}

// dropped reports whether an error says that events after an offset are gone;
// that may be so only where they were in a snapshot and no subscription had
// still to be given them.
func (m *subscriptionModel) dropped(t *rapid.T, err error, after int64) bool {
	if after < m.droppable && errors.Is(err, sqlitelog.ErrDropped) {
		return true
	}
	must(t, err)
	return false
}

// replay starts from nothing and as a machine does.
func (m *subscriptionModel) replay(t *rapid.T) {
	want := m.stateAt(math.MaxInt64)
	all, err := collect(m.log.Feed(context.Background()))
	whole := !m.dropped(t, err, 0)
	if got := fold(all); whole && !maps.Equal(got, want) {
		t.Fatalf("the log leads to %v, want %v", got, want)
	}
	data, feed, err := m.log.LoadSnapshot(context.Background(), "state")
	must(t, err)
	if data == nil {
		if !whole {
			t.Fatal("neither the events nor the snapshot are left")
		}
		return
	}
	state := make(map[string]int)
	must(t, json.Unmarshal(data, &state))
	since, err := collect(feed)
	must(t, err)
	if got := foldOn(state, since); !maps.Equal(got, want) {
		t.Fatalf("the snapshot and the log lead to %v, want %v", got, want)
	}
}

func (m *subscriptionModel) stateAt(offset int64) map[string]int {
	n, _ := slices.BinarySearchFunc(m.history, offset, func(e sqlitelog.Entry[put], offset int64) int {
		if e.Offset <= offset {
			return -1
		}
		return 1
	})
	return foldEntries(m.history[:n])
}

func foldEntries(entries []sqlitelog.Entry[put]) map[string]int {
	var all []put
	for _, e := range entries {
		all = append(all, e.Event)
	}
	return fold(all)
}

// left returns the offsets of what the log has after an offset.
func (m *subscriptionModel) left(t *rapid.T, after int64) (offsets []int64) {
	entries, err := collect(m.log.Entries(context.Background(), after+1, math.MaxInt64))
	must(t, err)
	for _, e := range entries {
		offsets = append(offsets, e.Offset)
	}
	return offsets
}

// whole fails if offsets are not all after one that a log without dropped events
// has.
func (m *subscriptionModel) whole(t *rapid.T, after int64, offsets []int64) {
	newest := make(map[string]int64)
	for _, e := range m.history {
		newest[e.Event.Key] = e.Offset
	}
	for _, e := range m.history {
		needed := e.Event.Key == "" || newest[e.Event.Key] == e.Offset && !e.Event.Delete
		if _, there := slices.BinarySearch(offsets, e.Offset); needed && e.Offset > after && !there {
			t.Fatalf("%d is not left after %d, but %v", e.Offset, after, offsets)
		}
	}
}

func (m *subscriptionModel) draw(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "b"}).Draw(t, "subscription")
}

func (m *subscriptionModel) seek(t *rapid.T) {
	to := rapid.Int64Range(0, m.log.Head()).Draw(t, "position")
	if rapid.Bool().Draw(t, "to the start") {
		to = 0
	}
	m.seekTo(t, m.draw(t), to)
}

func (m *subscriptionModel) seekTo(t *rapid.T, name string, to int64) {
	if !m.dropped(t, m.log.Seek(context.Background(), name, to), to) {
		m.subs[name] = &modelSubscription{position: to, due: m.left(t, to), folds: to == 0, from: m.log.Head()}
		m.whole(t, to, m.subs[name].due)
	}
	m.check(t)
}

func (m *subscriptionModel) unsubscribe(t *rapid.T) {
	name := m.draw(t)
	must(t, m.log.Unsubscribe(context.Background(), name))
	delete(m.subs, name)
	m.check(t)
}

var errHandle = errors.New("cannot handle this")

// deliver hands over some of what is due, and ends in one of the ways in which a
// delivery can end.
func (m *subscriptionModel) deliver(t *rapid.T) {
	name := m.draw(t)
	sub, exists := m.subs[name]
	if !exists {
		sub = &modelSubscription{due: m.left(t, 0), folds: true, from: m.log.Head()}
	}
	if len(sub.due) == 0 {
		return
	}
	m.subs[name] = sub
	left := sub.due
	last := rapid.IntRange(1, len(sub.due)).Draw(t, "events")
	end := rapid.SampledFrom([]string{"handled", "handle fails", "cancelled", "acknowledgement fails"}).Draw(t, "end")
	if end == "acknowledgement fails" {
		effect := rapid.SampledFrom([]string{"ABORT", "ROLLBACK"}).Draw(t, "effect")
		shell(t, m.path, fmt.Sprintf("CREATE TRIGGER injected BEFORE UPDATE ON subscriptions WHEN NEW.position >= %d BEGIN SELECT RAISE(%s, 'injected'); END",
			sub.due[last-1], effect))
		defer shell(t, m.path, "DROP TRIGGER injected")
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	seen := 0
	err := m.log.Deliver(ctx, name, sqlitelog.Delivery{Batch: rapid.IntRange(0, 4).Draw(t, "batch")},
		func(ctx context.Context, entries []sqlitelog.Entry[put]) error {
			for i, e := range entries {
				if seen+i >= len(sub.due) || e.Offset != sub.due[seen+i] {
					t.Fatalf("given %d after %d events, want %v", e.Offset, seen+i, sub.due)
				}
			}
			sub.give(entries)
			if seen+len(entries) < last || end == "acknowledgement fails" {
				seen += len(entries)
				return nil
			}
			switch end {
			case "handle fails":
				return errHandle
			case "cancelled":
				cancel()
				return ctx.Err()
			}
			seen += len(entries)
			cancel()
			return nil
		})
	switch {
	case !exists && seen == 0 && errors.Is(err, sqlitelog.ErrDropped) && m.dropped(t, err, 0):
		delete(m.subs, name)
		m.check(t)
		return
	case end == "handle fails" && errors.Is(err, errHandle):
	case end == "acknowledgement fails" && err != nil && strings.Contains(err.Error(), "injected"):
		seen = m.acknowledged(t, name, sub)
	case (end == "handled" || end == "cancelled") && errors.Is(err, context.Canceled):
	default:
		t.Fatalf("a delivery that %s: %v", end, err)
	}
	if !exists {
		m.whole(t, 0, left)
	}
	if seen > 0 {
		sub.position = sub.due[seen-1]
		sub.due = sub.due[seen:]
	}
	m.check(t)
	if n := len(sub.given); sub.folds && n > 0 && sub.given[n-1].Offset >= sub.from {
		if got, want := foldEntries(sub.given), m.stateAt(sub.given[n-1].Offset); !maps.Equal(got, want) {
			t.Fatalf("what %q was given leads to %v, want %v", name, got, want)
		}
	}
}

// acknowledged returns how many of the due events the file says were
// acknowledged; they are fewer than were to be.
func (m *subscriptionModel) acknowledged(t *rapid.T, name string, sub *modelSubscription) int {
	all, err := m.log.Subscriptions(context.Background())
	must(t, err)
	for _, s := range all {
		if s.Name == name {
			return slices.Index(sub.due, s.Position) + 1
		}
	}
	t.Fatalf("there is no %q", name)
	return 0
}

// give notes what was handed over, once.
func (sub *modelSubscription) give(entries []sqlitelog.Entry[put]) {
	for _, e := range entries {
		if n := len(sub.given); n == 0 || e.Offset > sub.given[n-1].Offset {
			sub.given = append(sub.given, e)
		}
	}
}

func (m *subscriptionModel) follow(t *rapid.T) {
	after := rapid.Int64Range(0, m.log.Head()).Draw(t, "after")
	left := m.left(t, after)
	f := &modelFollower{due: left}
	if len(left) == 0 { // it would wait
		return
	}
	f.next, f.stop = iter.Pull2(m.log.Follow(context.Background(), after))
	if m.dropped(t, f.read(t), after) {
		f.stop()
		return
	}
	m.whole(t, after, left)
	m.followers = append(m.followers, f)
}

func (f *modelFollower) read(t *rapid.T) error {
	e, err, _ := f.next()
	if err != nil {
		return err
	}
	if e.Offset != f.due[0] {
		t.Fatalf("a follower was given %d, want %v", e.Offset, f.due)
	}
	f.due = f.due[1:]
	return nil
}

func (m *subscriptionModel) readOn(t *rapid.T) {
	for _, f := range m.followers {
		for range rapid.IntRange(0, len(f.due)).Draw(t, "events") {
			must(t, f.read(t))
		}
	}
}

func (m *subscriptionModel) leave(t *rapid.T) {
	if len(m.followers) == 0 {
		return
	}
	f := m.followers[0]
	m.followers = m.followers[1:]
	for len(f.due) > 0 {
		must(t, f.read(t))
	}
	f.stop()
}

func (m *subscriptionModel) check(t *rapid.T) {
	all, err := m.log.Subscriptions(context.Background())
	must(t, err)
	if len(all) != len(m.subs) {
		t.Fatalf("there are %+v, want %d", all, len(m.subs))
	}
	for _, s := range all {
		sub := m.subs[s.Name]
		if s.Position != sub.position || s.Lag != int64(len(sub.due)) || s.Lag == 0 && s.LagTime != 0 {
			t.Fatalf("there is %+v, want position %d, due %v", s, sub.position, sub.due)
		}
	}
}
