package sqlitelog_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/edfsm/edfsm/sqlitelog"
	"pgregory.net/rapid"
)

// The events of a range of times are those that a filter over all of them
// leaves, on whatever page or in whatever table they are, also when the clock
// went back.
func TestEntriesBetween(t *testing.T) {
	defer sqlitelog.SetGrain(4, 512)()
	path := filepath.Join(t.TempDir(), "log.db")
	log := open(t, path, sqlitelog.Config[put]{Key: putKey, HighWater: 100, LowWater: 10})
	defer log.Close()
	for n := range 40 {
		must(t, log.Notify(t.Context(), []put{{Key: fmt.Sprint("k", n%30), Value: n}}))
	}
	_, err := log.Compact(t.Context())
	must(t, err)
	base := time.UnixMilli(1_700_000_000_000)
	for _, table := range []string{"log", "compacted"} { // from 0 to 12 ms, up and down
		shell(t, path, fmt.Sprintf("UPDATE %s SET recorded_at = %d + offset * 7 %% 13", table, base.UnixMilli()))
	}
	all, err := collect(log.Entries(t.Context(), 0, 1<<62))
	must(t, err)
	moments := rapid.Custom(func(t *rapid.T) time.Time {
		return base.Add(time.Duration(rapid.IntRange(-2, 28).Draw(t, "half ms")) * time.Millisecond / 2)
	})
	rapid.Check(t, func(t *rapid.T) {
		from, to := moments.Draw(t, "from"), moments.Draw(t, "to")
		want := slices.DeleteFunc(slices.Clone(all), func(e sqlitelog.Entry[put]) bool {
			return e.RecordedAt.Compare(from) < 0 || e.RecordedAt.Compare(to) > 0
		})
		between := log.EntriesBetween(context.Background(), from, to)
		for range 2 {
			got, err := collect(between)
			if must(t, err); !slices.Equal(got, want) {
				t.Fatalf("from %v to %v: %v, want %v", from, to, got, want)
			}
		}
	})
	if got, err := collect(log.EntriesBetween(t.Context(), time.Time{}, base.AddDate(1000, 0, 0))); !slices.Equal(got, all) || err != nil {
		t.Errorf("of all times are %d events, %v, want %d", len(got), err, len(all))
	}
}

// A record outside the range is not read, so it does no harm; inside it does.
func TestEntriesBetweenDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	log := open(t, path, sqlitelog.Config[string]{})
	defer log.Close()
	must(t, log.Notify(t.Context(), []string{"one", "two", "three"}))
	shell(t, path, "UPDATE log SET recorded_at = offset * 1000", "UPDATE log SET crc = 0 WHERE offset = 2")
	got, err := collect(log.EntriesBetween(t.Context(), time.Unix(3, 0), time.Unix(9, 0)))
	if must(t, err); len(got) != 1 || got[0].Event != "three" {
		t.Errorf("beside a damaged record: %v", got)
	}
	if _, err := collect(log.EntriesBetween(t.Context(), time.Unix(2, 0), time.Unix(3, 0))); !errors.Is(err, sqlitelog.ErrCorrupt) {
		t.Errorf("with a damaged record: %v", err)
	}
	must(t, log.Close())
	if _, err := collect(log.EntriesBetween(t.Context(), time.Time{}, time.Time{})); !errors.Is(err, sqlitelog.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
