package machine

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

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

func TestHydrationPanics(t *testing.T) {
	for _, method := range []string{"Init", "Terminal", "Evolve"} {
		t.Run(method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, lost := new(disk), error(nil)
				d.events = []entry{{Amount: 7}}
				if method == "Evolve" {
					d.events = append(d.events, entry{Boom: "evolve"})
					lost = ErrStopped
				}
				var seen balance
				r := newRig(t, d, brittle{method: method}, Config[balance, entry, string]{})
				do, view := r.do(add(1)), r.view(&seen)
				r.start()
				do.want(t, outcome{err: ErrStopped})
				view.want(t, outcome{err: lost})
				r.wantEnded(t, nil, errBoom)
				if lost == nil && seen.Sum != 7 {
					t.Errorf("View gave %v", seen)
				}
			})
		})
	}
}

// brittle panics in a method that no input leads to.
type brittle struct {
	account
	method string
}

func (f brittle) Init(balance, func(string)) {
	if f.method == "Init" {
		panic(errBoom)
	}
}

func (f brittle) Terminal(balance) bool {
	if f.method == "Terminal" {
		panic(errBoom)
	}
	return false
}

func TestFailuresAreNamed(t *testing.T) {
	for name, test := range map[string]struct {
		stage  func(r *rig) *stage
		encode error
		want   string
	}{
		"replay":   {stage: func(r *rig) *stage { return &r.disk.read }, want: "machine: log: replay: out of order"},
		"load":     {stage: func(r *rig) *stage { return &r.disk.load }, want: `machine: log: replay: load snapshot "json/0": out of order`},
		"log":      {stage: func(r *rig) *stage { return &r.disk.write }, want: "machine: log: out of order"},
		"events":   {stage: func(r *rig) *stage { return &r.events }, want: "machine: events: out of order"},
		"outputs":  {stage: func(r *rig) *stage { return &r.outputs }, want: "machine: outputs: out of order"},
		"snapshot": {stage: func(r *rig) *stage { return &r.disk.save }, want: "machine: snapshot: out of order"},
		"encode":   {encode: errFault, want: "machine: snapshot: out of order"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, new(disk), account{}, Config[balance, entry, string]{
					Snapshot: Snapshot[balance]{Codec: jsonCodec{test.encode}, Every: 1},
				})
				if test.stage != nil {
					test.stage(r).fault = errFault
				}
				r.start()
				r.send(add(1))
				if !errors.Is(r.err, errFault) || r.err.Error() != test.want {
					t.Errorf("Run: %v, want %s", r.err, test.want)
				}
			})
		})
	}
}

func TestCloseLosesNothingAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, new(disk), account{}, Config[balance, entry, string]{Mailbox: 3, MaxBatch: 4})
		var accepted atomic.Int64
		enough := make(chan struct{})
		for range 8 { // they race with Close
			go func() {
				for n := 1; r.Send(context.Background(), add(n)) == nil; n++ {
					if accepted.Add(1) == 100 {
						close(enough)
					}
				}
			}()
		}
		go r.Run(r.ctx)
		r.ran = true
		<-enough
		r.Close()
		synctest.Wait()
		if _, err := View(t.Context(), r.Machine, func(b balance) int { return b.Sum }); err != nil {
			t.Fatal(err)
		}
		if got, want := len(r.disk.entries()), int(accepted.Load()); got != want {
			t.Errorf("%d commands were accepted, and %d carried out", want, got)
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
