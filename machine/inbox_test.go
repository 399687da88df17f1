package machine

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
)

func TestBackPressure(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.outputs.hold()
		r.send(add(1)).want(t, outcome{}) // in hand
		r.send(add(2)).want(t, outcome{})
		r.send(add(3)).want(t, outcome{})
		blocked := []*call{
			r.send(add(4)),
			r.do(add(5)),
			in(func(ctx context.Context) (Change, error) { return 0, r.Notify(ctx, []entry{{Amount: 6}}) }),
			in(func(ctx context.Context) (Change, error) { return r.Apply(ctx, entry{Amount: 7}) }),
			in(func(ctx context.Context) (Change, error) {
				return 0, r.Commands().Notify(ctx, []order{add(8), add(9)})
			}),
		}
		for _, c := range blocked {
			c.wantBlocked(t)
		}
		r.outputs.release()
		for i, c := range blocked {
			c.want(t, outcome{change: []Change{0, Updated, 0, Updated, 0}[i]})
		}
		for i, e := range r.disk.entries() {
			if e.Amount != i+1 {
				t.Errorf("event %d adds %d: out of order", i, e.Amount)
			}
		}
	})
}

func TestCancelledWhileItWaits(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.disk.write.hold()
		r.send(add(1))
		waits := []*call{r.do(add(2)), r.view(new(balance)), r.do(add(3)), r.view(new(balance))}
		for _, c := range waits {
			c.leave()
			c.want(t, outcome{err: context.Canceled})
			if errors.Is(c.err, ErrUnknown) {
				t.Error("the outcome is said to be unknown, though nothing was done")
			}
		}
		r.disk.write.release()
		if got := fold(r.disk.entries()); got.Sum != 1 {
			t.Errorf("a cancelled command was carried out: %+v", got)
		}
		r.do(add(1)).want(t, outcome{change: Updated})
	})
}

func TestCancelledInHand(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.disk.write.hold()
		c := r.do(add(1))
		c.leave()
		c.want(t, outcome{err: ErrUnknown})
		c.want(t, outcome{err: context.Canceled})
		r.disk.write.release()
		if got := fold(r.disk.entries()); got.Sum != 1 {
			t.Errorf("a command in hand was undone: %+v", got)
		}
	})
}

// A caller that leaves must not get an answer meant for the next.
func TestCallersAreNotMixedUp(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		for range 100 {
			r.disk.write.hold()
			left := []*call{r.do(add(1)), r.do(add(1))}
			for _, c := range left {
				c.cancel()
			}
			r.disk.write.release()
			r.do(order{Verb: "ask"}).want(t, outcome{change: Unchanged})
			r.do(spend(1e6)).want(t, outcome{err: errShort})
		}
	})
}

// Channels made in one bubble must not be used in another, so machines share
// nothing; with a shared pool of callers the second bubble would crash.
func TestMachinesShareNothing(t *testing.T) {
	for range 2 {
		bubble(t, func(t *testing.T, r *rig) {
			r.start()
			r.do(add(1)).want(t, outcome{change: Updated})
		})
	}
}

func TestInputsAreCopied(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		for _, give := range []func(ctx context.Context, entries []entry) error{
			r.Notify,
			func(ctx context.Context, entries []entry) error { _, err := r.Apply(ctx, entries...); return err },
		} {
			entries := []entry{{Amount: 1}}
			c := in(func(ctx context.Context) (Change, error) { return 0, give(ctx, entries) })
			entries[0].Amount = 100
			defer c.cancel()
		}
		r.start()
		if got := fold(r.disk.entries()); got.Sum != 2 {
			t.Errorf("the machine saw what its callers did with their slices later: %+v", got)
		}
	})
}

func TestNoEvents(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		in(func(ctx context.Context) (Change, error) { return 0, r.Notify(ctx, nil) }).want(t, outcome{})
		in(func(ctx context.Context) (Change, error) { return r.Apply(ctx) }).want(t, outcome{})
		if len(r.disk.batches) != 0 || len(r.observed) != 0 {
			t.Error("an empty batch was announced")
		}
	})
}

func TestCommandsCountsWhatWasAccepted(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		c := in(func(ctx context.Context) (Change, error) {
			return 0, r.Commands().Notify(ctx, []order{add(1), add(2), add(3)})
		})
		r.Close()
		synctest.Wait()
		c.want(t, outcome{err: ErrStopped})
		if c.err == nil || !strings.Contains(c.err.Error(), "2 of 3") {
			t.Errorf("the error: %v", c.err)
		}
	})
}

// Rejections that nobody waits for go to the logger, once they are certain.
func TestRejectionsAreLogged(t *testing.T) {
	for name, test := range map[string]struct {
		fault error
		want  int
	}{
		"committed": {nil, 1},
		"discarded": {errFault, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				r := newRig(t, new(disk), account{}, Config[balance, entry, string]{
					Logger: slog.New(slog.NewTextHandler(&out, nil)),
				})
				r.disk.write.fault = test.fault
				r.send(spend(7))
				r.send(add(1))
				do := r.do(spend(9))
				r.start()
				if do.err == nil {
					t.Error("the rejection was not answered")
				}
				if got := strings.Count(out.String(), "7 short"); got != test.want || strings.Contains(out.String(), "8 short") {
					t.Errorf("logged %d times, want %d:\n%s", got, test.want, &out)
				}
			})
		})
	}
}

// A logger that panics is user code too: nobody may be left waiting.
func TestLoggerPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, new(disk), account{}, Config[balance, entry, string]{Logger: slog.New(panicky{})})
		r.send(spend(7))
		do, view := r.do(add(1)), r.view(new(balance))
		r.start()
		do.want(t, outcome{change: Updated})
		view.want(t, outcome{})
		r.wantEnded(t, nil, errBoom)
	})
}

type panicky struct{ slog.Handler }

func (panicky) Enabled(context.Context, slog.Level) bool { panic(errBoom) }
