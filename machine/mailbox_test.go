package machine

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
)

// fill puts n items, from 0 on, from as many goroutines in that order, and
// returns the errors of the calls and which of them have returned.
func fill(b *mailbox[int], n int, ctx context.Context) (errs []error, returned []bool) {
	errs, returned = make([]error, n), make([]bool, n)
	for i := range n {
		go func() {
			errs[i] = b.put(ctx, i)
			returned[i] = true
		}()
		synctest.Wait()
	}
	return errs, returned
}

// drain polls all that waits.
func drain(b *mailbox[int]) (items []int) {
	for item := b.poll(); item != nil; item = b.poll() {
		items = append(items, *item)
	}
	return items
}

func TestMailboxIsFirstInFirstOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newMailbox[int](2)
		_, returned := fill(&b, 7, t.Context())
		if want := []bool{true, true, false, false, false, false, false}; !slices.Equal(returned, want) {
			t.Errorf("with two places, returned: %v", returned)
		}
		if got, want := drain(&b), []int{0, 1, 2, 3, 4, 5, 6}; !slices.Equal(got, want) {
			t.Errorf("drained %v, want %v", got, want)
		}
	})
}

func TestMailboxLetsBlockedSendersInByTwos(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newMailbox[int](2)
		_, returned := fill(&b, 7, t.Context())
		b.poll()
		synctest.Wait()
		if want := []bool{true, true, true, true, false, false, false}; !slices.Equal(returned, want) {
			t.Errorf("after the first two were taken, returned: %v", returned)
		}
		drain(&b)
	})
}

func TestMailboxSenderLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newMailbox[int](1)
		ctx, cancel := context.WithCancel(t.Context())
		errs, _ := fill(&b, 3, ctx)
		cancel()
		synctest.Wait()
		for i, err := range errs {
			if wantErr := i > 0; errors.Is(err, context.Canceled) != wantErr {
				t.Errorf("put %d: %v", i, err)
			}
		}
		if got := drain(&b); !slices.Equal(got, []int{0}) {
			t.Errorf("drained %v, want only what was accepted", got)
		}
		if err := b.put(ctx, 9); !errors.Is(err, context.Canceled) {
			t.Errorf("put with a context that has ended: %v", err)
		}
	})
}

// A sender that is cancelled while it is let in is told the truth: accepted,
// if its item is in the queue, and refused otherwise.
func TestMailboxSenderLeavesAsItIsLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 1000 { // which comes first is left to the scheduler
			b := newMailbox[int](1)
			ctx, cancel := context.WithCancel(t.Context())
			errs, _ := fill(&b, 2, ctx)
			cancel()
			got := drain(&b)
			synctest.Wait()
			if accepted := slices.Equal(got, []int{0, 1}); accepted != (errs[1] == nil) {
				t.Fatalf("put: %v, and yet %v were drained", errs[1], got)
			}
		}
	})
}

func TestMailboxClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newMailbox[int](2)
		errs, _ := fill(&b, 3, t.Context())
		b.close()
		b.close()
		synctest.Wait()
		if errs[2] != ErrStopped {
			t.Errorf("the blocked sender got %v", errs[2])
		}
		if err := b.put(t.Context(), 9); err != ErrStopped {
			t.Errorf("put after close: %v", err)
		}
		for want := range 2 {
			if item, err := b.take(t.Context()); err != nil || *item != want {
				t.Fatalf("take: %v, want %d", err, want)
			}
		}
		if _, err := b.take(t.Context()); err != io.EOF {
			t.Errorf("take from a closed and empty mailbox: %v", err)
		}
	})
}

func TestMailboxTakeWaits(t *testing.T) {
	cause := errors.New("cause")
	for name, test := range map[string]struct {
		do   func(b *mailbox[int], cancel context.CancelCauseFunc)
		want error
	}{
		"for an item": {func(b *mailbox[int], _ context.CancelCauseFunc) { b.put(context.Background(), 1) }, nil},
		"for close":   {func(b *mailbox[int], _ context.CancelCauseFunc) { b.close() }, io.EOF},
		"for its end": {func(_ *mailbox[int], cancel context.CancelCauseFunc) { cancel(cause) }, cause},
		"but its end is first": {func(b *mailbox[int], cancel context.CancelCauseFunc) {
			cancel(cause)
			b.put(context.Background(), 1)
		}, cause},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newMailbox[int](2)
				ctx, cancel := context.WithCancelCause(t.Context())
				returned := false
				var err error
				go func() {
					_, err = b.take(ctx)
					returned = true
				}()
				synctest.Wait()
				if returned {
					t.Fatal("take did not wait")
				}
				test.do(&b, cancel)
				synctest.Wait()
				if !returned || err != test.want {
					t.Errorf("returned %v with %v, want %v", returned, err, test.want)
				}
				cancel(nil)
			})
		})
	}
}
