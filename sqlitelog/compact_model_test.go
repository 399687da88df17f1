package sqlitelog_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/edfsm/edfsm/sqlitelog"
	"pgregory.net/rapid"
)

// openReplay is a replay that was begun and not yet finished.
type openReplay struct {
	next        func() (put, error, bool)
	stop        func()
	seen        []put
	state, want map[string]int // before and after
}

// Whatever is appended to two logs of a file, compacted, reopened, and read by
// replays that are left open meanwhile, and whatever statement fails: each
// replay leads to the state that the full history led to when it began.
func TestCompactionModel(t *testing.T) {
	dir := t.TempDir()
	files := 0
	defer sqlitelog.SetGrain(3, 4)()
	rapid.Check(t, func(t *rapid.T) {
		files++
		path := filepath.Join(dir, fmt.Sprint(files, ".db"))
		m := &compactionModel{path: path}
		m.open(t)
		t.Repeat(map[string]func(*rapid.T){
			"append":       m.append,
			"compact":      m.compact,
			"begin replay": m.beginReplay,
			"read on":      m.readOn,
			"finish":       m.finishReplay,
			"replay":       m.replay,
			"reopen":       m.reopen,
			"take over":    m.takeOver,
			"snapshot":     m.snapshot,
			"resume":       m.resume,
			"damage":       m.damage,
			"inject":       m.inject,
			"heal":         m.heal,
			"":             m.check,
		})
		m.heal(t)
		m.close(t)
	})
}

type compactionModel struct {
	path    string
	db      *sqlitelog.DB
	logs    [2]*sqlitelog.Log[put]
	history [2][]put
	offsets [2][]int64 // of the events in history
	heads   [2]int64
	saved   [2]int // how many snapshots there are or were
	replays []*openReplay
	failing bool
}

func (m *compactionModel) inject(t *rapid.T) {
	m.fail(t, "INSERT ON log", "INSERT ON log WHEN NEW.offset % 4 = 0", "DELETE ON log", "DELETE ON log WHEN OLD.offset % 3 = 0",
		"INSERT ON compacted", "DELETE ON compacted", "INSERT ON snapshots", "DELETE ON snapshots", "UPDATE ON logs")
}

// fail makes one of some kinds of statements fail, and may make SQLite roll the
// whole transaction back by itself, as it does when the disk is full.
func (m *compactionModel) fail(t *rapid.T, statements ...string) {
	m.heal(t)
	m.failing = true
	shell(t, m.path, fmt.Sprintf("CREATE TRIGGER injected BEFORE %s BEGIN SELECT RAISE(%s, 'injected'); END",
		rapid.SampledFrom(statements).Draw(t, "statement"),
		rapid.SampledFrom([]string{"ABORT", "FAIL", "ROLLBACK"}).Draw(t, "effect")))
}

func (m *compactionModel) heal(t *rapid.T) {
	if m.failing {
		shell(t, m.path, "DROP TRIGGER injected")
		m.failing = false
	}
}

// failed reports whether an error comes of fail; there must be no other.
func (m *compactionModel) failed(t *rapid.T, err error) bool {
	if err != nil && (!m.failing || !strings.Contains(err.Error(), "injected")) {
		t.Fatal(err)
	}
	return err != nil
}

func (m *compactionModel) open(t *rapid.T) {
	db, err := sqlitelog.OpenDB(context.Background(), m.path, sqlitelog.Options{Durability: sqlitelog.Normal})
	must(t, err)
	m.db = db
	for i := range m.logs {
		m.own(t, i)
	}
}

func (m *compactionModel) own(t *rapid.T, i int) {
	log, err := sqlitelog.New(context.Background(), m.db, fmt.Sprint("log ", i), sqlitelog.Config[put]{
		Key:        putKey,
		HighWater:  rapid.IntRange(5, 30).Draw(t, "high water"),
		LowWater:   rapid.IntRange(1, 5).Draw(t, "low water"),
		Quarantine: true,

		DropSnapshotted: i == 1,
	})
	must(t, err)
	m.logs[i] = log
}

// takeOver opens a log once more. The former owner is shut out, and its replays
// end.
func (m *compactionModel) takeOver(t *rapid.T) {
	m.heal(t)
	i := m.draw(t)
	former := m.logs[i]
	for len(m.replays) > 0 {
		m.finishReplay(t)
	}
	m.own(t, i)
	if err := former.Notify(context.Background(), []put{{Value: 1}}); !errors.Is(err, sqlitelog.ErrConflict) {
		t.Fatalf("the former owner's append: %v", err)
	}
	if _, err := former.Compact(context.Background()); err != nil && !errors.Is(err, sqlitelog.ErrConflict) {
		t.Fatalf("the former owner's compaction: %v", err)
	}
	must(t, former.Close())
}

// damage spoils a record whose loss has the same effect whatever was compacted
// before: one that has no key, or was superseded.
func (m *compactionModel) damage(t *rapid.T) {
	i := m.draw(t)
	if len(m.history[i]) == 0 || len(m.replays) > 0 {
		return
	}
	m.heal(t)
	j := rapid.IntRange(0, len(m.history[i])-1).Draw(t, "event")
	e := m.history[i][j]
	if e.Key == "" && m.saved[i] > 0 {
		return // a snapshot has it
	}
	if e.Key != "" && !slices.ContainsFunc(m.history[i][j+1:], func(newer put) bool { return newer.Key == e.Key }) {
		return
	}
	offset := m.offsets[i][j]
	for _, table := range []string{"log", "compacted"} {
		shell(t, m.path, fmt.Sprintf("UPDATE %s SET crc = crc + 1 WHERE offset = %d", table, offset))
	}
	m.history[i] = slices.Delete(m.history[i], j, j+1)
	m.offsets[i] = slices.Delete(m.offsets[i], j, j+1)
	if rapid.Bool().Draw(t, "compact before it is found") {
		_, err := m.logs[i].Compact(context.Background())
		must(t, err)
	}
	if rapid.Bool().Draw(t, "find it in vain") {
		m.findInVain(t, m.logs[i], offset)
	}
	m.replayOf(t, i)
}

// findInVain makes a damaged record fail to go into quarantine; it goes there the
// next time, if it is left.
func (m *compactionModel) findInVain(t *rapid.T, log *sqlitelog.Log[put], offset int64) {
	want := count(t, m.path, fmt.Sprintf("SELECT count(*) FROM (SELECT offset FROM log UNION ALL SELECT offset FROM compacted) WHERE offset = %d", offset))
	m.fail(t, "INSERT ON quarantine", "DELETE ON log", "DELETE ON compacted", "UPDATE ON logs")
	_, err := collect(log.Entries(context.Background(), 0, math.MaxInt64))
	m.failed(t, err)
	m.heal(t)
	_, err = collect(log.Entries(context.Background(), 0, math.MaxInt64))
	must(t, err)
	if got := count(t, m.path, fmt.Sprint("SELECT count(*) FROM quarantine WHERE offset = ", offset)); got != want {
		t.Fatalf("%d is in quarantine %d times, want %d", offset, got, want)
	}
}

func (m *compactionModel) reopen(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "seldom") > 0 { // it takes long
		return
	}
	m.heal(t)
	m.close(t)
	m.open(t)
}

func (m *compactionModel) close(t *rapid.T) {
	for len(m.replays) > 0 {
		m.finishReplay(t)
	}
	for _, log := range m.logs {
		must(t, log.Close())
	}
	must(t, m.db.Close())
}

func (m *compactionModel) draw(t *rapid.T) int { return rapid.IntRange(0, 1).Draw(t, "log") }

func (m *compactionModel) append(t *rapid.T) {
	i := m.draw(t)
	batch := rapid.SliceOfN(genPut(5), 1, 15).Draw(t, "batch")
	if m.failed(t, m.logs[i].Notify(context.Background(), batch)) {
		return
	}
	m.history[i] = append(m.history[i], batch...)
	if head := m.logs[i].Head(); head <= max(m.heads[0], m.heads[1]) {
		t.Fatalf("head is %d after %v", head, m.heads)
	}
	m.heads[i] = m.logs[i].Head()
	for j := range batch {
		m.offsets[i] = append(m.offsets[i], m.heads[i]-int64(len(batch)-1-j))
	}
}

func (m *compactionModel) compact(t *rapid.T) {
	_, err := m.logs[m.draw(t)].Compact(context.Background())
	m.failed(t, err)
}

// snapshot saves the state, under one of two ids.
func (m *compactionModel) snapshot(t *rapid.T) {
	i := m.draw(t)
	data, err := json.Marshal(fold(m.history[i]))
	must(t, err)
	id := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "id")
	if !m.failed(t, m.logs[i].SaveSnapshot(context.Background(), id, data)) {
		m.saved[i]++
	}
}

func (m *compactionModel) resume(t *rapid.T) { m.resumeOf(t, m.draw(t)) }

// resumeOf starts from each snapshot as a machine does.
func (m *compactionModel) resumeOf(t *rapid.T, i int) {
	resumed := 0
	for _, id := range []string{"a", "b"} {
		state, feed := m.load(t, i, id)
		got, err := collect(feed)
		for errors.Is(err, sqlitelog.ErrCompacted) { // the upkeep came between
			state, feed = m.load(t, i, id)
			got, err = collect(feed)
		}
		if errors.Is(err, sqlitelog.ErrDropped) && len(state) == 0 && i == 1 && m.saved[i] > 0 {
			continue // the other id has the newest snapshot
		}
		must(t, err)
		if got, want := foldOn(state, got), fold(m.history[i]); !maps.Equal(got, want) {
			t.Fatalf("from snapshot %q log %d leads to %v, want %v", id, i, got, want)
		}
		resumed++
	}
	if resumed == 0 {
		t.Fatalf("log %d has no snapshot to start from", i)
	}
}

func (m *compactionModel) load(t *rapid.T, i int, id string) (state map[string]int, events iter.Seq2[put, error]) {
	data, events, err := m.logs[i].LoadSnapshot(context.Background(), id)
	must(t, err)
	if data == nil {
		return make(map[string]int), m.logs[i].Feed(context.Background())
	}
	must(t, json.Unmarshal(data, &state))
	return state, events
}

func (m *compactionModel) beginReplay(t *rapid.T) {
	i := m.draw(t)
	r := &openReplay{want: fold(m.history[i])}
	var feed iter.Seq2[put, error]
	r.state, feed = m.load(t, i, "a")
	if i == 1 && len(r.state) == 0 && m.saved[i] > 0 {
		return // its beginning may be gone
	}
	r.next, r.stop = iter.Pull2(feed)
	_, err := r.take()
	if errors.Is(err, sqlitelog.ErrCompacted) { // the upkeep came between
		r.stop()
		return
	}
	must(t, err)
	m.replays = append(m.replays, r)
}

func (r *openReplay) read(t *rapid.T) (more bool) {
	more, err := r.take()
	must(t, err)
	return more
}

func (r *openReplay) take() (more bool, err error) {
	e, err, more := r.next()
	if more && err == nil {
		r.seen = append(r.seen, e)
	}
	return more, err
}

func (m *compactionModel) readOn(t *rapid.T) {
	for _, r := range m.replays {
		r.read(t)
	}
}

func (m *compactionModel) finishReplay(t *rapid.T) {
	if len(m.replays) == 0 {
		return
	}
	r := m.replays[0]
	m.replays = m.replays[1:]
	defer r.stop()
	for r.read(t) {
	}
	if got := foldOn(r.state, r.seen); !maps.Equal(got, r.want) {
		t.Fatalf("a replay led to %v, want %v; it saw %v", got, r.want, r.seen)
	}
}

func (m *compactionModel) replay(t *rapid.T) { m.replayOf(t, m.draw(t)) }

func (m *compactionModel) replayOf(t *rapid.T, i int) {
	if i == 1 && m.saved[i] > 0 { // its beginning may be gone
		m.resumeOf(t, i)
		return
	}
	if got, want := fold(events(t, m.logs[i])), fold(m.history[i]); !maps.Equal(got, want) {
		t.Fatalf("log %d leads to %v, want %v", i, got, want)
	}
}

func (m *compactionModel) check(t *rapid.T) {
	for i, log := range m.logs {
		if log.Head() != m.heads[i] {
			t.Fatalf("head of log %d is %d, want %d", i, log.Head(), m.heads[i])
		}
	}
}
