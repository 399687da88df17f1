package history_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edfsm/edfsm/history"
	"github.com/edfsm/edfsm/pattern"
	"pgregory.net/rapid"
)

func init() { // with the race detector a check takes some 0.3 s
	if err := flag.Set("rapid.checks", "30"); err != nil {
		panic(err)
	}
}

// modelRow is a row of the model. Its order is that of being stored.
type modelRow struct {
	name  string
	ms    int
	order int
	value string
}

// model is a history as a slice: by name, then newest first.
type model struct {
	rows   []modelRow
	stored int
}

func (m *model) store(name string, ms int, value string) {
	m.stored++
	m.rows = append(m.rows, modelRow{name, ms, m.stored, value})
	slices.SortFunc(m.rows, func(a, b modelRow) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(b.ms, a.ms), cmp.Compare(b.order, a.order))
	})
}

// ranked gives each row with its rank among those of its record that pass.
func (m *model) ranked(pass func(modelRow) bool) iter.Seq2[int, modelRow] {
	return func(yield func(int, modelRow) bool) {
		name, rank := "", 0
		for _, r := range m.rows {
			if !pass(r) {
				continue
			}
			if r.name != name {
				name, rank = r.name, 0
			}
			rank++
			if !yield(rank, r) {
				return
			}
		}
	}
}

// keep deletes the rows that do not pass, and counts them.
func (m *model) keep(pass func(modelRow) bool) (deleted int64) {
	before := len(m.rows)
	m.rows = slices.DeleteFunc(m.rows, func(r modelRow) bool { return !pass(r) })
	return int64(before - len(m.rows))
}

var (
	modelNames    = rapid.SampledFrom([]string{"a", "a_b", "axb", "a%", "ä", "b", "b/1", "b/2", "b/2/c", "b/2/c/new", "\U0010ffff"})
	modelPatterns = rapid.SampledFrom([]string{"*", "a", "a*", "a_b", "a_*", "a%", "b/*", "*b*", "b/2", "\U0010ffff*", "c*", "*/*c"})
	modelTimes    = rapid.IntRange(-3, 12)
)

// bound is a moment, or none.
func bound(t *rapid.T, label string) (ms int, at_ time.Time) {
	if rapid.Bool().Draw(t, "no "+label) {
		return 0, time.Time{}
	}
	ms = modelTimes.Draw(t, label)
	return ms, at(ms)
}

// pair is a history and its model. Both handles are of one file, as if of two
// processes. As the order of equal moments is that of each process, one has even
// ms and the other odd ones.
type pair struct {
	path    string
	handles [2]*history.History
	model   model
	ids     map[int64]string // the values that were seen under an id
}

func (m *pair) open(t *rapid.T, i int) {
	m.handles[i] = open(t, m.path, history.Config{File: history.Options{Durability: history.Normal}})
}

func (m *pair) draw(t *rapid.T) (i int, h *history.History) {
	i = rapid.IntRange(0, len(m.handles)-1).Draw(t, "handle")
	return i, m.handles[i]
}

func (m *pair) store(t *rapid.T) {
	i, h := m.draw(t)
	var entries []history.Entry[[]byte]
	for range rapid.IntRange(0, 9).Draw(t, "batch") {
		name, ms := modelNames.Draw(t, "name"), 2*modelTimes.Draw(t, "ms")+i
		m.model.store(name, ms, fmt.Sprint(m.model.stored))
		entries = append(entries, history.Entry[[]byte]{Name: name, Value: fmt.Append(nil, m.model.stored-1), At: at(ms)})
	}
	if len(entries) == 1 {
		must(t, h.Store(context.Background(), entries[0].Name, entries[0].Value, entries[0].At))
	} else {
		must(t, h.StoreAll(context.Background(), entries))
	}
}

// refuse is asked for what is refused whole, good entries and all: the new name
// must not be remembered either.
func (m *pair) refuse(t *rapid.T) {
	_, h := m.draw(t)
	if len(m.model.rows) == 0 {
		return
	}
	typed := history.Of(h, jsonOf[int](t))
	err := typed.StoreAll(context.Background(), []history.Entry[int]{
		{Name: "b/2/c/new", At: at(0)}, {Name: m.model.rows[0].name, At: at(0)},
	})
	if !errors.Is(err, history.ErrCodec) {
		t.Fatalf("got %v", err)
	}
}

func (m *pair) query(t *rapid.T) {
	_, h := m.draw(t)
	p := modelPatterns.Draw(t, "pattern")
	start, w := 0, history.Window{Limit: rapid.IntRange(0, 4).Draw(t, "limit")}
	start, w.Start = bound(t, "start")
	end := 0
	end, w.End = bound(t, "end")
	rows := h.Query(context.Background(), p, w)
	if w.Start.IsZero() && w.End.IsZero() && w.Limit > 0 {
		rows = h.Latest(context.Background(), p, w.Limit)
	}
	if !w.Start.IsZero() && !w.End.IsZero() && start > end {
		for _, err := range rows {
			if err == nil {
				t.Fatal("start after end was accepted")
			}
		}
		return
	}
	var want []string
	compiled, err := pattern.Compile(p)
	must(t, err)
	for rank, r := range m.model.ranked(func(r modelRow) bool {
		return compiled.Match(r.name) && (w.Start.IsZero() || r.ms >= start) && (w.End.IsZero() || r.ms <= end)
	}) {
		if w.Limit == 0 || rank <= w.Limit {
			want = append(want, fmt.Sprintf("%s %d %d %s", r.name, rank, r.ms, r.value))
		}
	}
	for range 2 { // it may be walked again
		var got []string
		for _, r := range collect(t, rows) {
			if value, seen := m.ids[r.ID]; seen && value != string(r.Value) {
				t.Fatalf("the id %d was given to %s and to %s", r.ID, value, r.Value)
			}
			m.ids[r.ID] = string(r.Value)
			got = append(got, fmt.Sprintf("%s %d %d %s", r.Record, r.Rank, r.At.Sub(at(0))/time.Millisecond, r.Value))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q %+v gave\n%s\nwant\n%s", p, w, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func (m *pair) stats(t *rapid.T) {
	_, h := m.draw(t)
	p := modelPatterns.Draw(t, "pattern")
	compiled, err := pattern.Compile(p)
	must(t, err)
	var want []history.Stat
	for rank, r := range m.model.ranked(func(r modelRow) bool { return compiled.Match(r.name) }) {
		if rank == 1 {
			want = append(want, history.Stat{Name: r.name, Codec: "bytes", Last: at(r.ms)})
		}
		s := &want[len(want)-1]
		s.Rows, s.First = int64(rank), at(r.ms)
	}
	if got := collect(t, h.Stats(context.Background(), p)); !slices.Equal(got, want) {
		t.Fatalf("stats of %q: %v, want %v", p, got, want)
	}
	names := collect(t, h.Names(context.Background(), p))
	if !slices.EqualFunc(names, want, func(name string, s history.Stat) bool { return name == s.Name }) {
		t.Fatalf("names of %q: %q, want those of %v", p, names, want)
	}
}

func (m *pair) cleanup(t *rapid.T) {
	_, h := m.draw(t)
	ms := modelTimes.Draw(t, "older than")
	deleted, err := h.Cleanup(context.Background(), at(ms))
	must(t, err)
	if want := m.model.keep(func(r modelRow) bool { return r.ms >= ms }); deleted != want {
		t.Fatalf("%d rows older than %d deleted, want %d", deleted, ms, want)
	}
}

func (m *pair) retain(t *rapid.T) {
	_, h := m.draw(t)
	now := rapid.IntRange(0, 30).Draw(t, "now")
	rules := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) history.Rule {
		return history.Rule{
			Pattern: modelPatterns.Draw(t, "pattern"),
			Age:     time.Duration(rapid.IntRange(0, 25).Draw(t, "age")) * time.Millisecond,
			Keep:    rapid.IntRange(0, 4).Draw(t, "keep"),
		}
	}), 0, 4).Draw(t, "rules")
	deleted, err := h.Retain(context.Background(), at(now), rules)
	must(t, err)
	doomed := make(map[int]bool)
	for rank, r := range m.model.ranked(func(modelRow) bool { return true }) {
		var rule history.Rule
		most := -1
		for _, other := range rules {
			p, err := pattern.Compile(other.Pattern)
			must(t, err)
			if p.Match(r.name) && p.Literals() > most {
				rule, most = other, p.Literals()
			}
		}
		old := rule.Age == 0 || at(r.ms).Before(at(now).Add(-rule.Age))
		doomed[r.order] = old && rank > rule.Keep && (rule.Age > 0 || rule.Keep > 0)
	}
	if want := m.model.keep(func(r modelRow) bool { return !doomed[r.order] }); deleted != want {
		t.Fatalf("%v at %d: %d rows deleted, want %d", rules, now, deleted, want)
	}
}

// The model of a history is a sorted slice, whatever is stored, in whatever
// batches and order of moments, by two processes, and deleted, and reopened.
func TestModel(t *testing.T) {
	dir := t.TempDir()
	files := 0
	rapid.Check(t, func(t *rapid.T) {
		defer history.SetGrain(rapid.IntRange(1, 9).Draw(t, "page"), rapid.IntRange(1, 9).Draw(t, "slice"), rapid.Int64Range(1, 9).Draw(t, "block"))()
		files++
		m := &pair{path: filepath.Join(dir, fmt.Sprint(files, ".db")), ids: make(map[int64]string)}
		for i := range m.handles {
			m.open(t, i)
			defer func() { must(t, m.handles[i].Close()) }()
		}
		t.Repeat(map[string]func(*rapid.T){
			"store":   m.store,
			"refuse":  m.refuse,
			"query":   m.query,
			"query 2": m.query,
			"stats":   m.stats,
			"cleanup": m.cleanup,
			"retain":  m.retain,
			"reopen": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "seldom") > 0 { // it takes long
					return
				}
				i, h := m.draw(t)
				must(t, h.Close())
				m.open(t, i)
			},
		})
	})
}
