package timeutil

import (
	"errors"
	"fmt"
	"time"
)

// ErrOrder: a range starts after its end.
var ErrOrder = errors.New("range starts after its end")

// Range is the moments from First to Last, both included.
type Range struct{ First, Last Millis }

// Between is the range from start to end; the zero time leaves a side open. The
// error is [ErrRange] or [ErrOrder].
func Between(start, end time.Time) (r Range, err error) {
	r = Range{Min, Max}
	if !start.IsZero() {
		if r.First, err = FromTime(start); err != nil {
			return r, err
		}
		// Moments are whole ms: one that is cut to a ms before start is outside.
		if r.First.Time().Before(start) {
			r.First++
		}
	}
	if !end.IsZero() {
		if r.Last, err = FromTime(end); err != nil {
			return r, err
		}
	}
	if !start.IsZero() && !end.IsZero() && start.After(end) {
		return r, fmt.Errorf("%w: from %s to %s", ErrOrder, start.Format(time.RFC3339Nano), end.Format(time.RFC3339Nano))
	}
	return r, nil
}
