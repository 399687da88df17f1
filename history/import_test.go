package history_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edfsm/edfsm/history"
)

const sourceSchema = `CREATE TABLE record_history(
	id          INTEGER PRIMARY KEY AUTOINCREMENT,
	record_name TEXT NOT NULL,
	value_json  TEXT NOT NULL,
	stored_at   INTEGER NOT NULL
)`

// source makes a database with n rows of two records.
func source(t *testing.T, n int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "source.db")
	shell(t, path, sourceSchema, "CREATE INDEX by_name ON record_history(record_name, stored_at)")
	grow(t, path, 1, n)
	return path
}

// grow adds rows with the ids from first to last, two of each moment.
func grow(t *testing.T, path string, first, last int) {
	t.Helper()
	shell(t, path, fmt.Sprintf(`INSERT INTO record_history
		WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i+1 FROM n WHERE i < %d)
		SELECT i, 'r' || (i %% 2), json_object('n', i), 1000 * (i/4) FROM n`, first, last))
}

func files(t *testing.T, dir string) (contents string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		must(t, err)
		contents += e.Name() + "\n" + string(data)
	}
	return contents
}

// imported checks that a history has the rows with ids from 1 to n, once each.
func imported(t *testing.T, h *history.History, n int) {
	t.Helper()
	type value struct{ N int }
	seen := 0
	for name, want := range map[string]int{"r0": n / 2 * 2, "r1": (n+1)/2*2 - 1} {
		for _, r := range collect(t, history.Of(h, jsonOf[value](t)).Query(t.Context(), name, history.Window{})) {
			if r.Value.N != want || r.At.UnixMilli() != int64(1000*(want/4)) {
				t.Fatalf("%s has %+v, want %d", name, r, want)
			}
			want -= 2
			seen++
		}
	}
	if seen != n {
		t.Fatalf("%d rows, want %d", seen, n)
	}
}

func TestImport(t *testing.T) {
	path := source(t, 2500)
	before := files(t, filepath.Dir(path))
	h := open(t, ":memory:", history.Config{})
	defer h.Close()
	var reports []string
	opts := history.ImportOptions{Progress: func(i history.Imported) { reports = append(reports, fmt.Sprint(i)) }}
	for range 2 { // the second time there is nothing new
		done, err := h.Import(t.Context(), path, opts)
		must(t, err)
		check(t, "reports", reports, []string{"{1024 0 1024 2500}", "{2048 0 2048 2500}", "{2500 0 2500 2500}"})
		if done.ID != 2500 || done.LastID != 2500 {
			t.Errorf("%+v", done)
		}
		imported(t, h, 2500)
	}
	if files(t, filepath.Dir(path)) != before {
		t.Error("the source or its folder has changed")
	}
	grow(t, path, 2501, 2503)
	if done, err := h.Import(t.Context(), path, opts); err != nil || done.Rows != 3 {
		t.Errorf("%+v, %v", done, err)
	}
	imported(t, h, 2503)
}

// An import that was stopped in between goes on where it was, in another process
// too.
func TestImportResumed(t *testing.T) {
	from, to := source(t, 5000), filepath.Join(t.TempDir(), "to.db")
	for calls := 1; ; calls++ {
		h := open(t, to, history.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		done, err := h.Import(ctx, from, history.ImportOptions{Progress: func(history.Imported) { cancel() }})
		cancel()
		if err == nil {
			imported(t, h, 5000)
			must(t, h.Close())
			if calls < 4 {
				t.Errorf("%d calls, the last one %+v", calls, done)
			}
			return
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		must(t, h.Close())
	}
}

func TestImportBadRow(t *testing.T) {
	for name, c := range map[string]struct {
		row  string
		want error
	}{
		"no name":     {"'', '1', 0", history.ErrName},
		"long name":   {"printf('%.*c', 1025, 'x'), '1', 0", history.ErrName},
		"blob name":   {"x'61', '1', 0", history.ErrName},
		"not JSON":    {"'a', '{', 0", history.ErrJSON},
		"empty":       {"'a', '', 0", history.ErrJSON},
		"not UTF-8":   {`'a', CAST(x'22ff22' AS TEXT), 0`, history.ErrJSON},
		"before 1970": {"'a', '1', -1", history.ErrTime},
		"in µs":       {"'a', '1', 1700000000000000", history.ErrTime},
		"text time":   {"'a', '1', 'yesterday'", history.ErrTime},
	} {
		t.Run(name, func(t *testing.T) {
			path := source(t, 10)
			shell(t, path, "INSERT INTO record_history(record_name, value_json, stored_at) VALUES("+c.row+")")
			grow(t, path, 12, 13)
			h := open(t, ":memory:", history.Config{})
			defer h.Close()
			for range 2 {
				_, err := h.Import(t.Context(), path, history.ImportOptions{})
				bad, ok := errors.AsType[*history.ImportError](err)
				if !ok || bad.ID != 11 || bad.Path != path || !errors.Is(err, c.want) {
					t.Fatalf("got %v", err)
				}
				imported(t, h, 10)
			}
			mine := errors.New("mine")
			_, err := h.Import(t.Context(), path, history.ImportOptions{Bad: func(*history.ImportError) error { return mine }})
			if !errors.Is(err, mine) {
				t.Errorf("got %v", err)
			}
			done, err := h.Import(t.Context(), path, history.ImportOptions{Bad: func(*history.ImportError) error { return nil }})
			if want := (history.Imported{Rows: 2, Bad: 1, ID: 13, LastID: 13}); err != nil || done != want {
				t.Errorf("%+v, %v", done, err)
			}
			if rows := collect(t, h.Query(t.Context(), "*", history.Window{})); len(rows) != 12 {
				t.Errorf("%d rows", len(rows))
			}
		})
	}
}

func TestImportRefuses(t *testing.T) {
	h := open(t, ":memory:", history.Config{})
	defer h.Close()
	path := source(t, 10)
	must(t, os.WriteFile(path+"-wal", []byte("the newest rows"), 0o600))
	if _, err := h.Import(t.Context(), path, history.ImportOptions{}); !errors.Is(err, history.ErrUnclean) || !strings.Contains(err.Error(), path) {
		t.Errorf("a WAL beside the source: %v", err)
	}
	other := filepath.Join(t.TempDir(), "other.db")
	shell(t, other, "CREATE TABLE record_history(id INTEGER PRIMARY KEY)")
	if _, err := h.Import(t.Context(), other, history.ImportOptions{}); !errors.Is(err, history.ErrForeign) {
		t.Errorf("another database: %v", err)
	}
	must(t, os.WriteFile(other, []byte(strings.Repeat("text", 1000)), 0o600))
	if _, err := h.Import(t.Context(), other, history.ImportOptions{}); !errors.Is(err, history.ErrNotDatabase) {
		t.Errorf("no database: %v", err)
	}
	if _, err := h.Import(t.Context(), other+"x", history.ImportOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if rows := collect(t, h.Query(t.Context(), "*", history.Window{})); len(rows) != 0 {
		t.Errorf("stored %v", rows)
	}
}

// Two imports of the same source at once do not store its rows twice.
func TestImportTwiceAtOnce(t *testing.T) {
	h := open(t, ":memory:", history.Config{})
	defer h.Close()
	path := source(t, 3000)
	var inner error
	_, err := h.Import(t.Context(), path, history.ImportOptions{Progress: func(history.Imported) {
		if inner == nil {
			_, inner = h.Import(t.Context(), path, history.ImportOptions{})
			must(t, inner)
			inner = errors.New("once")
		}
	}})
	if !errors.Is(err, history.ErrImporting) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
	imported(t, h, 3000)
}

// A source is one file, whichever link leads there.
func TestImportThroughALink(t *testing.T) {
	path, link := source(t, 10), filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Skip(err)
	}
	h := open(t, ":memory:", history.Config{})
	defer h.Close()
	for i, from := range []string{link, path, link} {
		if done, err := h.Import(t.Context(), from, history.ImportOptions{}); err != nil || (done.Rows == 10) != (i == 0) {
			t.Errorf("from %s: %+v, %v", from, done, err)
		}
	}
	imported(t, h, 10)
	must(t, os.WriteFile(path+"-wal", []byte("the newest rows"), 0o600))
	if _, err := h.Import(t.Context(), link, history.ImportOptions{}); !errors.Is(err, history.ErrUnclean) || !strings.Contains(err.Error(), link) {
		t.Errorf("a WAL beside the source: %v", err)
	}
}

// A row whose record has another codec is a bad row like others.
func TestImportOtherCodec(t *testing.T) {
	defer history.SetGrain(4, 100, 1000)()
	path := source(t, 10)
	h := open(t, ":memory:", history.Config{})
	defer h.Close()
	store(t, h, "r1", "raw", 0)
	grow(t, path, 12, 12)
	for range 2 {
		_, err := h.Import(t.Context(), path, history.ImportOptions{})
		if bad, ok := errors.AsType[*history.ImportError](err); !ok || bad.ID != 1 || !errors.Is(err, history.ErrCodec) {
			t.Fatalf("got %v", err)
		}
	}
	var asked []string
	done, err := h.Import(t.Context(), path, history.ImportOptions{Bad: func(e *history.ImportError) error {
		asked = append(asked, fmt.Sprint(e.ID))
		return nil
	}})
	if want := (history.Imported{Rows: 6, Bad: 5, ID: 12, LastID: 12}); err != nil || done != want {
		t.Errorf("%+v, %v", done, err)
	}
	check(t, "asked", asked, []string{"1", "3", "5", "7", "9"})
	if rows := collect(t, h.Query(t.Context(), "*", history.Window{})); len(rows) != 7 {
		t.Errorf("%d rows", len(rows))
	}
}

// A record is asked for its codec in each transaction anew.
func TestImportOtherCodecGone(t *testing.T) {
	defer history.SetGrain(2, 100, 1000)()
	path := source(t, 10)
	h := open(t, ":memory:", history.Config{})
	defer h.Close()
	store(t, h, "r1", "raw", 0)
	done, err := h.Import(t.Context(), path, history.ImportOptions{
		Bad:      func(*history.ImportError) error { return nil },
		Progress: func(history.Imported) { gone(t, h) },
	})
	if done.Bad != 1 || done.Rows != 9 || err != nil {
		t.Errorf("%+v, %v", done, err)
	}
}

// Rows that have no id of their own are neither left out nor stored twice, but
// an error, each time.
func TestImportIDs(t *testing.T) {
	defer history.SetGrain(1, 100, 1000)() // equal ids in two pages
	for what, c := range map[string]struct {
		ids    string
		stored int
	}{
		"NULL":        {"NULL 2", 0},
		"text":        {"'x' 'y'", 0},
		"empty text":  {"''", 0},
		"text last":   {"1 2 'x'", 2},
		"real":        {"1.5 2.5", 0},
		"real last":   {"1 2 2.5 3", 2},
		"least real":  {"-1e300 1", 0},
		"equal":       {"1 2 2 3", 2},
		"all equal":   {"1 1 1", 1},
		"least equal": {"-9223372036854775808 -9223372036854775808", 1},
		"blob":        {"1 x'00'", 1},
	} {
		for _, affinity := range []string{"", "TEXT"} {
			path := filepath.Join(t.TempDir(), "source.db")
			statements := []string{"CREATE TABLE record_history(id " + affinity + ", record_name, value_json, stored_at)"}
			for id := range strings.FieldsSeq(c.ids) {
				statements = append(statements, "INSERT INTO record_history VALUES("+id+", 'a', '1', 1)")
			}
			shell(t, path, statements...)
			h := open(t, ":memory:", history.Config{})
			for range 3 {
				if done, err := h.Import(t.Context(), path, history.ImportOptions{}); !errors.Is(err, history.ErrID) || !strings.Contains(err.Error(), path) {
					t.Errorf("%s %s: %+v, %v", what, affinity, done, err)
				}
			}
			rows := collect(t, h.Query(t.Context(), "*", history.Window{}))
			if want := c.stored; len(rows) != want && (affinity == "" || len(rows) > 0) {
				t.Errorf("%s %s: %d rows stored, want %d", what, affinity, len(rows), want)
			}
			must(t, h.Close())
		}
	}
}

// The least of ids is one, and it may be that of the last row.
func TestImportLeastID(t *testing.T) {
	path := filepath.Join(t.TempDir(), "source.db")
	shell(t, path, sourceSchema, "INSERT INTO record_history VALUES(-9223372036854775808, 'a', '1', 1)")
	h := open(t, ":memory:", history.Config{})
	defer h.Close()
	for _, want := range []int64{1, 0} {
		if done, err := h.Import(t.Context(), path, history.ImportOptions{}); err != nil || done.Rows != want {
			t.Errorf("%+v, %v, want %d rows", done, err, want)
		}
	}
	shell(t, path, "DELETE FROM record_history", "INSERT INTO record_history VALUES(5, 'a', '1', 1)")
	if done, err := h.Import(t.Context(), path, history.ImportOptions{}); err != nil || done.Rows != 1 {
		t.Errorf("%+v, %v", done, err)
	}
}

// A transaction has so many bytes, or so many rows, bad ones too.
func TestImportTransactions(t *testing.T) {
	for what, c := range map[string]struct {
		value string
		want  []string
	}{
		"large": {"'\"' || hex(zeroblob(300000)) || '\"'", []string{"{2 0 2 5}", "{4 0 4 5}", "{5 0 5 5}"}},
		"bad":   {"'{'", []string{"{0 3 3 5}", "{0 5 5 5}"}},
	} {
		defer history.SetGrain(3, 100, 1000)()
		path := filepath.Join(t.TempDir(), "source.db")
		shell(t, path, sourceSchema)
		for range 5 {
			shell(t, path, "INSERT INTO record_history(record_name, value_json, stored_at) VALUES('a', "+c.value+", 1)")
		}
		h := open(t, ":memory:", history.Config{})
		var reports []string
		_, err := h.Import(t.Context(), path, history.ImportOptions{
			Progress: func(i history.Imported) { reports = append(reports, fmt.Sprint(i)) },
			Bad:      func(*history.ImportError) error { return nil },
		})
		must(t, err)
		check(t, what, reports, c.want)
		must(t, h.Close())
	}
}
