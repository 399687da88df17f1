package sqlitelog_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/machine"
	"github.com/edfsm/edfsm/sqlitelog"
	"pgregory.net/rapid"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

var (
	_ machine.Log[int]    = (*sqlitelog.Log[int])(nil)
	_ codec.Codec[[]byte] = bytesCodec{}
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

func open[E any](t fataler, path string, cfg sqlitelog.Config[E]) *sqlitelog.Log[E] {
	t.Helper()
	log, err := sqlitelog.Open(context.Background(), path, cfg)
	must(t, err)
	return log
}

// collect returns the items before the first error.
func collect[E any](seq iter.Seq2[E, error]) (all []E, err error) {
	for e, err := range seq {
		if err != nil {
			return all, err
		}
		all = append(all, e)
	}
	return all, nil
}

func events[E any](t fataler, log *sqlitelog.Log[E]) []E {
	t.Helper()
	all, err := collect(log.Feed(context.Background()))
	must(t, err)
	return all
}

// shell runs statements on a file as somebody with the sqlite3 shell would.
func shell(t fataler, path string, statements ...string) {
	t.Helper()
	must(t, tryShell(path, statements...))
}

func tryShell(path string, statements ...string) error {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		return err
	}
	for _, s := range statements {
		err = errors.Join(err, sqlitex.ExecuteTransient(conn, s, nil))
	}
	return errors.Join(err, conn.Close())
}

// count returns the number that a query gives.
func count(t fataler, path, query string) int64 {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	must(t, err)
	n, err := sqlitex.ResultInt64(conn.Prep(query))
	must(t, errors.Join(err, conn.Close()))
	return n
}

// bytesCodec shows that a user's own codec is three methods.
type bytesCodec struct{}

func (bytesCodec) Name() string                         { return "bytes" }
func (bytesCodec) Append(dst, v []byte) ([]byte, error) { return append(dst, v...), nil }
func (bytesCodec) Decode(data []byte, v *[]byte) error  { *v = slices.Clone(data); return nil }

// The model of a log is a slice: whatever is appended, in whatever batches and
// over however many openings, comes back in order.
func TestModel(t *testing.T) {
	dir := t.TempDir()
	files := 0
	rapid.Check(t, func(t *rapid.T) {
		files++
		path := filepath.Join(dir, fmt.Sprint(files, ".db"))
		cfg := sqlitelog.Config[[]byte]{Codec: bytesCodec{}, File: sqlitelog.Options{Durability: sqlitelog.Normal}}
		log := open(t, path, cfg)
		var model [][]byte
		var head int64
		values := rapid.SliceOfN(rapid.SliceOf(rapid.Byte()), 0, 20)
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				batch := values.Draw(t, "batch")
				must(t, log.Notify(context.Background(), batch))
				model = append(model, batch...)
				if got := log.Head(); got < head || (got == head) != (len(batch) == 0) {
					t.Fatalf("head went from %d to %d with %d events", head, got, len(batch))
				}
				head = log.Head()
			},
			"reopen": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "seldom") > 0 { // it takes long
					return
				}
				must(t, log.Close())
				log = open(t, path, cfg)
			},
			"replay": func(t *rapid.T) {
				if got := events(t, log); !slices.EqualFunc(got, model, slices.Equal) {
					t.Fatalf("read %q, want %q", got, model)
				}
			},
			"": func(t *rapid.T) {
				if log.Head() != head {
					t.Fatalf("head is %d, want %d", log.Head(), head)
				}
			},
		})
		must(t, log.Close())
	})
}

// Batches of concurrent callers stay whole and each caller's stay in order.
func TestConcurrent(t *testing.T) {
	type event struct{ Caller, Call, Item int }
	log := open(t, filepath.Join(t.TempDir(), "log.db"), sqlitelog.Config[event]{})
	defer log.Close()
	const callers, calls, items = 16, 25, 3
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for call := range calls {
				batch := make([]event, items)
				for i := range batch {
					batch[i] = event{caller, call, i}
				}
				if err := log.Notify(t.Context(), batch); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	next := make([]int, callers)
	for batch := range slices.Chunk(events(t, log), items) {
		caller := batch[0].Caller
		for i, e := range batch {
			if want := (event{caller, next[caller], i}); e != want {
				t.Fatalf("found %v, want %v", e, want)
			}
		}
		next[caller]++
	}
	for caller, n := range next {
		if n != calls {
			t.Errorf("caller %d: %d of %d batches", caller, n, calls)
		}
	}
}

// A replay of several pages, some of large values, ends where the log ended
// when it began, and may be left early or walked again.
func TestFeedPages(t *testing.T) {
	log := open(t, filepath.Join(t.TempDir(), "log.db"), sqlitelog.Config[string]{})
	defer log.Close()
	var want []string
	for i := range 3000 {
		want = append(want, fmt.Sprint("event ", i))
	}
	for range 5 {
		want = append(want, strings.Repeat("x", 700_000))
	}
	must(t, log.Notify(t.Context(), want))
	feed := log.Feed(t.Context())
	for range 2 {
		n := 0
		for e, err := range feed {
			must(t, err)
			if e != want[n] {
				t.Fatalf("event %d differs", n)
			}
			if n++; n == 10 {
				must(t, log.Notify(t.Context(), []string{"later"}))
			}
		}
		if n != len(want) {
			t.Fatalf("%d events, want %d", n, len(want))
		}
		want = append(want, "later")
	}
	for range feed {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := collect(log.Feed(ctx)); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled feed ends with %v", err)
	}
}

// A replay that is cancelled ends with the page in hand, although the next one may
// have been read.
func TestFeedCancelledMeanwhile(t *testing.T) {
	defer sqlitelog.SetGrain(4, 4)()
	log := open(t, filepath.Join(t.TempDir(), "log.db"), sqlitelog.Config[int]{})
	defer log.Close()
	must(t, log.Notify(t.Context(), []int{1, 2, 3, 4, 5, 6, 7, 8, 9}))
	for cancelAt, last := range map[int]int{1: 4, 4: 4, 6: 8} {
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		for e, err := range log.Feed(ctx) {
			if err != nil {
				if !errors.Is(err, context.Canceled) || n != last {
					t.Errorf("cancelled at %d it ends after %d: %v", cancelAt, n, err)
				}
				n = -1
				break
			}
			if n = e; n == cancelAt {
				time.Sleep(5 * time.Millisecond) // so that the next page is there
				cancel()
			}
		}
		if n >= 0 {
			t.Errorf("cancelled at %d it ends after %d without an error", cancelAt, n)
		}
		cancel()
	}
}

// The last to open a log owns it; what an earlier owner appends is refused.
func TestConflict(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	first := open(t, path, sqlitelog.Config[string]{})
	defer first.Close()
	must(t, first.Notify(t.Context(), []string{"a"}))
	second := open(t, path, sqlitelog.Config[string]{})
	defer second.Close()
	for range 2 {
		if err := first.Notify(t.Context(), []string{"stale"}); !errors.Is(err, sqlitelog.ErrConflict) || !strings.Contains(err.Error(), path) {
			t.Fatalf("the first owner's append: %v", err)
		}
		must(t, second.Notify(t.Context(), []string{"b"}))
	}
	if got, want := events(t, second), []string{"a", "b", "b"}; !slices.Equal(got, want) {
		t.Errorf("the log has %q, want %q", got, want)
	}
}

// Whatever is changed in a row, its reader notices.
func TestCorrupt(t *testing.T) {
	for _, damage := range []string{
		`UPDATE log SET value = replace(value, 'two', 'too') WHERE offset = 2`,
		`UPDATE log SET value = CAST(value AS BLOB) || x'00' WHERE offset = 2`,
		`UPDATE log SET crc = crc + 1 WHERE offset = 2`,
		`UPDATE log SET key = 'k' WHERE offset = 2`,
		`UPDATE log SET key = '' WHERE offset = 2`,
		`UPDATE log SET value = (SELECT value FROM log WHERE offset = 3), crc = (SELECT crc FROM log WHERE offset = 3) WHERE offset = 2`,
	} {
		path := filepath.Join(t.TempDir(), "log.db")
		log := open(t, path, sqlitelog.Config[string]{})
		must(t, log.Notify(t.Context(), []string{"one", "two", "three"}))
		must(t, log.Close())
		shell(t, path, damage)
		log = open(t, path, sqlitelog.Config[string]{})
		got, err := collect(log.Feed(t.Context()))
		re, ok := errors.AsType[*sqlitelog.RecordError](err)
		if !ok || re.Offset != 2 || re.File != path || !errors.Is(err, sqlitelog.ErrCorrupt) {
			t.Errorf("after %s: %v", damage, err)
		}
		if !slices.Equal(got, []string{"one"}) {
			t.Errorf("after %s: read %q", damage, got)
		}
		must(t, log.Close())
	}
}

// A record that has got into another log is noticed there.
func TestCorruptLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	db := openDB(t, path, sqlitelog.Options{})
	a, b := newLog(t, db, "a", sqlitelog.Config[string]{}), newLog(t, db, "b", sqlitelog.Config[string]{})
	must(t, a.Notify(t.Context(), []string{"of a"}))
	must(t, b.Notify(t.Context(), []string{"of b"}))
	shell(t, path, "UPDATE log SET log = 3 - log")
	for _, log := range []*sqlitelog.Log[string]{a, b} {
		if got, err := collect(log.Feed(t.Context())); !errors.Is(err, sqlitelog.ErrCorrupt) {
			t.Errorf("read %q, %v", got, err)
		}
	}
}

// A caller that leaves while another process has the file writes nothing.
func TestNotifyCancelled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	log := open(t, path, sqlitelog.Config[string]{})
	defer log.Close()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	must(t, err)
	defer conn.Close()
	must(t, sqlitex.ExecuteTransient(conn, "BEGIN IMMEDIATE", nil))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := log.Notify(ctx, []string{"left"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("left with %v", err)
	}
	must(t, sqlitex.ExecuteTransient(conn, "ROLLBACK", nil))
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if err := log.Notify(ctx, []string{"late"}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a cancelled context: %v", err)
	}
	must(t, log.Notify(t.Context(), []string{"kept"}))
	if got := events(t, log); !slices.Equal(got, []string{"kept"}) {
		t.Errorf("the log has %q", got)
	}
}

// A record that today's code does not understand is told by its place.
func TestUndecodable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	log := open(t, path, sqlitelog.Config[any]{Codec: mustCodec[any](t)})
	must(t, log.Notify(t.Context(), []any{1, "two"}))
	must(t, log.Close())
	numbers := open(t, path, sqlitelog.Config[int]{})
	defer numbers.Close()
	got, err := collect(numbers.Feed(t.Context()))
	re, ok := errors.AsType[*sqlitelog.RecordError](err)
	if !ok || re.Offset != 2 || errors.Is(err, sqlitelog.ErrCorrupt) || !slices.Equal(got, []int{1}) {
		t.Errorf("read %v, %v", got, err)
	}
}

// Events of old records come one by one.
func TestDecodeAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	type pair struct{ A, B int }
	old, err := codec.Union(codec.JSON, map[string]any{"pair": pair{}})
	must(t, err)
	log := open(t, path, sqlitelog.Config[any]{Codec: old})
	must(t, log.Notify(t.Context(), []any{pair{1, 2}, pair{3, 4}}))
	must(t, log.Close())
	type single struct{ N int }
	now, err := codec.Union(codec.JSON, map[string]any{"single": single{}},
		codec.Upcast("pair", func(p pair) []any { return []any{single{p.A}, single{p.B}} }))
	must(t, err)
	log = open(t, path, sqlitelog.Config[any]{Codec: now})
	defer log.Close()
	if got, want := events(t, log), []any{single{1}, single{2}, single{3}, single{4}}; !slices.Equal(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
}

// What cannot be encoded is refused whole.
func TestUnencodable(t *testing.T) {
	log := open(t, ":memory:", sqlitelog.Config[float64]{})
	defer log.Close()
	zero := 0.0
	if err := log.Notify(t.Context(), []float64{1, 1 / zero}); err == nil || !strings.Contains(err.Error(), "event 2 of 2") {
		t.Errorf("got %v", err)
	}
	if got := events(t, log); len(got) != 0 || log.Head() != 0 {
		t.Errorf("the log has %v, head %d", got, log.Head())
	}
}

func TestClosed(t *testing.T) {
	log := open(t, filepath.Join(t.TempDir(), "log.db"), sqlitelog.Config[int]{})
	must(t, log.Close())
	must(t, log.Close())
	if err := log.Notify(t.Context(), []int{1}); !errors.Is(err, sqlitelog.ErrClosed) {
		t.Errorf("Notify after Close: %v", err)
	}
	if _, err := collect(log.Feed(t.Context())); !errors.Is(err, sqlitelog.ErrClosed) {
		t.Errorf("Feed after Close: %v", err)
	}
}

func TestAllocations(t *testing.T) {
	log := open(t, ":memory:", sqlitelog.Config[[]byte]{Codec: bytesCodec{}})
	defer log.Close()
	batch := slices.Repeat([][]byte{[]byte("event")}, 256)
	perEvent := testing.AllocsPerRun(20, func() { must(t, log.Notify(t.Context(), batch)) }) / float64(len(batch))
	if perEvent > 1 {
		t.Errorf("%.2f allocations an event", perEvent)
	}
}

func mustCodec[E any](t fataler) codec.Codec[E] {
	t.Helper()
	c, err := codec.Of[E](codec.JSON)
	must(t, err)
	return c
}
