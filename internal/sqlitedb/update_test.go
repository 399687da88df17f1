package sqlitedb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
	"zombiezen.com/go/sqlite"
)

var testPart = Part{Name: "test", Version: 1, Schema: []string{
	"CREATE TABLE item(n INTEGER PRIMARY KEY, value TEXT)",
	"CREATE TABLE child(n INTEGER REFERENCES item(n) DEFERRABLE INITIALLY DEFERRED)",
}}

func open(t testing.TB, path string) *DB { t.Helper(); return openWith(t, path, Options{}) }

func openWith(t testing.TB, path string, opts Options) *DB {
	t.Helper()
	db, err := Open(t.Context(), path, opts)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	must(t, Ensure(t.Context(), db, testPart))
	return db
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openTemp(t testing.TB) *DB { return open(t, filepath.Join(t.TempDir(), "test.db")) }

func insert(n int64) func(Tx) error {
	return func(tx Tx) error { return tx.Exec("INSERT INTO item(n) VALUES(?)", n) }
}

// items returns what is in the file, in order.
func items(t interface{ Fatal(...any) }, db *DB) []int64 {
	var got []int64
	err := View(context.Background(), db, func(rx Rx) error {
		stmt, err := rx.Prepare("SELECT n FROM item ORDER BY n")
		if err != nil {
			return err
		}
		got = nil
		for {
			row, err := stmt.Step()
			if err != nil || !row {
				return err
			}
			got = append(got, stmt.ColumnInt64(0))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// together runs updates that are all waiting when the writer becomes free, and
// returns their errors. It reports how many transactions they took.
func together(db *DB, ctx context.Context, updates []func(Tx) error) (errs []error, transactions uint64) {
	errs = make([]error, len(updates))
	db.writer <- struct{}{}
	before := db.tx
	var wg sync.WaitGroup
	for i, fn := range updates {
		wg.Go(func() { errs[i] = Update(ctx, db, fn) })
	}
	for waiting := 0; waiting < len(updates); {
		db.mu.Lock()
		if waiting = 0; db.forming != nil {
			waiting = len(db.forming.members)
		}
		db.mu.Unlock()
	}
	<-db.writer
	wg.Wait()
	return errs, db.tx - before
}

// Whoever waits shares a transaction; a member that fails is undone alone,
// whatever it had done before it failed.
func TestUpdateTogether(t *testing.T) {
	db := openTemp(t)
	errBad := errors.New("bad member")
	next := int64(1)
	rapid.Check(t, func(t *rapid.T) {
		before := items(t, db)
		var updates []func(Tx) error
		var want []int64
		fails := rapid.SliceOfN(rapid.Bool(), 1, 12).Draw(t, "fails")
		for _, fail := range fails {
			n := next
			next += 2
			updates = append(updates, func(tx Tx) error {
				if err := errors.Join(insert(n)(tx), insert(n+1)(tx)); err != nil || !fail {
					return err
				}
				return errBad
			})
			if !fail {
				want = append(want, n, n+1)
			}
		}
		errs, transactions := together(db, context.Background(), updates)
		for i, fail := range fails {
			if fail != errors.Is(errs[i], errBad) || !fail && errs[i] != nil {
				t.Fatalf("update %d, fails=%v: %v", i, fail, errs[i])
			}
		}
		if got := items(t, db)[len(before):]; !slices.Equal(got, want) {
			t.Fatalf("stored %v, want %v", got, want)
		}
		limit := uint64(1)
		if slices.Contains(fails, true) {
			limit = 2
		}
		if transactions > limit {
			t.Fatalf("%d updates took %d transactions", len(updates), transactions)
		}
	})
}

// A caller that leaves while it waits writes nothing, whether it leads its
// group or not, and the others do not notice.
func TestUpdateLeave(t *testing.T) {
	for _, leaves := range [][]int{{0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}, {0, 1, 2}} {
		t.Run(fmt.Sprint(leaves), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := openTemp(t)
				db.writer <- struct{}{}
				var errs [3]error
				var cancels [3]context.CancelFunc
				var wg sync.WaitGroup
				for i := range errs {
					ctx, cancel := context.WithCancel(t.Context())
					cancels[i] = cancel
					wg.Go(func() { errs[i] = Update(ctx, db, insert(int64(i))) })
					synctest.Wait() // so that 0 leads
				}
				for _, i := range leaves {
					cancels[i]()
					synctest.Wait()
				}
				<-db.writer
				wg.Wait()
				var want []int64
				for i, err := range errs {
					if !slices.Contains(leaves, i) {
						want = append(want, int64(i))
						if err != nil {
							t.Errorf("update %d: %v", i, err)
						}
					} else if !errors.Is(err, context.Canceled) {
						t.Errorf("update %d left with %v", i, err)
					}
					cancels[i]()
				}
				if got := items(t, db); !slices.Equal(got, want) {
					t.Errorf("stored %v, want %v", got, want)
				}
			})
		})
	}
}

// Who comes while others run shares their transaction, unless one of them fails
// and all are run apart; who leaves before it runs writes nothing.
func TestUpdateJoins(t *testing.T) {
	errBad := errors.New("bad member")
	for _, c := range []struct {
		name         string
		bad, leaves  bool
		stored       []int64
		transactions uint64
	}{
		{"all is well", false, false, []int64{1, 2, 3}, 1},
		{"the first fails", true, false, []int64{2, 3}, 2},
		{"the last leaves", false, true, []int64{1, 2}, 1},
		{"both", true, true, []int64{2}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := openTemp(t)
				before := db.tx
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				var errs [4]error
				var wg sync.WaitGroup
				joined := false
				errs[1] = Update(t.Context(), db, func(tx Tx) error {
					if !joined {
						joined = true
						wg.Go(func() { errs[2] = Update(t.Context(), db, insert(2)) })
						wg.Go(func() { errs[3] = Update(ctx, db, insert(3)) })
						synctest.Wait()
						if c.leaves {
							leave()
							synctest.Wait()
						}
					}
					if err := insert(1)(tx); err != nil || !c.bad {
						return err
					}
					return errBad
				})
				wg.Wait()
				if errors.Is(errs[1], errBad) != c.bad || errors.Is(errs[3], context.Canceled) != c.leaves {
					t.Errorf("%v", errs)
				}
				if got := items(t, db); !slices.Equal(got, c.stored) {
					t.Errorf("stored %v, want %v", got, c.stored)
				}
				if got := db.tx - before; got != c.transactions {
					t.Errorf("%d transactions, want %d", got, c.transactions)
				}
			})
		})
	}
}

// A transaction that others join again and again comes to an end, by their number
// or by the time.
func TestUpdateJoinedWithoutEnd(t *testing.T) {
	for _, c := range []struct {
		takes        time.Duration
		updates      int
		transactions uint64
	}{
		{0, 2 * maxMembers, 2},
		{joinTime / 2, 9, 3}, // of four, which come after 0, 0.5, 1 and 1.5 of it
	} {
		t.Run(fmt.Sprint(c.takes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := openTemp(t)
				before := db.tx
				var wg sync.WaitGroup
				var update func(Tx) error
				left := c.updates
				update = func(tx Tx) error {
					if left--; left > 0 {
						wg.Go(func() {
							if err := Update(t.Context(), db, update); err != nil {
								t.Error(err)
							}
						})
						synctest.Wait()
					}
					time.Sleep(c.takes)
					return nil
				}
				if err := Update(t.Context(), db, update); err != nil {
					t.Fatal(err)
				}
				wg.Wait()
				if got := db.tx - before; got != c.transactions {
					t.Errorf("%d updates took %d transactions, want %d", c.updates, got, c.transactions)
				}
			})
		})
	}
}

// A member that fails while it reads leaves nothing behind that keeps the next one
// from writing, alone or with others.
func TestUpdateFailsWhileItReads(t *testing.T) {
	errBad := errors.New("bad member")
	for _, others := range []int{0, 2} {
		db := openTemp(t)
		if err := Update(t.Context(), db, func(tx Tx) error { return errors.Join(insert(1)(tx), insert(2)(tx)) }); err != nil {
			t.Fatal(err)
		}
		updates := []func(Tx) error{func(tx Tx) error {
			stmt, err := tx.Prepare("SELECT n FROM item")
			if err == nil {
				_, err = stmt.Step()
			}
			return cmp.Or(err, errBad)
		}}
		for i := range others {
			updates = append(updates, insert(int64(3+i)))
		}
		for i, err := range first(together(db, t.Context(), updates)) {
			if errors.Is(err, errBad) != (i == 0) || i > 0 && err != nil {
				t.Errorf("with %d others, update %d: %v", others, i, err)
			}
		}
		if wal, err := runCheckpoint(db.conn); err != nil || wal.copied < wal.pages {
			t.Errorf("with %d others: %d of %d pages are copied back: %v", others, wal.copied, wal.pages, err)
		}
		other := open(t, Path(db))
		if err := Update(t.Context(), other, insert(10)); err != nil {
			t.Error(err)
		}
		if err := Update(t.Context(), db, insert(11)); err != nil {
			t.Errorf("with %d others, after somebody else has written: %v", others, err)
		}
	}
}

func first[A, B any](a A, _ B) A { return a }

// A deferred constraint makes COMMIT itself fail.
func TestCommitFails(t *testing.T) {
	db := openTemp(t)
	if err := exec(db.conn, "PRAGMA foreign_keys = ON"); err != nil {
		t.Fatal(err)
	}
	orphan := func(tx Tx) error { return tx.Exec("INSERT INTO child(n) VALUES(99)") }
	errs, _ := together(db, t.Context(), []func(Tx) error{insert(1), orphan, insert(2)})
	for i, err := range errs {
		if !errors.Is(err, ErrUncertain) || sqlite.ErrCode(err).ToPrimary() != sqlite.ResultConstraint {
			t.Errorf("member %d: %v", i, err)
		}
	}
	for name, err := range map[string]error{
		"Update": Update(t.Context(), db, insert(3)),
		"View":   View(t.Context(), db, func(Rx) error { return nil }),
	} {
		if !errors.Is(err, ErrFailed) || errors.Is(err, ErrUncertain) || sqlite.ErrCode(err).ToPrimary() != sqlite.ResultConstraint {
			t.Errorf("%s after the failure: %v", name, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if got := items(t, open(t, Path(db))); len(got) != 0 {
		t.Errorf("stored %v", got)
	}
}

// When SQLite rolls everything back by itself, all members fail with its cause
// and the next transaction works.
func TestFull(t *testing.T) {
	db := openTemp(t)
	if err := exec(db.conn, "PRAGMA max_page_count = 20"); err != nil {
		t.Fatal(err)
	}
	big := func(tx Tx) error { return tx.Exec("INSERT INTO item(value) VALUES(hex(zeroblob(1000000)))") }
	errs, _ := together(db, t.Context(), []func(Tx) error{insert(1), big, insert(2)})
	full := 0
	for i, err := range errs {
		switch {
		case errors.Is(err, ErrFull) && sqlite.ErrCode(err) == sqlite.ResultFull && !errors.Is(err, ErrUncertain):
			full++
		case err != nil:
			t.Errorf("member %d: %v", i, err)
		}
	}
	if got := items(t, db); full == 0 || len(got) != len(errs)-full {
		t.Errorf("%d members failed, stored %v", full, got)
	}
	if err := Update(t.Context(), db, insert(7)); err != nil {
		t.Error(err)
	}
}

func TestPanic(t *testing.T) {
	db := openTemp(t)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was lost")
			}
		}()
		Update(t.Context(), db, func(tx Tx) error {
			if err := insert(1)(tx); err != nil {
				return err
			}
			panic("in an update")
		})
	}()
	if err := Update(t.Context(), db, insert(2)); !errors.Is(err, ErrFailed) {
		t.Errorf("after the panic: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if got := items(t, open(t, Path(db))); len(got) != 0 {
		t.Errorf("stored %v", got)
	}
}

// Close waits for what was accepted, can be called again, and refuses the rest.
func TestClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	synctest.Test(t, func(t *testing.T) {
		db := open(t, path)
		db.writer <- struct{}{}
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				if err := Update(t.Context(), db, insert(int64(i))); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		wg.Go(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		<-db.writer
		wg.Wait()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		for name, err := range map[string]error{
			"Update": Update(t.Context(), db, insert(9)),
			"View":   View(t.Context(), db, func(Rx) error { return nil }),
		} {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("%s after Close: %v", name, err)
			}
		}
	})
	if got, want := items(t, open(t, path)), []int64{0, 1, 2, 3, 4}; !slices.Equal(got, want) {
		t.Errorf("stored %v, want %v", got, want)
	}
}
