// Package measure turns work into figures that can be compared on a noisy
// computer: what is compared takes turns in the same run, and each figure comes
// with how far it swings.
package measure

import (
	"math"
	"slices"
)

// Swing is the spread above which a figure says little.
const Swing = 2

// Series is a figure of each round, in their order.
type Series []float64

// Median is the one in the middle, of an even number the mean of the two; NaN
// without a round.
func (s Series) Median() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Min is the least; there must be a round.
func (s Series) Min() float64 { return slices.Min(s) }

// Max is the greatest; there must be a round.
func (s Series) Max() float64 { return slices.Max(s) }

// Spread is how many times the least the greatest is.
func (s Series) Spread() float64 { return Spread(s.Min(), s.Max()) }

// Spread is how many times min max is: 1 if they are the same, and infinite if
// they are not of one sign.
func Spread(min, max float64) float64 {
	switch {
	case min == max:
		return 1
	case min < 0 && max < 0:
		return min / max
	case min <= 0:
		return math.Inf(1)
	}
	return max / min
}

// Over divides each round of one series by the same round of another: what
// disturbs the computer for a while disturbs both.
func (s Series) Over(base Series) Series {
	return s.with(base, func(a, b float64) float64 { return a / b })
}

// Minus is the difference from another series, round by round.
func (s Series) Minus(base Series) Series {
	return s.with(base, func(a, b float64) float64 { return a - b })
}

func (s Series) with(base Series, f func(a, b float64) float64) Series {
	out := make(Series, min(len(s), len(base)))
	for i := range out {
		out[i] = f(s[i], base[i])
	}
	return out
}

// Inverse is 1 divided by each.
func (s Series) Inverse() Series {
	return s.with(s, func(a, _ float64) float64 { return 1 / a })
}
