package timeutil_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/edfsm/edfsm/timeutil"
)

func ExampleEvery() {
	ctx, cancel := context.WithCancel(context.Background())
	calls := 0
	timeutil.Every(ctx, time.Millisecond, func(context.Context) {
		if calls++; calls == 3 {
			cancel()
		}
	})
	fmt.Println(calls, "calls")
	// Output: 3 calls
}

// The zero time leaves a side open.
func ExampleBetween() {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r, err := timeutil.Between(noon, time.Time{})
	fmt.Println(r.First.Time(), r.Last == timeutil.Max, err)
	_, err = timeutil.Between(noon, noon.Add(-time.Second))
	fmt.Println(errors.Is(err, timeutil.ErrOrder))
	// Output:
	// 2026-03-01 12:00:00 +0000 UTC true <nil>
	// true
}
