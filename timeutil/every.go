package timeutil

import (
	"context"
	"time"
)

// Every calls fn at once and then at each multiple of period after its start,
// which must be positive, until ctx ends; it returns when fn has. Calls that
// last longer than a period are followed by the next one at once; what they have
// missed is dropped, and the later ones are on time again.
func Every(ctx context.Context, period time.Duration, fn func(context.Context)) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for ctx.Err() == nil {
		fn(ctx)
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}
