package history_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/edfsm/edfsm/history"
	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// hold keeps the writer of a file until release is called. Who comes meanwhile
// shares its transaction. Use it in a bubble.
func hold(t *testing.T, db *history.DB) (release func()) {
	free := holdWriter(context.WithoutCancel(t.Context()), db)
	return func() { must(t, free()) }
}

func holdWriter(ctx context.Context, db *history.DB) (release func() error) {
	free := make(chan struct{})
	done := make(chan error)
	go func() {
		done <- sqlitedb.Update(ctx, db, func(sqlitedb.Tx) error {
			<-free
			return nil
		})
	}()
	synctest.Wait()
	return func() error {
		close(free)
		return <-done
	}
}

func openShared(t *testing.T, cfg history.Config) (*history.DB, *history.History) {
	t.Helper()
	db, err := history.OpenDB(t.Context(), filepath.Join(t.TempDir(), "history.db"), history.Options{})
	must(t, err)
	h, err := history.New(t.Context(), db, cfg)
	must(t, err)
	return db, h
}

// A call that fails in a transaction of several takes the names with it that it
// had made, and others of that transaction make them anew.
func TestNamesOfAFailedCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, h := openShared(t, history.Config{})
		defer db.Close()
		store(t, h, "bytes", "0", 0)
		numbers := history.Of(h, jsonOf[int](t))
		fails := []history.Entry[int]{{Name: "new", At: at(0)}, {Name: "bytes", At: at(0)}}
		for _, order := range []string{"f", "fs", "sf", "fsf", "fssf", "ff"} {
			release := hold(t, db)
			var wg sync.WaitGroup
			for i, what := range order {
				wg.Go(func() {
					if what == 's' {
						must(t, h.Store(t.Context(), "new", []byte(fmt.Sprint(i)), at(i)))
					} else if err := numbers.StoreAll(t.Context(), fails); !errors.Is(err, history.ErrCodec) {
						t.Errorf("%s, call %d: %v", order, i, err)
					}
				})
				synctest.Wait()
			}
			release()
			wg.Wait()
			want := []string{}
			for i, what := range slices.Backward([]rune(order)) {
				if what == 's' {
					want = append(want, fmt.Sprint("new=", i))
				}
			}
			check(t, order, values(t, h.Query(t.Context(), "new", history.Window{})), want)
			if _, err := h.Cleanup(t.Context(), at(1000)); err != nil {
				t.Fatal(err)
			}
			store(t, h, "bytes", "0", 0)
		}
	})
}

// A disk that is full undoes all that share the transaction, also for somebody
// else's sake, and with it the names that were made.
func TestFullTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, h := openShared(t, history.Config{})
		defer db.Close()
		store(t, h, "warm", "", 0)
		must(t, sqlitedb.Update(t.Context(), db, func(tx sqlitedb.Tx) error { return tx.Exec("PRAGMA max_page_count = 40") }))
		release := holdWriter(t.Context(), db)
		var mine, other error
		var wg sync.WaitGroup
		wg.Go(func() { mine = h.Store(t.Context(), "new", nil, at(0)) })
		synctest.Wait()
		wg.Go(func() { other = h.Store(t.Context(), "large", make([]byte, 1<<20), at(0)) })
		synctest.Wait()
		if err := release(); !errors.Is(err, history.ErrFull) {
			t.Errorf("who has written nothing: %v", err)
		}
		wg.Wait()
		if !errors.Is(mine, history.ErrFull) || !errors.Is(other, history.ErrFull) {
			t.Errorf("mine: %v, the other: %v", mine, other)
		}
		if !strings.Contains(mine.Error(), `record "new"`) || strings.Contains(mine.Error(), "large") || !strings.Contains(other.Error(), `record "large"`) {
			t.Errorf("mine: %v, the other: %v", mine, other)
		}
		store(t, h, "new", "", 0)
		check(t, "stored", collect(t, h.Names(t.Context(), "*")), []string{"new", "warm"})
	})
}

// A record goes with its last row, for this handle too, and comes again.
func TestRecordGoesWithItsLastRow(t *testing.T) {
	h := open(t, ":memory:", history.Config{})
	defer h.Close()
	for range 3 {
		for range 3 { // so that the name is remembered
			store(t, h, "a", "", 0)
		}
		check(t, "stored", collect(t, h.Names(t.Context(), "*")), []string{"a"})
		if n, err := h.Cleanup(t.Context(), at(1)); n != 3 || err != nil {
			t.Errorf("%d rows, %v", n, err)
		}
		check(t, "left", collect(t, h.Names(t.Context(), "*")), nil)
	}
	must(t, history.Of(h, jsonOf[int](t)).Store(t.Context(), "a", 1, at(0))) // of another codec now
}

// A call for which there is no place in the queue waits, and may leave; so may
// one that has a place, until its turn in a transaction has come. Neither is stored.
func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, h := openShared(t, history.Config{Queue: 2})
		defer db.Close()
		store(t, h, "warm", "", 0)
		release := hold(t, db)
		var errs [5]error
		var back [5]atomic.Bool
		var cancels [5]context.CancelFunc
		var wg sync.WaitGroup
		for i := range errs {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cancels[i] = cancel
			wg.Go(func() {
				errs[i] = h.Store(ctx, fmt.Sprint(i), nil, at(0))
				back[i].Store(true)
			})
			synctest.Wait()
		}
		cancels[1]() // has a place, which goes to 2
		synctest.Wait()
		cancels[3]() // has none
		synctest.Wait()
		for i := range back {
			if got, want := back[i].Load(), i == 1 || i == 3; got != want {
				t.Errorf("call %d has returned: %v, want %v", i, got, want)
			}
		}
		release()
		wg.Wait()
		for i, err := range errs {
			if left := i == 1 || i == 3; left != errors.Is(err, context.Canceled) || !left && err != nil {
				t.Errorf("call %d: %v", i, err)
			}
		}
		check(t, "stored", collect(t, h.Names(t.Context(), "*")), []string{"0", "2", "4", "warm"})
	})
}

// A call that waits for another one to reserve numbers may leave too.
func TestLeavingAReservation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, h := openShared(t, history.Config{})
		defer db.Close()
		release := hold(t, db)
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := h.Store(t.Context(), "a", nil, at(0)); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		wg.Go(func() { left <- h.Store(ctx, "b", nil, at(0)) })
		synctest.Wait()
		cancel()
		synctest.Wait()
		select {
		case err := <-left:
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		default:
			t.Error("it waits on")
		}
		release()
		wg.Wait()
		check(t, "stored", collect(t, h.Names(t.Context(), "*")), []string{"a"})
	})
}

// Ids of a block that could not be reserved are not given.
func TestFailedReservation(t *testing.T) {
	defer history.SetGrain(10, 10, 5)()
	path := filepath.Join(t.TempDir(), "history.db")
	h := open(t, path, history.Config{})
	defer h.Close()
	store(t, h, "a", "", 0)
	shell(t, path, "CREATE TRIGGER no BEFORE UPDATE ON history_sequence BEGIN SELECT RAISE(ABORT, 'not today'); END")
	refused := 0
	for range 10 {
		if err := h.Store(t.Context(), "a", nil, at(0)); err != nil {
			refused++
		}
	}
	shell(t, path, "DROP TRIGGER no")
	store(t, h, "a", "last", 0)
	rows := collect(t, h.Query(t.Context(), "a", history.Window{}))
	if refused == 0 || len(rows) != 12-refused || string(rows[0].Value) != "last" {
		t.Errorf("%d calls were refused, the rows are %v", refused, rows)
	}
}

// Close waits for what was accepted; what waits for a place is refused.
func TestCloseLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	synctest.Test(t, func(t *testing.T) {
		h := open(t, path, history.Config{Queue: 3})
		store(t, h, "warm", "", 0)
		release := hold(t, h.File())
		var errs [5]error
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { errs[i] = h.Store(t.Context(), fmt.Sprint(i), nil, at(0)) })
			synctest.Wait()
		}
		wg.Go(func() { must(t, h.Close()) })
		synctest.Wait()
		release()
		wg.Wait()
		must(t, h.Close())
		for i, err := range errs {
			if accepted := i < 3; accepted != (err == nil) || !accepted && !errors.Is(err, history.ErrClosed) {
				t.Errorf("call %d: %v", i, err)
			}
		}
	})
	h := open(t, path, history.Config{})
	defer h.Close()
	check(t, "stored", collect(t, h.Names(t.Context(), "*")), []string{"0", "1", "2", "warm"})
}

// Many callers at once, and cleanups and reads beside them.
func TestConcurrent(t *testing.T) {
	defer history.SetGrain(5, 5, 20)()
	h := open(t, filepath.Join(t.TempDir(), "history.db"), history.Config{File: history.Options{Durability: history.Normal}})
	defer h.Close()
	const callers, each = 8, 50
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				if err := h.Store(t.Context(), fmt.Sprint("r", c), fmt.Append(nil, i), at(i/2)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for ms := range 10 {
				if _, err := h.Cleanup(t.Context(), at(ms)); err != nil {
					t.Error(err)
				}
				for _, err := range h.Query(t.Context(), "*", history.Window{}) {
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	_, err := h.Cleanup(t.Context(), at(10))
	must(t, err)
	rows := collect(t, h.Query(t.Context(), "*", history.Window{}))
	if want := callers * (each - 20); len(rows) != want {
		t.Errorf("%d rows, want %d", len(rows), want)
	}
	ids := make(map[int64]bool)
	for i, r := range rows {
		if want := each - 1 - i%(each-20); string(r.Value) != fmt.Sprint(want) || ids[r.ID] {
			t.Fatalf("row %d is %+v, want %d", i, r, want)
		}
		ids[r.ID] = true
	}
}

// Each statement on a range seeks, and none sorts.
func TestPlans(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	must(t, open(t, path, history.Config{}).Close())
	for _, query := range history.Queries() {
		plan := strings.Join(plan(t, path, query), "; ")
		if strings.Count(plan, "SEARCH") != 1 || strings.Contains(plan, "SCAN") || strings.Contains(plan, "TEMP") {
			t.Errorf("%s\n%s", query, plan)
		}
		if strings.Contains(query, "sequence) >=") && !strings.Contains(plan, "(record,time,sequence)>(?,?,?) AND (record,time,sequence)<(?,?,?)") {
			t.Errorf("%s\n%s", query, plan)
		}
	}
}

// A query that is slower than the stores ends, and sees nothing twice.
func TestStoringWhileReading(t *testing.T) {
	defer history.SetGrain(2, 2, 100)()
	h := open(t, ":memory:", history.Config{})
	defer h.Close()
	for i := range 10 {
		store(t, h, "a", fmt.Sprint(i), 10*i)
	}
	n := 0
	seen := make(map[int64]bool)
	for r, err := range h.Query(t.Context(), "a", history.Window{}) {
		must(t, err)
		n++
		store(t, h, "a", "newer", 1000+n)
		store(t, h, "a", "older", -n)
		if seen[r.ID] || r.Rank != n || string(r.Value) != fmt.Sprint(10-n) {
			t.Fatalf("row %d is %+v", n, r)
		}
		seen[r.ID] = true
	}
	if n != 10 {
		t.Errorf("%d rows", n)
	}
}

// A record that is deleted and made again during a query is not taken for the
// one before.
func TestDeletedWhileReading(t *testing.T) {
	defer history.SetGrain(2, 2, 100)()
	h := open(t, ":memory:", history.Config{})
	defer h.Close()
	for i := range 6 {
		store(t, h, "a", "old", i)
	}
	var got []string
	for r, err := range h.Query(t.Context(), "*", history.Window{}) {
		must(t, err)
		if got = append(got, r.Record+"="+string(r.Value)); len(got) == 1 {
			_, err := h.Cleanup(t.Context(), at(100))
			must(t, err)
			for i := range 6 {
				store(t, h, "b", "new", i)
			}
		}
	}
	check(t, "rows", got, []string{"a=old", "a=old", "b=new", "b=new", "b=new", "b=new", "b=new", "b=new"})
}

// Values larger than a page are whole, and so are the ones beside them.
func TestLargeValues(t *testing.T) {
	h := open(t, ":memory:", history.Config{})
	defer h.Close()
	var want []string
	for i, size := range []int{0, 1, 4095, 4096, 100, 1 << 20, 3 << 20, 7, 1<<20 - 1, 5000} {
		value := strings.Repeat(string(rune('a'+i)), size)
		store(t, h, "a", value, -i)
		want = append(want, "a="+value)
	}
	got := values(t, h.Query(t.Context(), "*", history.Window{}))
	if !slices.Equal(got, want) {
		t.Error("values differ")
	}
}
