package history_test

import (
	"fmt"
	"iter"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edfsm/edfsm/history"
)

// gone deletes all rows.
func gone(t *testing.T, h *history.History) {
	t.Helper()
	_, err := h.Cleanup(t.Context(), at(1_000_000))
	must(t, err)
}

// What was read before all is deleted is what one page has.
func TestPages(t *testing.T) {
	h := open(t, ":memory:", history.Config{})
	defer h.Close()
	t.Run("bytes", func(t *testing.T) {
		for i := range 10 {
			store(t, h, "a", strings.Repeat("x", 300<<10), i)
		}
		rows := 0
		for _, err := range h.Query(t.Context(), "*", history.Window{}) {
			must(t, err)
			if rows++; rows == 1 {
				gone(t, h)
			}
		}
		if rows != 4 {
			t.Errorf("%d rows of 300 KiB, want 4", rows)
		}
	})
	t.Run("rows and names", func(t *testing.T) {
		defer history.SetGrain(3, 100, 1000)()
		fill := func(names ...string) {
			for _, name := range names {
				store(t, h, name, "", 0)
			}
		}
		for what, c := range map[string]struct {
			names   string
			pattern string
			want    string
		}{
			"rows":           {"a b c d e", "*", "a b c"},
			"names compared": {"ax b c dx ex", "*x", "ax dx"},
		} {
			var queried, named []string
			fill(strings.Fields(c.names)...)
			for r, err := range h.Query(t.Context(), c.pattern, history.Window{}) {
				must(t, err)
				if queried = append(queried, r.Record); len(queried) == 1 {
					gone(t, h)
				}
			}
			fill(strings.Fields(c.names)...)
			for name, err := range h.Names(t.Context(), c.pattern) {
				must(t, err)
				if named = append(named, name); len(named) == 1 {
					gone(t, h)
				}
			}
			check(t, what+" of a query", queried, strings.Fields(c.want))
			check(t, what, named, strings.Fields(c.want))
		}
	})
}

func untilFailure(rows iter.Seq2[history.Row[[]byte], error]) (n int, failed bool) {
	for _, err := range rows {
		if err != nil {
			return n, true
		}
		n++
	}
	return n, false
}

// Rows that are read are rows that are given: in each record, the one after them
// cannot be read.
func TestNothingReadBeyond(t *testing.T) {
	defer history.SetGrain(3, 100, 1000)()
	path := filepath.Join(t.TempDir(), "history.db")
	h := open(t, path, history.Config{})
	defer h.Close()
	fill := func(name string, values ...string) {
		for i, value := range values {
			store(t, h, name, value, len(values)-i) // newest first
		}
	}
	fill("latest/1", "a", "", "c")
	fill("latest/2", "a", "", "c")
	fill("page", "a", "b", "c", "", "e")
	fill("pages", "a", "b", "c", "d", "", "f")
	fill("range", "", "b", "c", "", "e")
	big := strings.Repeat("x", 300<<10)
	fill("bytes", big, big, big, big, "", "f")
	shell(t, path, "ALTER TABLE history RENAME TO stored",
		`CREATE VIEW history AS SELECT record, time, sequence,
			iif(length(value) > 0, value, abs(length(value) - 9223372036854775807 - 1)) AS value FROM stored`)

	for what, c := range map[string]struct {
		pattern string
		window  history.Window
		want    int
		broken  bool // the next page
	}{
		"latest":               {pattern: "latest/*", window: history.Window{Limit: 1}, want: 2},
		"latest, a whole page": {pattern: "page", window: history.Window{Limit: 3}, want: 3},
		"latest, two pages":    {pattern: "pages", window: history.Window{Limit: 4}, want: 4},
		"range":                {pattern: "range", window: history.Window{Start: at(3), End: at(4)}, want: 2},
		"page of rows":         {pattern: "page", want: 3, broken: true},
		"one row further":      {pattern: "latest/1", window: history.Window{Limit: 2}, broken: true},
	} {
		rows, failed := untilFailure(h.Query(t.Context(), c.pattern, c.window))
		if rows != c.want || failed != c.broken {
			t.Errorf("%s: %d rows, then a failure: %v", what, rows, failed)
		}
	}
	defer history.SetGrain(100, 100, 1000)()
	if rows, failed := untilFailure(h.Query(t.Context(), "bytes", history.Window{})); rows != 4 || !failed {
		t.Errorf("%d rows of 300 KiB, then a failure: %v", rows, failed)
	}
}

// Values are the caller's to keep, also when the next page is read.
func TestValuesAreKept(t *testing.T) {
	defer history.SetGrain(1, 100, 1000)()
	h := open(t, ":memory:", history.Config{})
	defer h.Close()
	store(t, h, "a", "first", 2)
	store(t, h, "a", "other", 1)
	rows := collect(t, h.Query(t.Context(), "a", history.Window{}))
	if len(rows) != 2 || string(rows[0].Value) != "first" || string(rows[1].Value) != "other" {
		t.Errorf("got %+v", rows)
	}
}

func TestStatsOfDeletedRecord(t *testing.T) {
	h := open(t, ":memory:", history.Config{})
	defer h.Close()
	store(t, h, "a", "", 0)
	store(t, h, "b", "", 0)
	var got []string
	for s, err := range h.Stats(t.Context(), "*") {
		must(t, err)
		got = append(got, fmt.Sprint(s.Name, s.Rows))
		gone(t, h)
	}
	check(t, "stats", got, []string{"a1"})
}

// A name that one handle remembers is made again after another has deleted its
// record.
func TestNameDeletedByAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	one, other := open(t, path, history.Config{}), open(t, path, history.Config{})
	defer one.Close()
	defer other.Close()
	for range 3 { // so that the name is remembered
		store(t, one, "a", "1", 1)
	}
	gone(t, other)
	store(t, one, "a", "2", 2)
	check(t, "stored", values(t, other.Query(t.Context(), "*", history.Window{})), []string{"a=2"})
}

// Two handles that take turns give no id twice.
func TestIDsOfTwoHandles(t *testing.T) {
	defer history.SetGrain(100, 100, 4)()
	path := filepath.Join(t.TempDir(), "history.db")
	cfg := history.Config{File: history.Options{Durability: history.Normal}}
	handles := []*history.History{open(t, path, cfg), open(t, path, cfg)}
	for i := range 30 {
		store(t, handles[i%2], "a", "", i)
	}
	ids := make(map[int64]bool)
	for _, r := range collect(t, handles[0].Query(t.Context(), "*", history.Window{})) {
		ids[r.ID] = true
	}
	if len(ids) != 30 {
		t.Errorf("%d ids, want 30", len(ids))
	}
	for _, h := range handles {
		must(t, h.Close())
	}
}
