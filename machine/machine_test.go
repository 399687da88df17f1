package machine

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// bubble runs f with a machine that has two places in its mailbox and commits
// each input on its own.
func bubble(t *testing.T, f func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(t, newRig(t, new(disk), account{}, Config[balance, entry, string]{Mailbox: 2, MaxBatch: 1}))
	})
}

// TestEveryEndAnswersEverybody ends a machine in each possible way while one
// command is in hand, a command and a view wait in the mailbox, and a command
// and a view wait for a place there.
func TestEveryEndAnswersEverybody(t *testing.T) {
	cause := errors.New("cause")
	done, stopped := outcome{Updated, nil}, outcome{Unchanged, ErrStopped}
	boom := func(method string) order { return order{Verb: "add", Amounts: []int{1}, Boom: method} }

	for name, test := range map[string]struct {
		waiting       order // the command in the mailbox; the others add 1
		end           func(r *rig)
		inHand, waits outcome
		views         error
		run           error
		raised        any
		logged        int
	}{
		"Close": {
			end:    func(r *rig) { r.Close() },
			inHand: done, waits: done, logged: 2,
		},
		"cancelled": {
			end:    func(r *rig) { r.cancel(cause) },
			inHand: done, waits: stopped, run: cause, logged: 1,
		},
		"terminal": {
			waiting: closing,
			inHand:  done, waits: outcome{Transitioned, nil}, logged: 2,
		},
		"log fails": {
			end:    func(r *rig) { r.disk.write.fault = errFault },
			inHand: outcome{err: errFault}, waits: stopped, views: ErrStopped, run: ErrLog,
		},
		"log is uncertain": {
			end:    func(r *rig) { r.disk.write.fault = errUncertain },
			inHand: outcome{err: errUncertain}, waits: stopped, views: ErrStopped, run: ErrLog, logged: 1,
		},
		"log fails, and cancelled": {
			end: func(r *rig) {
				r.cancel(cause)
				r.disk.write.fault = context.Canceled
			},
			inHand: outcome{err: ErrLog}, waits: stopped, views: ErrStopped, run: ErrLog,
		},
		"log panics": {
			end:    func(r *rig) { r.disk.write.fault = errLatePanic },
			inHand: outcome{err: ErrUnknown}, waits: stopped, views: ErrStopped, raised: errLatePanic, logged: 1,
		},
		"snapshot fails": {
			end:    func(r *rig) { r.disk.save.fault = errFault },
			inHand: done, waits: stopped, run: errFault, logged: 1,
		},
		"observer fails": {
			end:    func(r *rig) { r.events.fault = errFault },
			inHand: done, waits: stopped, run: errFault, logged: 1,
		},
		"output fails": {
			end:    func(r *rig) { r.outputs.fault = errFault },
			inHand: done, waits: stopped, run: errFault, logged: 1,
		},
		"output panics": {
			end:    func(r *rig) { r.outputs.fault = errPanic },
			inHand: done, waits: stopped, raised: errPanic, logged: 1,
		},
		"Decide panics": {
			waiting: boom("decide"),
			inHand:  done, waits: stopped, views: ErrStopped, raised: errBoom, logged: 1,
		},
		"Evolve panics": {
			waiting: boom("evolve"),
			inHand:  done, waits: stopped, views: ErrStopped, raised: errBoom, logged: 1,
		},
		"React panics": {
			waiting: boom("react"),
			inHand:  done, waits: stopped, views: ErrStopped, raised: errBoom, logged: 1,
		},
		"Decide ends its goroutine": {
			waiting: boom("exit"),
			inHand:  done, waits: stopped, views: ErrStopped, logged: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, new(disk), account{}, Config[balance, entry, string]{
					Mailbox: 2, MaxBatch: 1, Snapshot: Snapshot[balance]{Codec: jsonCodec{}, Every: 1},
				})
				r.start()
				r.disk.write.hold()
				var seen [3]balance
				inHand := r.do(add(1))
				if test.waiting.Verb == "" {
					test.waiting = add(1)
				}
				waits, viewWaits := r.do(test.waiting), r.view(&seen[0])
				blocked, viewBlocked := r.do(add(1)), r.view(&seen[1])
				for _, c := range []*call{inHand, waits, viewWaits, blocked, viewBlocked} {
					c.wantBlocked(t)
				}

				if test.end != nil {
					test.end(r)
				}
				r.disk.write.release()

				inHand.want(t, test.inHand)
				waits.want(t, test.waits)
				blocked.want(t, stopped)
				viewLate := r.view(&seen[2])
				for i, v := range []*call{viewWaits, viewBlocked, viewLate} {
					v.want(t, outcome{err: test.views})
					if want := fold(r.disk.entries()); test.views == nil && seen[i] != want {
						t.Errorf("view %d gave %+v, the log makes %+v", i, seen[i], want)
					}
				}
				r.do(add(1)).want(t, stopped)
				r.wantEnded(t, test.run, test.raised)
				if got := len(r.disk.entries()); got != test.logged {
					t.Errorf("the log has %d events, want %d", got, test.logged)
				}
			})
		})
	}
}

func TestFailuresAreNamed(t *testing.T) {
	for name, test := range map[string]struct {
		stage func(r *rig) *stage
		want  string
	}{
		"replay":   {func(r *rig) *stage { return &r.disk.read }, "machine: log: replay: out of order"},
		"log":      {func(r *rig) *stage { return &r.disk.write }, "machine: log: out of order"},
		"events":   {func(r *rig) *stage { return &r.events }, "machine: events: out of order"},
		"outputs":  {func(r *rig) *stage { return &r.outputs }, "machine: outputs: out of order"},
		"snapshot": {func(r *rig) *stage { return &r.disk.save }, "machine: snapshot: out of order"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, new(disk), account{}, Config[balance, entry, string]{
					Snapshot: Snapshot[balance]{Codec: jsonCodec{}, Every: 1},
				})
				test.stage(r).fault = errFault
				r.start()
				r.send(add(1))
				if !errors.Is(r.err, errFault) || r.err.Error() != test.want {
					t.Errorf("Run: %v, want %s", r.err, test.want)
				}
			})
		})
	}
}

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

func TestCloseLosesNothingAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, new(disk), account{}, Config[balance, entry, string]{Mailbox: 3, MaxBatch: 4})
		accepted := make(chan int, 1000)
		for range 8 { // they race with Close
			go func() {
				for n := 1; r.Send(context.Background(), add(n)) == nil; n++ {
					accepted <- n
				}
			}()
		}
		go r.Run(r.ctx)
		r.ran = true
		for range 100 {
			<-accepted
		}
		r.Close()
		synctest.Wait()
		if _, err := View(t.Context(), r.Machine, func(b balance) int { return b.Sum }); err != nil {
			t.Fatal(err)
		}
		if got, want := len(r.disk.entries()), 100+len(accepted); got != want {
			t.Errorf("%d commands were accepted, and %d carried out", want, got)
		}
	})
}

func TestBeforeRun(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var seen balance
		do, view, blocked := r.do(add(1)), r.view(&seen), r.do(add(2))
		for _, c := range []*call{do, view, blocked} {
			c.wantBlocked(t)
		}
		r.Close()
		synctest.Wait()
		blocked.want(t, outcome{err: ErrStopped})
		late := r.view(new(balance))
		late.wantBlocked(t)
		left := r.view(new(balance))
		left.leave()
		left.want(t, outcome{err: context.Canceled})

		r.start()
		do.want(t, outcome{change: Updated})
		view.want(t, outcome{})
		late.want(t, outcome{})
		if seen.Sum != 1 {
			t.Errorf("View saw %+v", seen)
		}
		r.wantEnded(t, nil, nil)
	})
}

func TestSecondRun(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		for range 2 {
			if err := r.Run(t.Context()); err != ErrSecondRun {
				t.Errorf("Run while it runs, and after its end: %v", err)
			}
			r.Close()
			synctest.Wait()
		}
	})
}

// The end of ctx is seen after the batch in hand, even if inputs and views
// never cease.
func TestCancelledRunEndsWithTheBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, new(disk), account{}, Config[balance, entry, string]{MaxBatch: 4})
		for range 20 {
			r.send(add(1))
			r.view(new(balance))
		}
		r.disk.write.hold()
		r.start()
		r.cancel(nil)
		r.disk.write.release()
		r.wantEnded(t, context.Canceled, nil)
		if got := len(r.disk.entries()); got != 2 {
			t.Errorf("%d commands were carried out, want the 2 of the batch in hand", got)
		}
	})
}

// The log must not be interrupted, while adapters may give up.
func TestContexts(t *testing.T) {
	cause := errors.New("cause")
	type key struct{}
	for name, test := range map[string]struct {
		hold func(r *rig) *stage
		want []string // outputs
	}{
		"held by the log":      {func(r *rig) *stage { return &r.disk.write }, []string{"open with 0", "updated to 1"}},
		"held by the observer": {func(r *rig) *stage { return &r.events }, []string{"open with 0"}},
		"held by the outputs":  {func(r *rig) *stage { return &r.outputs }, []string{"open with 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.ctx = context.WithValue(r.ctx, key{}, "value")
				r.start()
				stage := test.hold(r)
				stage.hold()
				c := r.do(add(1))
				r.cancel(cause)
				synctest.Wait()
				if stage.held != (stage == &r.disk.write) {
					t.Errorf("after the end of ctx the stage holds: %v", stage.held)
				}
				stage.release()
				c.want(t, outcome{change: Updated})
				r.wantEnded(t, cause, nil)
				if !slices.Equal(r.released, test.want) {
					t.Errorf("outputs: %q, want %q", r.released, test.want)
				}
				if got := r.disk.ctx.Value(key{}); got != "value" {
					t.Errorf("the log's context has the value %v", got)
				}
			})
		})
	}
}

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
