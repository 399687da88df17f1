package machine

import (
	"context"
	"testing"
	"testing/synctest"
)

func TestViewPanics(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.disk.write.hold()
		do := r.do(add(1))
		calls := 0
		raises := in(func(ctx context.Context) (Change, error) {
			_, err := View(ctx, r.Machine, func(balance) int { calls++; panic(errBoom) })
			return 0, err
		})
		var seen balance
		behind := r.view(&seen)
		r.disk.write.release()
		do.want(t, outcome{change: Updated})
		raises.want(t, outcome{err: ErrStopped})
		behind.want(t, outcome{})
		r.wantEnded(t, nil, errBoom)
		if calls != 1 || seen.Sum != 1 {
			t.Errorf("the function was called %d times, the view behind it saw %+v", calls, seen)
		}
	})
}

func TestViewIsNotCalledOnceCancelled(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.outputs.hold()
		r.send(add(1))
		called := false
		c := in(func(ctx context.Context) (Change, error) {
			_, err := View(ctx, r.Machine, func(balance) bool { called = true; return true })
			return 0, err
		})
		c.leave()
		r.outputs.release()
		c.want(t, outcome{err: context.Canceled})
		if called {
			t.Error("the function ran after View had returned")
		}
	})
}

// A view that is under way when its caller is cancelled must end first: its
// function uses what belongs to the caller.
func TestViewDoesNotOutliveItsCaller(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		gate := make(chan struct{})
		c := in(func(ctx context.Context) (Change, error) {
			got, err := View(ctx, r.Machine, func(balance) Change { <-gate; return Transitioned })
			return got, err
		})
		c.leave()
		c.wantBlocked(t)
		close(gate)
		synctest.Wait()
		c.want(t, outcome{change: Transitioned})
	})
}
