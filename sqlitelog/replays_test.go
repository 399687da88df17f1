package sqlitelog

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// A replay that is to begin waits for the slice in hand, or leaves with its
// context; one that is under way tells the next slice where it ends.
func TestReplaysAndSlices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r replays
		if _, any := r.hold(); any {
			t.Error("there is a replay at first")
		}
		ctx, cancel := context.WithCancel(t.Context())
		begun := make(chan error, 2)
		p := &page{}
		go func() { begun <- r.begin(ctx, &page{}, 5) }()
		synctest.Wait()
		cancel()
		if err := <-begun; !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled replay: %v", err)
		}
		go func() { begun <- r.begin(t.Context(), p, 7) }()
		synctest.Wait()
		if bound, any := r.hold(); any { // as in a transaction that is run again
			t.Errorf("a replay has begun in the slice, bound %d", bound)
		}
		if len(begun) > 0 {
			t.Error("a replay has begun in the slice")
		}
		r.release()
		if err := <-begun; err != nil {
			t.Error(err)
		}
		if bound, any := r.hold(); bound != 7 || !any {
			t.Errorf("bound %d, %v", bound, any)
		}
		r.release()
		r.finish(p)
		if _, any := r.hold(); any {
			t.Error("there is a replay at last")
		}
	})
}
