package sqlitelog_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/sqlitelog"
)

// given delivers until the events are handed over, and returns them in the
// batches they came in.
func given[E any](t *testing.T, log *sqlitelog.Log[E], name string, d sqlitelog.Delivery, events int) (batches [][]E) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	err := log.Deliver(ctx, name, d, func(_ context.Context, entries []sqlitelog.Entry[E]) error {
		var batch []E
		for _, e := range entries {
			batch = append(batch, e.Event)
		}
		batches = append(batches, batch)
		if n += len(batch); n >= events {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the delivery ended with %v", err)
	}
	return batches
}

func subscription[E any](t *testing.T, log *sqlitelog.Log[E], name string) sqlitelog.Subscription {
	t.Helper()
	all, err := log.Subscriptions(t.Context())
	must(t, err)
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no subscription %q in %+v", name, all)
	return sqlitelog.Subscription{}
}

func TestDeliverBatches(t *testing.T) {
	log := open(t, ":memory:", sqlitelog.Config[int]{})
	defer log.Close()
	must(t, log.Notify(t.Context(), []int{1, 2, 3, 4, 5}))
	if got, want := given(t, log, "one by one", sqlitelog.Delivery{}, 5), [][]int{{1}, {2}, {3}, {4}, {5}}; !equal(got, want) {
		t.Errorf("given %v", got)
	}
	if got, want := given(t, log, "three", sqlitelog.Delivery{Batch: 3}, 5), [][]int{{1, 2, 3}, {4, 5}}; !equal(got, want) {
		t.Errorf("given %v", got)
	}
}

func equal[E comparable](a, b [][]E) bool { return slices.EqualFunc(a, b, slices.Equal) }

// The events of an old record are not parted, and one that stands for nothing
// today is passed over.
func TestDeliverWholeRecords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	type many struct{ N int }
	type single struct{ N int }
	old, err := codec.Union(codec.JSON, map[string]any{"many": many{}, "single": single{}})
	must(t, err)
	log := open(t, path, sqlitelog.Config[any]{Codec: old})
	must(t, log.Notify(t.Context(), []any{single{1}, many{3}, many{0}, many{2}, single{2}, many{0}}))
	must(t, log.Close())
	now, err := codec.Union(codec.JSON, map[string]any{"single": single{}},
		codec.Upcast("many", func(m many) []any { return slices.Repeat([]any{single{-m.N}}, m.N) }))
	must(t, err)
	log = open(t, path, sqlitelog.Config[any]{Codec: now})
	defer log.Close()
	got := given(t, log, "sub", sqlitelog.Delivery{Batch: 2}, 7)
	want := [][]any{{single{1}}, {single{-3}, single{-3}, single{-3}}, {single{-2}, single{-2}}, {single{2}}}
	if !equal(got, want) {
		t.Errorf("given %v, want %v", got, want)
	}
	must(t, log.Notify(t.Context(), []any{single{3}}))
	if got := given(t, log, "sub", sqlitelog.Delivery{}, 1); !equal(got, [][]any{{single{3}}}) {
		t.Errorf("given %v", got)
	}
}

// A failure is tried again after pauses that double, up to a minute, and then
// ends the delivery where it is.
func TestDeliverRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := open(t, ":memory:", sqlitelog.Config[int]{})
		defer log.Close()
		must(t, log.Notify(t.Context(), []int{1, 2, 3}))
		begun, attempts := time.Now(), []time.Duration(nil)
		err := log.Deliver(t.Context(), "sub", sqlitelog.Delivery{Retries: 4, Backoff: 20 * time.Second},
			func(_ context.Context, entries []sqlitelog.Entry[int]) error {
				if entries[0].Event == 1 {
					return nil
				}
				attempts = append(attempts, time.Since(begun))
				return errHandle
			})
		if !errors.Is(err, errHandle) || !strings.Contains(err.Error(), `log "main": subscription "sub": offset 2`) {
			t.Errorf("ended with %v", err)
		}
		want := []time.Duration{0, 20 * time.Second, 60 * time.Second, 120 * time.Second, 180 * time.Second}
		if !slices.Equal(attempts, want) {
			t.Errorf("attempts at %v, want %v", attempts, want)
		}
		if s := subscription(t, log, "sub"); s.Position != 1 || s.Lag != 2 || s.LagTime != 180*time.Second || s.Skipped != 0 {
			t.Errorf("left is %+v", s)
		}
	})
}

// Whoever is to stop does so in the middle of a pause.
func TestDeliverStopsInPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := open(t, ":memory:", sqlitelog.Config[int]{})
		must(t, log.Notify(t.Context(), []int{1}))
		fail := func(context.Context, []sqlitelog.Entry[int]) error { return errHandle }
		d := sqlitelog.Delivery{Retries: 9, Backoff: time.Hour, Skip: true}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := log.Deliver(ctx, "sub", d, fail); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended with %v", err)
		}
		time.AfterFunc(time.Second, func() { must(t, log.Close()) })
		if err := log.Deliver(t.Context(), "sub", d, fail); !errors.Is(err, sqlitelog.ErrClosed) {
			t.Errorf("ended with %v", err)
		}
	})
}

// What fails for good is put aside, it alone, and the rest goes on.
func TestDeliverSkip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	log := open(t, path, sqlitelog.Config[put]{Key: putKey, HighWater: 100, LowWater: 1})
	defer log.Close()
	must(t, log.Notify(t.Context(), []put{{Key: "a", Value: 1}, {Key: "b", Value: -2}, {Key: "c", Value: 3}, {Key: "d", Value: -4}, {Key: "e", Value: 5}}))
	_, err := log.Compact(t.Context()) // so that some are in compacted
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var handled []int
	attempts := make(map[int]int)
	deliver := func() error {
		return log.Deliver(ctx, "sub", sqlitelog.Delivery{Batch: 3, Retries: 1, Backoff: 1, Skip: true},
			func(_ context.Context, entries []sqlitelog.Entry[put]) error {
				for _, e := range entries {
					attempts[e.Event.Value]++
				}
				for _, e := range entries {
					if e.Event.Value < 0 {
						return errHandle
					}
				}
				for _, e := range entries {
					handled = append(handled, e.Event.Value)
					if e.Event.Value == 5 {
						cancel()
					}
				}
				return nil
			})
	}
	if err := deliver(); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	if !slices.Equal(handled, []int{1, 3, 5}) || attempts[1] != 3 || attempts[-4] != 4 {
		t.Errorf("handled were %v, attempts %v", handled, attempts)
	}
	if s := subscription(t, log, "sub"); s.Skipped != 2 || s.Lag != 0 {
		t.Errorf("left is %+v", s)
	}
	if n := count(t, path, `SELECT sum(value LIKE '%-2%' AND key = 'b' OR value LIKE '%-4%' AND key = 'd') FROM skipped
		WHERE log = 1 AND subscription = 'sub' AND reason = 'cannot handle this' AND skipped_at > 0`); n != 2 {
		t.Errorf("%d of 2 are as they were", n)
	}
	must(t, log.Unsubscribe(t.Context(), "sub"))
	if n := count(t, path, "SELECT count(*) FROM skipped"); n != 2 {
		t.Errorf("%d are left", n)
	}
}

// A record that cannot be read ends a delivery after what precedes it, or is put
// into quarantine.
func TestDeliverCorrupt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	log := open(t, path, sqlitelog.Config[int]{})
	must(t, log.Notify(t.Context(), []int{1, 2, 3, 4}))
	shell(t, path, "UPDATE log SET crc = 0 WHERE offset = 3")
	var handled []int
	d := sqlitelog.Delivery{Batch: 10, Skip: true}
	err := log.Deliver(t.Context(), "sub", d, func(_ context.Context, entries []sqlitelog.Entry[int]) error {
		for _, e := range entries {
			handled = append(handled, e.Event)
		}
		return nil
	})
	if re, ok := errors.AsType[*sqlitelog.RecordError](err); !ok || re.Offset != 3 || !slices.Equal(handled, []int{1, 2}) {
		t.Errorf("given %v, ended with %v", handled, err)
	}
	must(t, log.Close())
	log = open(t, path, sqlitelog.Config[int]{Quarantine: true})
	defer log.Close()
	if got := given(t, log, "sub", d, 1); !equal(got, [][]int{{4}}) {
		t.Errorf("given %v", got)
	}
}

// A reader takes nothing over and cannot append, but it can be subscribed.
func TestReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	cfg := sqlitelog.Config[put]{Key: putKey, Reader: true}
	if _, err := sqlitelog.Open(t.Context(), path, cfg); !errors.Is(err, sqlitelog.ErrNoLog) {
		t.Errorf("without a log: %v", err)
	}
	owner := open(t, path, sqlitelog.Config[put]{Key: putKey, LowWater: 1})
	defer owner.Close()
	must(t, owner.Notify(t.Context(), []put{{Key: "k", Value: 1}, {Key: "k", Value: 2}}))
	reader := open(t, path, cfg)
	defer reader.Close()
	if err := reader.Notify(t.Context(), []put{{}}); !errors.Is(err, sqlitelog.ErrReadOnly) {
		t.Errorf("a reader's append: %v", err)
	}
	if _, err := reader.Compact(t.Context()); !errors.Is(err, sqlitelog.ErrReadOnly) {
		t.Errorf("a reader's compaction: %v", err)
	}
	if got := given(t, reader, "sub", sqlitelog.Delivery{}, 2); !equal(got, [][]put{{{Key: "k", Value: 1}}, {{Key: "k", Value: 2}}}) {
		t.Errorf("given %v", got)
	}
	must(t, reader.Seek(t.Context(), "sub", 0))
	must(t, owner.Notify(t.Context(), []put{{Key: "k", Value: 3}, {Value: 4}}))
	done, err := owner.Compact(t.Context())
	if must(t, err); done != (sqlitelog.Compaction{}) {
		t.Errorf("a compaction went past the reader's subscription: %+v", done)
	}
	must(t, reader.Unsubscribe(t.Context(), "sub"))
	done, err = owner.Compact(t.Context())
	if must(t, err); done != (sqlitelog.Compaction{Moved: 1, Dropped: 2}) {
		t.Errorf("the compaction did %+v", done)
	}
	readOnly := newLog(t, openDB(t, path, sqlitelog.Options{ReadOnly: true}), "main", sqlitelog.Config[put]{})
	if err := readOnly.Deliver(t.Context(), "sub", sqlitelog.Delivery{}, nil); !errors.Is(err, sqlitelog.ErrReadOnly) {
		t.Errorf("a file opened for reading only: %v", err)
	}
}

// Two that deliver the same name leave nothing out between them.
func TestDeliverTwice(t *testing.T) {
	log := open(t, filepath.Join(t.TempDir(), "log.db"), sqlitelog.Config[int]{})
	defer log.Close()
	const total = 300
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	seen := make(map[int]int)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			err := log.Deliver(ctx, "sub", sqlitelog.Delivery{Batch: 3}, func(_ context.Context, entries []sqlitelog.Entry[int]) error {
				mu.Lock()
				defer mu.Unlock()
				for _, e := range entries {
					seen[e.Event]++
					if e.Event == total {
						cancel()
					}
				}
				return nil
			})
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	for i := range total {
		must(t, log.Notify(t.Context(), []int{i + 1}))
	}
	wg.Wait()
	for i := range total {
		if seen[i+1] == 0 {
			t.Errorf("%d was left out", i+1)
		}
	}
}
