package sqlitelog_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/edfsm/edfsm/sqlitelog"
	"pgregory.net/rapid"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// put is an event of a machine that keeps the newest value of each key. An
// empty key is counted instead of replaced; a deletion ends its key.
type put struct {
	Key    string
	Value  int
	Delete bool `json:",omitempty"`
}

func putKey(e put) (string, sqlitelog.KeyOp) {
	if e.Delete {
		return e.Key, sqlitelog.Tombstone
	}
	return e.Key, sqlitelog.Keep
}

// fold is the state that events lead to.
func fold(events []put) map[string]int {
	state := make(map[string]int)
	for _, e := range events {
		switch {
		case e.Key == "":
			state[""] += e.Value
		case e.Delete:
			delete(state, e.Key)
		default:
			state[e.Key] = e.Value
		}
	}
	return state
}

func genPut(keys int) *rapid.Generator[put] {
	return rapid.Custom(func(t *rapid.T) put {
		e := put{Key: fmt.Sprint("k", rapid.IntRange(0, keys).Draw(t, "key")), Value: rapid.IntRange(1, 1000).Draw(t, "value")}
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			e.Key = ""
		case 1, 2:
			e.Delete = true
		}
		return e
	})
}

// openReplay is a replay that was begun and not yet finished.
type openReplay struct {
	next func() (put, error, bool)
	stop func()
	seen []put
	want map[string]int
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
	heads   [2]int64
	replays []*openReplay
	failing bool
}

// inject makes a kind of statement fail, and may make SQLite roll the whole
// transaction back by itself, as it does when the disk is full.
func (m *compactionModel) inject(t *rapid.T) {
	m.heal(t)
	m.failing = true
	shell(t, m.path, fmt.Sprintf("CREATE TRIGGER injected BEFORE %s BEGIN SELECT RAISE(%s, 'injected'); END",
		rapid.SampledFrom([]string{
			"INSERT ON log", "INSERT ON log WHEN NEW.offset % 4 = 0", "DELETE ON log", "DELETE ON log WHEN OLD.offset % 3 = 0",
			"INSERT ON compacted", "DELETE ON compacted", "UPDATE ON logs",
		}).Draw(t, "statement"),
		rapid.SampledFrom([]string{"ABORT", "FAIL", "ROLLBACK"}).Draw(t, "effect")))
}

func (m *compactionModel) heal(t *rapid.T) {
	if m.failing {
		shell(t, m.path, "DROP TRIGGER injected")
		m.failing = false
	}
}

// failed reports whether an error comes of inject; there must be no other.
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
		m.logs[i], err = sqlitelog.New(context.Background(), db, fmt.Sprint("log ", i), sqlitelog.Config[put]{
			Key:       putKey,
			HighWater: rapid.IntRange(1, 30).Draw(t, "high water"),
		})
		must(t, err)
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
}

func (m *compactionModel) compact(t *rapid.T) {
	_, err := m.logs[m.draw(t)].Compact(context.Background())
	m.failed(t, err)
}

func (m *compactionModel) beginReplay(t *rapid.T) {
	i := m.draw(t)
	r := &openReplay{want: fold(m.history[i])}
	r.next, r.stop = iter.Pull2(m.logs[i].Feed(context.Background()))
	m.replays = append(m.replays, r)
	r.read(t)
}

func (r *openReplay) read(t *rapid.T) (more bool) {
	e, err, more := r.next()
	must(t, err)
	if more {
		r.seen = append(r.seen, e)
	}
	return more
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
	if got := fold(r.seen); !maps.Equal(got, r.want) {
		t.Fatalf("a replay led to %v, want %v; it saw %v", got, r.want, r.seen)
	}
}

func (m *compactionModel) replay(t *rapid.T) {
	i := m.draw(t)
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

// After a compaction the newest event of each key is left, those without a key,
// and LowWater events as they were.
func TestCompactKeeps(t *testing.T) {
	log := open(t, filepath.Join(t.TempDir(), "log.db"), sqlitelog.Config[put]{Key: putKey, HighWater: 1000, LowWater: 2})
	defer log.Close()
	history := []put{
		{Key: "a", Value: 1}, {Key: "b", Value: 2}, {Value: 3}, {Key: "a", Value: 4}, {Key: "c", Value: 5},
		{Key: "c", Delete: true}, {Key: "b", Value: 6}, {Value: 7}, {Key: "a", Value: 8}, {Key: "a", Value: 9},
	}
	must(t, log.Notify(t.Context(), history))
	done, err := log.Compact(t.Context())
	must(t, err)
	if want := (sqlitelog.Compaction{Moved: 3, Dropped: 5}); done != want {
		t.Errorf("compaction did %+v, want %+v", done, want)
	}
	want := []put{{Value: 3}, {Key: "b", Value: 6}, {Value: 7}, {Key: "a", Value: 8}, {Key: "a", Value: 9}}
	if got := events(t, log); !slices.Equal(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}
	must(t, log.Notify(t.Context(), []put{{Key: "b", Delete: true}, {Value: 10}, {Value: 11}}))
	if _, err = log.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	want = []put{{Value: 3}, {Value: 7}, {Key: "a", Value: 9}, {Value: 10}, {Value: 11}}
	if got := events(t, log); !slices.Equal(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}
}

// An append that failed has named a newest event that there is not. The older
// one must stay, and go with the tombstone that comes at last.
func TestCompactAfterFailedAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	log := open(t, path, sqlitelog.Config[put]{Key: putKey, HighWater: 1000, LowWater: 1})
	defer log.Close()
	compact := func(want map[string]int) {
		t.Helper()
		_, err := log.Compact(t.Context())
		must(t, err)
		if got := fold(events(t, log)); !maps.Equal(got, want) {
			t.Errorf("the log leads to %v, want %v", got, want)
		}
	}
	must(t, log.Notify(t.Context(), []put{{Key: "k", Value: 1}, {Value: 1}}))
	compact(map[string]int{"k": 1, "": 1})
	shell(t, path, "CREATE TRIGGER injected BEFORE INSERT ON log WHEN NEW.key IS NULL BEGIN SELECT RAISE(ABORT, 'injected'); END")
	if err := log.Notify(t.Context(), []put{{Key: "k", Delete: true}, {Value: 1}}); err == nil {
		t.Fatal("the append did not fail")
	}
	shell(t, path, "DROP TRIGGER injected")
	must(t, log.Notify(t.Context(), []put{{Value: 1}}))
	compact(map[string]int{"k": 1, "": 2})
	must(t, log.Notify(t.Context(), []put{{Key: "k", Delete: true}, {Value: 1}}))
	compact(map[string]int{"": 3})
	compact(map[string]int{"": 3})
}

// The log is kept bounded without being asked, and its file gets smaller when
// it is.
func TestCompactUpkeep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	log := open(t, path, sqlitelog.Config[put]{
		Key: putKey, HighWater: 2000, LowWater: 500, File: sqlitelog.Options{Durability: sqlitelog.Normal},
	})
	defer log.Close()
	batch := make([]put, 100)
	for i := range 300 {
		for j := range batch {
			batch[j] = put{Key: fmt.Sprint(j), Value: i}
		}
		must(t, log.Notify(t.Context(), batch))
	}
	for n := 1; n > 0; { // the upkeep runs beside
		all := events(t, log)
		if n = max(0, len(all)-2100); n > 0 {
			must(t, log.Notify(t.Context(), batch))
		}
	}
	before := checkpointedSize(t, path)
	_, err := log.Compact(t.Context())
	must(t, err)
	if after := checkpointedSize(t, path); after >= before {
		t.Errorf("the file had %d bytes, and has %d", before, after)
	}
	if got := events(t, log); len(got) > 600 {
		t.Errorf("%d events are left", len(got))
	}
}

// checkpointedSize is the size of a file once its WAL is copied back.
func checkpointedSize(t *testing.T, path string) int64 {
	t.Helper()
	shell(t, path, "PRAGMA wal_checkpoint(TRUNCATE)")
	info, err := os.Stat(path)
	must(t, err)
	return info.Size()
}

// What is kept in memory is at most 64 bytes a key.
func TestKeyMemory(t *testing.T) {
	for _, n := range []int{100_000, 230_000, 1_000_000} {
		before := heap()
		m := sqlitelog.KeyMap(n)
		perKey := float64(heap()-before) / float64(n)
		runtime.KeepAlive(m)
		t.Logf("%d keys: %.1f bytes each", n, perKey)
		if perKey > 64 {
			t.Errorf("%d keys take %.1f bytes each", n, perKey)
		}
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// The statements on ranges search their table, or the index of the log, and sort
// nothing.
func TestPlans(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	must(t, open(t, path, sqlitelog.Config[put]{}).Close())
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	must(t, err)
	defer conn.Close()
	for number, want := range map[int64]string{1: "USING INTEGER PRIMARY KEY", 2: "_of_others (log=? AND rowid>? AND rowid<?)"} {
		for _, query := range sqlitelog.RangeQueries(number) {
			err := sqlitex.ExecuteTransient(conn, "EXPLAIN QUERY PLAN "+query, &sqlitex.ExecOptions{
				Args: []any{number, 0, 10},
				ResultFunc: func(stmt *sqlite.Stmt) error {
					if step := stmt.GetText("detail"); !strings.HasPrefix(step, "SEARCH") || !strings.Contains(step, want) {
						t.Errorf("%s\n\t%s", query, step)
					}
					return nil
				},
			})
			must(t, err)
		}
	}
}
