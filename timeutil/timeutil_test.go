package timeutil_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edfsm/edfsm/timeutil"
	"pgregory.net/rapid"
)

func TestFromTime(t *testing.T) {
	for _, c := range []struct {
		t    time.Time
		want timeutil.Millis
	}{
		{time.UnixMilli(0), 0},
		{time.Unix(0, -1), -1},
		{time.Unix(0, 1_999_999), 1},
		{time.Time{}, timeutil.Min},
		{time.Date(10000, 1, 1, 0, 0, 0, -1, time.UTC), timeutil.Max},
	} {
		got, err := timeutil.FromTime(c.t)
		if err != nil || got != c.want {
			t.Errorf("%v: got %d, %v, want %d", c.t, got, err, c.want)
		}
	}
	for _, c := range []time.Time{
		time.Time{}.Add(-1),
		time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Unix(math.MaxInt64/1000+1, 0),
		time.Unix(math.MinInt64/1000-1, 0),
		time.Unix(-1<<62, 0),
	} {
		if got, err := timeutil.FromTime(c); !errors.Is(err, timeutil.ErrRange) {
			t.Errorf("%v: got %d, %v", c, got, err)
		}
	}
}

func TestFromUint64(t *testing.T) {
	for _, ms := range []uint64{0, 1, uint64(timeutil.Max)} {
		if got, err := timeutil.FromUint64(ms); err != nil || uint64(got) != ms {
			t.Errorf("%d: got %d, %v", ms, got, err)
		}
	}
	for _, ms := range []uint64{uint64(timeutil.Max) + 1, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64} {
		if got, err := timeutil.FromUint64(ms); !errors.Is(err, timeutil.ErrRange) {
			t.Errorf("%d: got %d, %v", ms, got, err)
		}
	}
}

// What was converted once stays what it is.
func TestMillisKeepsItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := timeutil.Millis(rapid.Int64Range(int64(timeutil.Min), int64(timeutil.Max)).Draw(t, "ms"))
		if got, err := timeutil.FromTime(m.Time()); err != nil || got != m {
			t.Fatalf("%d became %d, %v", m, got, err)
		}
	})
}

// A range contains a whole ms just if that is neither before its start nor
// after its end.
func TestBetween(t *testing.T) {
	times := rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.IntRange(0, 4).Draw(t, "open") == 0 {
			return time.Time{}
		}
		return time.Unix(0, rapid.Int64Range(-5_000_000, 5_000_000).Draw(t, "ns"))
	})
	rapid.Check(t, func(t *rapid.T) {
		start, end := times.Draw(t, "start"), times.Draw(t, "end")
		m := timeutil.Millis(rapid.Int64Range(-6, 6).Draw(t, "ms"))
		r, err := timeutil.Between(start, end)
		if !start.IsZero() && !end.IsZero() && start.After(end) {
			if !errors.Is(err, timeutil.ErrOrder) {
				t.Fatalf("got %v, %v", r, err)
			}
			return
		}
		want := (start.IsZero() || !m.Time().Before(start)) && (end.IsZero() || !m.Time().After(end))
		if got := r.First <= m && m <= r.Last; err != nil || got != want {
			t.Fatalf("%v contains %d: %v, error %v", r, m, got, err)
		}
	})
	far := time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, bounds := range [][2]time.Time{{far, {}}, {{}, far}} {
		if _, err := timeutil.Between(bounds[0], bounds[1]); !errors.Is(err, timeutil.ErrRange) {
			t.Errorf("%v: %v", bounds, err)
		}
	}
}

// Work that takes its time does not move the calls after it.
func TestEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		work := []time.Duration{0, 3, 9, 25, 0, 1} // periods are 10
		want := []time.Duration{0, 10, 20, 30, 55, 60}
		var got []time.Duration
		ctx, cancel := context.WithCancel(t.Context())
		timeutil.Every(ctx, 10*time.Second, func(context.Context) {
			got = append(got, time.Since(start)/time.Second)
			took := time.NewTimer(work[len(got)-1] * time.Second)
			<-took.C
			if len(got) == len(work) {
				cancel()
			}
		})
		if !slices.Equal(got, want) {
			t.Errorf("called after %d s, want %d s", got, want)
		}
		if end := time.Since(start); end != 61*time.Second {
			t.Errorf("ended after %v", end)
		}
		timeutil.Every(ctx, time.Second, func(context.Context) { t.Error("called after the end") })
	})
}

func TestEveryEndsWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Hour)
		defer cancel()
		calls := 0
		timeutil.Every(ctx, 24*time.Hour, func(context.Context) { calls++ })
		if calls != 2 {
			t.Errorf("%d calls", calls)
		}
	})
}
