package measure

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestQuantile(t *testing.T) {
	hundred := make(Latencies, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i+1) * time.Millisecond
	}
	for _, c := range []struct {
		in      Latencies
		q, want float64
	}{
		{hundred, 0.5, 50},
		{hundred, 0.99, 99},
		{hundred, 0.999, 100},
		{hundred, 0, 1},
		{hundred, 1, 100},
		{hundred[:1], 0.5, 1},
		{hundred[:3], 0.5, 2},
		{hundred[:4], 0.5, 2},
		{nil, 0.5, 0},
	} {
		if got := c.in.Quantile(c.q); got != c.want {
			t.Errorf("the %v quantile of %d is %v ms, want %v", c.q, len(c.in), got, c.want)
		}
	}
}

// A quantile is the least of the latencies that so many of them do not exceed.
func TestQuantileIsTheLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.SliceOfN(rapid.Int64Range(0, 50), 1, 300).Draw(t, "ms")
		percent := rapid.IntRange(1, 100).Draw(t, "percent")
		l := make(Latencies, len(of))
		for i, ms := range of {
			l[i] = time.Duration(ms) * time.Millisecond
		}
		slices.Sort(l)
		got := l.Quantile(float64(percent) / 100)
		upTo := func(ms float64) (n int) {
			for _, d := range l {
				if Millis(d) <= ms {
					n++
				}
			}
			return n
		}
		if 100*upTo(got) < percent*len(l) {
			t.Fatalf("only %d of %d are up to %v ms", upTo(got), len(l), got)
		}
		if less := upTo(got - 0.5); 100*less >= percent*len(l) {
			t.Fatalf("%d of %d are below %v ms", less, len(l), got)
		}
	})
}

// takes is an operation of so long.
func takes(d time.Duration) Operation {
	return func(context.Context, int64) error {
		<-time.After(d)
		return nil
	}
}

func TestFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		load, err := For(t.Context(), 4, time.Second-time.Millisecond, takes(100*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		if len(load.Latencies) != 40 || load.Rate != 40 {
			t.Errorf("4 callers did %d operations, %v a second", len(load.Latencies), load.Rate)
		}
		if p := load.Latencies.Quantile(0.99); p != 100 {
			t.Errorf("p99 is %v ms", p)
		}
	})
}

// A turn that is shorter than an operation still has one of each caller, and
// the time of the slowest counts.
func TestForAtLeastOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		load, err := For(t.Context(), 3, time.Millisecond, func(ctx context.Context, n int64) error {
			return takes(time.Duration(n)*time.Second)(ctx, n)
		})
		if err != nil {
			t.Fatal(err)
		}
		want := Latencies{time.Second, 2 * time.Second, 3 * time.Second}
		if !slices.Equal(load.Latencies, want) || load.Rate != 1 {
			t.Errorf("latencies are %v, the rate %v", load.Latencies, load.Rate)
		}
	})
}

func TestNumbersOfOperations(t *testing.T) {
	var mu sync.Mutex
	var seen []int64
	synctest.Test(t, func(t *testing.T) {
		_, err := For(t.Context(), 5, time.Second, func(ctx context.Context, n int64) error {
			mu.Lock()
			seen = append(seen, n)
			mu.Unlock()
			return takes(300*time.Millisecond)(ctx, n)
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	slices.Sort(seen)
	for i, n := range seen {
		if n != int64(i+1) {
			t.Fatalf("operations have the numbers %v", seen)
		}
	}
}

func TestWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		load, err := While(t.Context(), 2, takes(time.Second), func(context.Context) error {
			<-time.After(9500 * time.Millisecond)
			return nil
		})
		if err != nil || len(load.Latencies) != 20 {
			t.Errorf("2 callers did %d operations: %v", len(load.Latencies), err)
		}
	})
}

// The first failure ends all, whoever has it, and nobody is left behind: a
// bubble waits for all goroutines.
func TestFailures(t *testing.T) {
	broken := errors.New("broken")
	waits := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	fails := func(ctx context.Context, n int64) error {
		if n == 3 {
			return broken
		}
		return takes(time.Second)(ctx, n)
	}
	synctest.Test(t, func(t *testing.T) {
		if _, err := For(t.Context(), 2, time.Hour, fails); !errors.Is(err, broken) {
			t.Errorf("a caller failed: %v", err)
		}
		if _, err := While(t.Context(), 2, fails, waits); !errors.Is(err, broken) {
			t.Errorf("a caller failed beside something: %v", err)
		}
		failing := func(context.Context) error { return broken }
		if _, err := While(t.Context(), 2, takes(time.Second), failing); !errors.Is(err, broken) {
			t.Errorf("something failed beside callers: %v", err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(broken) })
		if _, err := For(ctx, 2, time.Hour, takes(time.Second)); !errors.Is(err, broken) {
			t.Errorf("it was interrupted: %v", err)
		}
	})
}
