package sqlitelog_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edfsm/edfsm/sqlitelog"
	"pgregory.net/rapid"
)

// What Stats says of a log is what was done to it, whatever is done to another
// log of the file.
func TestStats(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		db, err := sqlitelog.OpenDB(context.Background(), ":memory:", sqlitelog.Options{})
		must(t, err)
		const low = 5
		cfg := sqlitelog.Config[put]{Key: putKey, HighWater: 1 << 30, LowWater: low}
		logs := make([]*sqlitelog.Log[put], 2)
		want := make([]sqlitelog.Stats, 2)
		for i, name := range []string{"first", "second"} {
			logs[i], err = sqlitelog.New(context.Background(), db, name, cfg)
			must(t, err)
		}
		opened := time.Now().Truncate(time.Millisecond)
		batches := rapid.SliceOfN(genPut(5), 1, 8)
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				i, batch := rapid.IntRange(0, 1).Draw(t, "log"), batches.Draw(t, "batch")
				must(t, logs[i].Notify(context.Background(), batch))
				n, w := int64(len(batch)), &want[i]
				w.Head = max(want[0].Head, want[1].Head) + n
				w.Log += n
				w.Appended += n
				w.Commits++
				w.CommitMax = max(w.CommitMax, n)
				w.CommitMean = float64(w.Appended) / float64(w.Commits)
			},
			"compact": func(t *rapid.T) {
				i := rapid.IntRange(0, 7).Draw(t, "log")
				if i > 1 { // it takes long
					return
				}
				done, err := logs[i].Compact(context.Background())
				must(t, err)
				all := want[i].Log + want[i].Compacted - done.Dropped
				want[i].Log = min(want[i].Log, low)
				want[i].Compacted = all - want[i].Log
			},
			"stats": func(t *rapid.T) {
				for i, log := range logs {
					got, err := log.Stats(context.Background())
					must(t, err)
					if got.Newest.IsZero() != (got.Head == 0) || got.Head > 0 && got.Newest.Before(opened) {
						t.Errorf("the newest event is of %v, opened was at %v", got.Newest, opened)
					}
					if got.FileBytes == 0 || got.FileBytes%4096 != 0 || got.WALBytes != 0 {
						t.Errorf("the file has %d bytes, the WAL %d", got.FileBytes, got.WALBytes)
					}
					got.Newest, got.FileBytes, got.WALBytes = time.Time{}, 0, 0
					if !reflect.DeepEqual(got, want[i]) {
						t.Errorf("log %d: %+v, want %+v", i, got, want[i])
					}
				}
			},
		})
		must(t, db.Close())
	})
}

// A commit is counted once, whoever shares it and whoever fails in it.
func TestStatsGroups(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "logs.db"), sqlitelog.Options{})
	old := newLog(t, db, "taken", sqlitelog.Config[int]{})
	newLog(t, db, "taken", sqlitelog.Config[int]{})
	log := newLog(t, db, "log", sqlitelog.Config[int]{})
	const callers, calls, events = 8, 20, 3
	before, err := log.Transactions(t.Context())
	must(t, err)
	appendAll := func(log *sqlitelog.Log[int], want error) {
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for range calls {
					if err := log.Notify(t.Context(), make([]int, events)); !errors.Is(err, want) {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}
	appendAll(log, nil)
	after, err := log.Transactions(t.Context())
	must(t, err)
	st, err := log.Stats(t.Context())
	must(t, err)
	if commits := int64(after - before - 1); st.Commits != commits || st.Appended != callers*calls*events ||
		st.CommitMean != float64(st.Appended)/float64(commits) || st.CommitMax < int64(st.CommitMean) || st.CommitMax > callers*events {
		t.Errorf("%d commits made %+v", commits, st)
	}

	var both sync.WaitGroup
	both.Go(func() { appendAll(old, sqlitelog.ErrConflict) })
	both.Go(func() { appendAll(log, nil) })
	both.Wait()
	st, err = log.Stats(t.Context())
	must(t, err)
	if st.Appended != 2*callers*calls*events || st.Log != st.Appended || st.Commits > 2*callers*calls || st.CommitMax > callers*events || st.Conflicts != 0 {
		t.Errorf("beside refused calls: %+v", st)
	}
	st, err = old.Stats(t.Context())
	must(t, err)
	if st.Conflicts != callers*calls || st.Appended != 0 || st.Commits != 0 {
		t.Errorf("of refused calls: %+v", st)
	}
}

// The page that expvar makes of it has these names.
func TestStatsJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	log := open(t, path, sqlitelog.Config[string]{Quarantine: true})
	defer log.Close()
	page := func() map[string]any {
		st, err := log.Stats(t.Context())
		must(t, err)
		text, err := json.Marshal(st)
		must(t, err)
		var page map[string]any
		must(t, json.Unmarshal(text, &page))
		return page
	}
	if at, ok := page()["newest_event_at"]; ok {
		t.Errorf("the newest event of an empty log is of %v", at)
	}
	must(t, log.Notify(t.Context(), []string{"one", "two", "three"}))
	must(t, log.Notify(t.Context(), []string{"four"}))
	shell(t, path, "UPDATE log SET crc = 0 WHERE offset = 2", "UPDATE log SET recorded_at = 1700000000123 WHERE offset = 4")
	events(t, log)
	got := page()
	info, err := os.Stat(path)
	must(t, err)
	wal, err := os.Stat(path + "-wal")
	must(t, err)
	at, err := time.Parse(time.RFC3339Nano, got["newest_event_at"].(string))
	if must(t, err); at.UnixMilli() != 1_700_000_000_123 {
		t.Errorf("the newest event is of %v", at)
	}
	delete(got, "newest_event_at")
	want := map[string]any{
		"head_offset": 4.0, "log_events": 3.0, "compacted_events": 0.0, "quarantined_events": 1.0,
		"file_bytes": float64(info.Size()), "wal_bytes": float64(wal.Size()),
		"appended_events": 4.0, "commits": 2.0, "events_per_commit_mean": 2.0, "events_per_commit_max": 3.0,
		"conflicts": 0.0,
	}
	if !maps.Equal(got, want) {
		t.Errorf("the page is %v\nwant %v", got, want)
	}
	reader := newLog(t, openDB(t, path, sqlitelog.Options{ReadOnly: true}), "main", sqlitelog.Config[string]{})
	if st, err := reader.Stats(t.Context()); err != nil || st.Head != 4 || st.Log != 3 || st.Commits != 0 || st.WALBytes != wal.Size() {
		t.Errorf("a reader says %+v, %v", st, err)
	}
	must(t, log.Close())
	if _, err := log.Stats(t.Context()); !errors.Is(err, sqlitelog.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// In memory, and under another name, a file has a size.
func TestStatsSize(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link.db")
	must(t, os.Mkdir(filepath.Join(dir, "there"), 0o700))
	must(t, open(t, filepath.Join(dir, "there", "log.db"), sqlitelog.Config[string]{}).Close())
	paths := []string{":memory:"}
	if err := os.Symlink(filepath.Join("there", "log.db"), link); err == nil { // Windows may refuse
		paths = append(paths, link)
	}
	for _, path := range paths {
		log := open(t, path, sqlitelog.Config[string]{})
		must(t, log.Notify(t.Context(), slices.Repeat([]string{strings.Repeat("x", 1000)}, 100)))
		st, err := log.Stats(t.Context())
		if must(t, err); st.FileBytes+st.WALBytes < 100_000 {
			t.Errorf("%s: %+v", path, st)
		}
		must(t, log.Close())
	}
}
