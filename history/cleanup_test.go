package history_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edfsm/edfsm/history"
	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// ask returns what a statement answers, and the number of the transaction.
func ask(t *testing.T, h *history.History, query string) (answer int64, transaction uint64) {
	t.Helper()
	must(t, sqlitedb.Update(t.Context(), h.File(), func(tx sqlitedb.Tx) (err error) {
		transaction = tx.ID()
		answer, _, err = tx.Int(query)
		return err
	}))
	return answer, transaction
}

// A slice ends after so many rows, or so long, which is looked at more often if
// the values are large.
func TestSlices(t *testing.T) {
	for what, c := range map[string]struct {
		rows, size, slice int
		time              time.Duration
		want              uint64
	}{
		"rows":         {10, 1, 4, time.Hour, 3},
		"time":         {10, 1, 4, 0, 5},
		"large values": {4, 300_000, 100, 0, 4},
		"large slice":  {4, 300_000, 100, time.Hour, 1},
	} {
		t.Run(what, func(t *testing.T) {
			defer history.SetGrain(100, c.slice, 1000)()
			defer history.SetSliceTime(c.time)()
			h := open(t, ":memory:", history.Config{})
			defer h.Close()
			for i := range c.rows {
				store(t, h, "a", strings.Repeat("x", c.size), i)
			}
			_, before := ask(t, h, "SELECT 1")
			n, err := h.Empty(t.Context())
			_, after := ask(t, h, "SELECT 1")
			if slices := after - before - 2; err != nil || n != int64(c.rows) || slices != c.want {
				t.Errorf("%d rows, %v, in %d slices, want %d", n, err, slices, c.want)
			}
		})
	}
}

// After a slice the writer is left to others for as long as it took.
func TestRestBetweenSlices(t *testing.T) {
	defer history.SetGrain(100, 1, 1000)()
	synctest.Test(t, func(t *testing.T) {
		db, h := openShared(t, history.Config{})
		defer db.Close()
		store(t, h, "a", "", 1)
		store(t, h, "a", "", 2)
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			if err := sqlitedb.Update(t.Context(), db, func(sqlitedb.Tx) error {
				<-time.After(time.Second)
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		start := time.Now()
		n, err := h.Cleanup(t.Context(), at(100))
		if took := time.Since(start); n != 2 || err != nil || took != 2*time.Second {
			t.Errorf("%d rows, %v, after %v of the bubble's time, want 2 s", n, err, took)
		}
	})
}

// A record that cannot be cleaned does not keep the others from it.
func TestOneRecordFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	h := open(t, path, history.Config{})
	defer h.Close()
	for i := range 10 {
		store(t, h, fmt.Sprint("bad", i), "", 1)
	}
	store(t, h, "good", "", 1)
	shell(t, path, "CREATE TRIGGER no BEFORE DELETE ON history WHEN old.record <= 10 BEGIN SELECT RAISE(ABORT, 'not today'); END")
	_, cleanup := h.Cleanup(t.Context(), at(100))
	check(t, "left", collect(t, h.Names(t.Context(), "good")), nil)
	store(t, h, "good", "", 1)
	n, retain := h.Retain(t.Context(), at(100), []history.Rule{{Pattern: "*", Age: 1}})
	check(t, "left", collect(t, h.Names(t.Context(), "good")), nil)
	if n != 1 {
		t.Errorf("%d rows deleted", n)
	}
	for what, err := range map[string]error{"cleanup": cleanup, "retention": retain} {
		if err == nil || !strings.Contains(err.Error(), path+`: record "bad0"`) || !strings.Contains(err.Error(), "2 more records") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Half of the file may stay free after a retention, nothing after a cleanup.
func TestFreePages(t *testing.T) {
	h := open(t, ":memory:", history.Config{})
	defer h.Close()
	for i := range 200 {
		store(t, h, "a", strings.Repeat("x", 8000), i)
	}
	_, err := h.Retain(t.Context(), at(0), []history.Rule{{Pattern: "*", Keep: 20}})
	must(t, err)
	pages, _ := ask(t, h, "PRAGMA page_count")
	if free, _ := ask(t, h, "PRAGMA freelist_count"); free == 0 || free > pages/2 {
		t.Errorf("%d of %d pages are free after a retention", free, pages)
	}
	_, err = h.Cleanup(t.Context(), at(0))
	must(t, err)
	if free, _ := ask(t, h, "PRAGMA freelist_count"); free != 0 {
		t.Errorf("%d pages are free after a cleanup", free)
	}
}

// What is kept is counted over all rows, not over the old ones only, and of
// equal moments the first that is kept stays.
func TestKeep(t *testing.T) {
	defer history.SetGrain(2, 2, 1000)()
	const age = 5 * time.Millisecond
	for what, c := range map[string]struct {
		rule history.Rule
		want int
	}{
		"newest":      {history.Rule{Keep: 5}, 5},
		"a page":      {history.Rule{Keep: 4}, 4},
		"all":         {history.Rule{Keep: 12}, 12},
		"more":        {history.Rule{Keep: 13}, 12},
		"not old":     {history.Rule{Age: age, Keep: 3}, 6},
		"old ones":    {history.Rule{Age: age, Keep: 8}, 8},
		"old, enough": {history.Rule{Age: age, Keep: 6}, 6},
	} {
		c.rule.Pattern = "*"
		for _, step := range []int{1, 0} { // 0: all of one moment
			h := open(t, ":memory:", history.Config{})
			for i := range 12 {
				store(t, h, "a", fmt.Sprint(i), i*step)
			}
			want := c.want
			if step == 0 {
				want = min(c.rule.Keep, 12)
			}
			_, err := h.Retain(t.Context(), at(11), []history.Rule{c.rule})
			must(t, err)
			rows := values(t, h.Query(t.Context(), "*", history.Window{}))
			if len(rows) != want || rows[want-1] != fmt.Sprint("a=", 12-want) {
				t.Errorf("%s, step %d: left %q, want %d", what, step, rows, want)
			}
			must(t, h.Close())
		}
	}
}

// asked counts how often somebody waits for the end of a context.
type asked struct {
	context.Context
	times *atomic.Int64
}

func (a asked) Done() <-chan struct{} {
	a.times.Add(1)
	return a.Context.Done()
}

// Rows are counted in several transactions, so that on a file with one
// connection stores come between.
func TestLongCounts(t *testing.T) {
	h := open(t, ":memory:", history.Config{})
	defer h.Close()
	for i := range 20 {
		store(t, h, "a", "", i)
	}
	for what, count := range map[string]func(context.Context) error{
		"Stats": func(ctx context.Context) error { return last(h.Stats(ctx, "*")) },
		"Keep": func(ctx context.Context) error {
			_, err := h.Retain(ctx, at(0), []history.Rule{{Pattern: "*", Keep: 20}})
			return err
		},
	} {
		waits := func(page int) int64 {
			defer history.SetGrain(page, 100, 1000)()
			ctx := asked{context.WithoutCancel(t.Context()), new(atomic.Int64)}
			must(t, count(ctx))
			return ctx.times.Load()
		}
		if large, small := waits(100), waits(2); small < large+9 {
			t.Errorf("%s: waited %d times for small pages, %d for one", what, small, large)
		}
	}
}

// A history that is closed while the rules are applied has not failed.
func TestCloseDuringRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lines
		db, err := history.OpenDB(t.Context(), ":memory:", history.Options{})
		must(t, err)
		defer db.Close()
		h, err := history.New(t.Context(), db, history.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		must(t, err)
		must(t, h.Close())
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		h.RunRetention(ctx)
		if log.count("retention") > 0 {
			t.Errorf("the log is\n%s", &log.text)
		}
	})
}
