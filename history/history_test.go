package history_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/history"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// fataler is a *testing.T, *testing.B or *rapid.T.
type fataler interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

func must(t fataler, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t fataler, path string, cfg history.Config) *history.History {
	t.Helper()
	h, err := history.Open(context.Background(), path, cfg)
	must(t, err)
	return h
}

// collect returns what comes before the first error.
func collect[T any](t fataler, seq iter.Seq2[T, error]) (all []T) {
	t.Helper()
	for v, err := range seq {
		must(t, err)
		all = append(all, v)
	}
	return all
}

func jsonNumbers(h *history.History) (*history.Records[int], error) {
	c, err := codec.Of[int](codec.JSON)
	return history.Of(h, c), err
}

func jsonOf[T any](t fataler) codec.Codec[T] {
	t.Helper()
	c, err := codec.Of[T](codec.JSON)
	must(t, err)
	return c
}

// at is a moment n ms after some day.
func at(n int) time.Time {
	return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Millisecond)
}

// values is what a query gives, as NAME=VALUE.
func values(t fataler, seq iter.Seq2[history.Row[[]byte], error]) (all []string) {
	t.Helper()
	for _, r := range collect(t, seq) {
		all = append(all, r.Record+"="+string(r.Value))
	}
	return all
}

func store(t fataler, h *history.History, name string, value string, ms int) {
	t.Helper()
	must(t, h.Store(context.Background(), name, []byte(value), at(ms)))
}

// shell runs statements on a file as somebody with the sqlite3 shell would, and
// returns what the last of them answers.
func shell(t fataler, path string, statements ...string) (answer []string) {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenCreate)
	must(t, err)
	for _, s := range statements {
		answer = nil
		must(t, sqlitex.ExecuteTransient(conn, s, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
			answer = append(answer, stmt.ColumnText(0))
			return nil
		}}))
	}
	must(t, conn.Close())
	return answer
}

// plan is how SQLite means to answer a query.
func plan(t fataler, path, query string) (steps []string) {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	must(t, err)
	stmt, err := conn.Prepare("EXPLAIN QUERY PLAN " + query)
	must(t, err)
	for {
		row, err := stmt.Step()
		must(t, err)
		if !row {
			break
		}
		steps = append(steps, stmt.ColumnText(3))
	}
	must(t, conn.Close())
	return steps
}

func check(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestStoreAndWildcards(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "history.db"), history.Config{})
	defer h.Close()
	store(t, h, "room/1/temp", "20", 1)
	store(t, h, "room/1/temp", "21", 2)
	store(t, h, "room/2/temp", "19", 1)
	store(t, h, "room/2/light", "on", 1)
	store(t, h, "yard", "cold", 1)
	for pattern, want := range map[string][]string{
		"*":           {"room/1/temp=21", "room/1/temp=20", "room/2/light=on", "room/2/temp=19", "yard=cold"},
		"room/*/temp": {"room/1/temp=21", "room/1/temp=20", "room/2/temp=19"},
		"*2*":         {"room/2/light=on", "room/2/temp=19"},
		"yard":        {"yard=cold"},
		"yard*":       {"yard=cold"},
		"Yard":        nil,
		"":            nil,
	} {
		check(t, pattern, values(t, h.Query(t.Context(), pattern, history.Window{})), want)
	}
	check(t, "latest 1", values(t, h.Latest(t.Context(), "room/*", 1)), []string{"room/1/temp=21", "room/2/light=on", "room/2/temp=19"})
}

// Only * is special.
func TestUnderscoreMatchesItself(t *testing.T) {
	h := open(t, ":memory:", history.Config{})
	defer h.Close()
	for _, name := range []string{"a_b", "axb", "a%b", "a?b", "A_B", "[ab]", "a"} {
		store(t, h, name, "", 1)
	}
	for _, name := range []string{"a_b", "a%b", "a?b", "[ab]"} {
		check(t, name, values(t, h.Query(t.Context(), name, history.Window{})), []string{name + "="})
	}
	check(t, "*_*", values(t, h.Query(t.Context(), "*_*", history.Window{})), []string{"A_B=", "a_b="})
}

func TestTimeRange(t *testing.T) {
	h := open(t, ":memory:", history.Config{})
	defer h.Close()
	for ms := range 6 {
		store(t, h, "a", fmt.Sprint(ms), ms)
	}
	for _, c := range []struct {
		window history.Window
		want   []string
	}{
		{history.Window{Start: at(2), End: at(4)}, []string{"a=4", "a=3", "a=2"}},
		{history.Window{Start: at(4)}, []string{"a=5", "a=4"}},
		{history.Window{End: at(1)}, []string{"a=1", "a=0"}},
		{history.Window{Start: at(3), End: at(3)}, []string{"a=3"}},
		{history.Window{Start: at(6)}, nil},
		{history.Window{Start: at(1), Limit: 2}, []string{"a=5", "a=4"}},
		{history.Window{Start: at(2).Add(1), End: at(4).Add(-1)}, []string{"a=3"}},
	} {
		check(t, fmt.Sprint(c.window), values(t, h.Query(t.Context(), "a", c.window)), c.want)
	}
}

func TestCleanup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	h := open(t, path, history.Config{})
	var entries []history.Entry[[]byte]
	for i := range 3000 {
		entries = append(entries, history.Entry[[]byte]{Name: fmt.Sprint("r", i%3), Value: make([]byte, 1000), At: at(i)})
	}
	must(t, h.StoreAll(t.Context(), entries))
	store(t, h, "old", "", 0)
	must(t, h.Close())
	before, err := os.Stat(path)
	must(t, err)

	h = open(t, path, history.Config{})
	for _, c := range []struct{ olderThan, want int }{{0, 0}, {1, 2}, {1, 0}, {2700, 2699}, {5000, 300}, {5000, 0}} {
		n, err := h.Cleanup(t.Context(), at(c.olderThan))
		if err != nil || n != int64(c.want) {
			t.Errorf("older than %d: %d rows, %v, want %d", c.olderThan, n, err, c.want)
		}
		if c.olderThan == 2700 {
			check(t, "names", collect(t, h.Names(t.Context(), "*")), []string{"r0", "r1", "r2"})
		}
	}
	check(t, "names", collect(t, h.Names(t.Context(), "*")), nil)
	must(t, h.Close())
	after, err := os.Stat(path)
	must(t, err)
	if after.Size() > before.Size()/20 {
		t.Errorf("the file had %d bytes and has %d", before.Size(), after.Size())
	}
}

func TestMemory(t *testing.T) {
	h := open(t, ":memory:", history.Config{})
	defer h.Close()
	store(t, h, "a", "1", 1)
	store(t, h, "a", "2", 2)
	store(t, h, "b", "3", 1)
	if got, want := values(t, h.Query(t.Context(), "*", history.Window{})), []string{"a=2", "a=1", "b=3"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	n, err := h.Cleanup(t.Context(), at(2))
	if err != nil || n != 2 {
		t.Errorf("%d deleted, %v", n, err)
	}
	if got, want := values(t, h.Query(t.Context(), "*", history.Window{})), []string{"a=2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
