package sqlitelog_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/edfsm/edfsm/sqlitelog"
)

// Beside callers that append and a log that is compacted all the time, followers
// and subscriptions are given each event once, in order.
func TestFollowConcurrent(t *testing.T) {
	log := open(t, filepath.Join(t.TempDir(), "log.db"), sqlitelog.Config[put]{
		Key: putKey, HighWater: 20, LowWater: 5, File: sqlitelog.Options{Durability: sqlitelog.Normal},
	})
	defer log.Close()
	const callers, calls = 4, 150
	must(t, log.Seek(t.Context(), "sub", 0))
	next, stop := iter.Pull2(log.Follow(t.Context(), 0))
	defer stop()
	must(t, log.Notify(t.Context(), []put{{Key: "first", Value: 1}}))
	first, err, _ := next() // from here on nothing goes that it has not read
	must(t, err)
	followed, delivered := []put{first.Event}, []put(nil)
	total := callers*calls + 1
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for call := range calls {
				if err := log.Notify(t.Context(), []put{{Key: fmt.Sprint(caller), Value: call + 1, Delete: call%7 == 6}}); err != nil {
					t.Error(err)
				}
				if call%10 == 0 {
					if _, err := log.Compact(t.Context()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Go(func() {
		for len(followed) < total {
			e, err, _ := next()
			if err != nil {
				t.Error(err)
				return
			}
			followed = append(followed, e.Event)
		}
	})
	wg.Go(func() {
		for _, batch := range given(t, log, "sub", sqlitelog.Delivery{Batch: 8}, total) {
			delivered = append(delivered, batch...)
		}
	})
	wg.Wait()
	if !slices.Equal(followed, delivered) || len(followed) != total {
		t.Errorf("followed %d events, delivered %d", len(followed), len(delivered))
	}
	last := make(map[string]int)
	for _, e := range followed {
		if e.Value != last[e.Key]+1 {
			t.Fatalf("after %d of %q came %d", last[e.Key], e.Key, e.Value)
		}
		last[e.Key] = e.Value
	}
	stop()
	_, err = log.Compact(t.Context())
	must(t, err)
	if got, want := fold(events(t, log)), fold(followed); !maps.Equal(got, want) {
		t.Errorf("the log leads to %v, want %v", got, want)
	}
}

// A follower that waits ends with its context, the log or the file, and so does
// one in the middle of its events.
func TestFollowEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(db *sqlitelog.DB, log *sqlitelog.Log[int], cancel func()) error
		want error
	}{
		"context": {func(_ *sqlitelog.DB, _ *sqlitelog.Log[int], cancel func()) error { cancel(); return nil }, context.Canceled},
		"log":     {func(_ *sqlitelog.DB, log *sqlitelog.Log[int], _ func()) error { return log.Close() }, sqlitelog.ErrClosed},
		"file":    {func(db *sqlitelog.DB, _ *sqlitelog.Log[int], _ func()) error { return db.Close() }, sqlitelog.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db, err := sqlitelog.OpenDB(t.Context(), ":memory:", sqlitelog.Options{})
				must(t, err)
				defer db.Close()
				log := newLog(t, db, "log", sqlitelog.Config[int]{})
				must(t, log.Notify(t.Context(), []int{1, 2, 3}))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				ended := make(chan error, 3)
				go func() {
					_, err := collect(log.Follow(ctx, 0))
					ended <- err
				}()
				deliver := func(handle func(context.Context, []sqlitelog.Entry[int]) error) {
					go func() {
						ended <- log.Deliver(ctx, fmt.Sprintf("%p", handle), sqlitelog.Delivery{}, handle)
					}()
				}
				deliver(func(context.Context, []sqlitelog.Entry[int]) error { return nil })
				deliver(func(ctx context.Context, _ []sqlitelog.Entry[int]) error {
					<-ctx.Done()
					return ctx.Err()
				})
				synctest.Wait()
				must(t, c.end(db, log, cancel))
				for range cap(ended) {
					if err := <-ended; !errors.Is(err, c.want) {
						t.Errorf("ended with %v", err)
					}
				}
			})
		})
	}
}

// All handles of a file that was opened once wake each other at once: no time passes here, so that
// nothing is polled.
func TestFollowOtherHandle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openDB(t, ":memory:", sqlitelog.Options{})
		owner := newLog(t, db, "log", sqlitelog.Config[int]{})
		reader := newLog(t, db, "log", sqlitelog.Config[int]{Reader: true})
		followed := make(chan int, 10)
		go func() {
			for e, err := range reader.Follow(t.Context(), 1) {
				if err == nil {
					followed <- e.Event
				}
			}
		}()
		synctest.Wait()
		for i := range 5 {
			must(t, owner.Notify(t.Context(), []int{i}))
			synctest.Wait()
			if len(followed) != i { // from the second on
				t.Fatalf("followed were %d of %d", len(followed), i)
			}
		}
	})
}

// A follower elsewhere is told of a compaction of what it has not read, and of no
// other.
func TestFollowIsTold(t *testing.T) {
	defer sqlitelog.SetGrain(2, 512)()
	path := filepath.Join(t.TempDir(), "log.db")
	owner := open(t, path, sqlitelog.Config[put]{Key: putKey, LowWater: 1})
	defer owner.Close()
	append := func() {
		t.Helper()
		for i := range 10 {
			must(t, owner.Notify(t.Context(), []put{{Key: fmt.Sprint("k", i%3), Value: i}}))
		}
	}
	compact := func() {
		t.Helper()
		_, err := owner.Compact(t.Context())
		must(t, err)
	}
	append()
	next, stop := iter.Pull2(open(t, path, sqlitelog.Config[put]{Reader: true}).Follow(t.Context(), 0))
	defer stop()
	for range 10 {
		_, err, _ := next()
		must(t, err)
	}
	compact()
	append()
	if e, err, _ := next(); err != nil || e.Offset != 11 {
		t.Errorf("after a compaction of what it has read: %v, %v", e, err)
	}
	compact()
	for {
		e, err, more := next()
		if errors.Is(err, sqlitelog.ErrCompacted) {
			break
		}
		if err != nil || !more || e.Offset > 12 {
			t.Fatalf("after a compaction of what it has not read: %v, %v", e, err)
		}
	}
}

// A log that is closed is not followed, and one who leaves gets nothing more.
func TestFollowEndsAtOnce(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "log.db"), sqlitelog.Options{})
	log := newLog(t, db, "log", sqlitelog.Config[int]{})
	must(t, log.Notify(t.Context(), []int{1, 2, 3}))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := 0
	for _, err := range log.Follow(ctx, 0) {
		if cancel(); err == nil {
			got++
		} else if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	if got != 1 {
		t.Errorf("%d events, cancelled at the first", got)
	}
	must(t, log.Close())
	if got, err := collect(log.Follow(t.Context(), 0)); len(got) > 0 || !errors.Is(err, sqlitelog.ErrClosed) {
		t.Errorf("a closed log: %v, %v", got, err)
	}
}
