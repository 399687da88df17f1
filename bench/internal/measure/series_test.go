package measure

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		in   Series
		want float64
	}{
		{Series{7}, 7},
		{Series{3, 1}, 2},
		{Series{9, 1, 4}, 4},
		{Series{4, 1, 2, 100}, 3},
		{Series{-1, 5, -3}, -1},
	} {
		before := slices.Clone(c.in)
		if got := c.in.Median(); got != c.want {
			t.Errorf("the median of %v is %v, want %v", c.in, got, c.want)
		}
		if !slices.Equal(c.in, before) {
			t.Errorf("%v became %v: rounds must stay in their order", before, c.in)
		}
	}
	if m := (Series{}).Median(); !math.IsNaN(m) {
		t.Errorf("the median of nothing is %v", m)
	}
}

// Half of the rounds are on each side of the median, which is between the least
// and the greatest.
func TestMedianIsInTheMiddle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Series(rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 1, 20).Draw(t, "rounds"))
		m := s.Median()
		below, above := 0, 0
		for _, v := range s {
			if v < m {
				below++
			}
			if v > m {
				above++
			}
		}
		if below > len(s)/2 || above > len(s)/2 || m < s.Min() || m > s.Max() {
			t.Fatalf("%v: median %v, of which %d are below and %d above", s, m, below, above)
		}
	})
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		in   Series
		want float64
	}{
		{Series{3}, 1},
		{Series{0, 0}, 1},
		{Series{2, 1, 4}, 4},
		{Series{-4, -1}, 4},
		{Series{-1, 1}, math.Inf(1)},
		{Series{0, 1}, math.Inf(1)},
		{Series{-1, 0}, math.Inf(1)},
	} {
		if got := c.in.Spread(); got != c.want {
			t.Errorf("the spread of %v is %v, want %v", c.in, got, c.want)
		}
	}
}

// What slows both sides of a round down by the same factor changes no ratio.
func TestRatiosAreOfARound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 10).Draw(t, "n")
		figures := rapid.SliceOfN(rapid.Float64Range(1, 1000), n, n)
		a, b, slow := Series(figures.Draw(t, "a")), Series(figures.Draw(t, "b")), Series(figures.Draw(t, "slow"))
		ratios, slowed := a.Over(b), a.Over(slow.Inverse()).Over(b.Over(slow.Inverse()))
		for i := range ratios {
			if math.Abs(ratios[i]/slowed[i]-1) > 1e-9 {
				t.Fatalf("%v / %v: %v, slowed down by %v: %v", a, b, ratios, slow, slowed)
			}
		}
	})
	if got := (Series{10, 9}).Minus(Series{1, 20}); !slices.Equal(got, Series{9, -11}) {
		t.Errorf("the difference is %v", got)
	}
}
