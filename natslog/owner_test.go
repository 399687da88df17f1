package natslog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/edfsm/edfsm/natslog"
	"github.com/nats-io/nats.go/jetstream"
)

// short is a timeout for tests that wait for its end.
const short = 2 * time.Second

// open opens a log on one server that is closed with the test.
func open(t *testing.T, js jetstream.JetStream, cfg natslog.Config[put]) *natslog.Log[put] {
	t.Helper()
	cfg.Replicas = 1
	l, err := natslog.Open(t.Context(), js, cfg)
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	return l
}

// puts makes events with values from one number up to another.
func puts(from, to int) (events []put) {
	for n := from; n < to; n++ {
		events = append(events, put{Value: n})
	}
	return events
}

// values is the values of a log's events.
func values(t *testing.T, l *natslog.Log[put]) (all []int) {
	t.Helper()
	for e, err := range l.Feed(t.Context()) {
		must(t, err)
		all = append(all, e.Value)
	}
	return all
}

func wantValues(t *testing.T, l *natslog.Log[put], want ...int) {
	t.Helper()
	if got := values(t, l); !slices.Equal(got, want) {
		t.Errorf("the log has %v, want %v", got, want)
	}
}

func wantError(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestTheLastToOpenOwnsTheLog(t *testing.T) {
	servers := startServers(t, 1, false)
	first := open(t, connect(t, servers), natslog.Config[put]{})
	must(t, first.Notify(t.Context(), puts(0, 2)))
	left := first.Head()
	second := open(t, connect(t, servers), natslog.Config[put]{})
	for range 2 {
		err := first.Notify(t.Context(), puts(7, 10))
		conflict, ok := errors.AsType[*natslog.ConflictError](err)
		if !ok || conflict.Expected != left || conflict.Found != second.Head() {
			t.Errorf("%v, want a conflict of %d with %d", err, left, second.Head())
		}
		wantError(t, err, natslog.ErrConflict)
	}
	wantError(t, first.SaveSnapshot(t.Context(), "x", nil), natslog.ErrConflict)
	must(t, second.Notify(t.Context(), puts(2, 3)))
	wantValues(t, second, 0, 1, 2)
	wantValues(t, first, 0, 1, 2)
}

// Whoever appends all the time cannot keep others from opening the log.
func TestOpeningABusyLog(t *testing.T) {
	js := connect(t, startServers(t, 1, false))
	first := open(t, js, natslog.Config[put]{})
	var busy sync.WaitGroup
	for range 4 {
		busy.Go(func() {
			for range 10_000 {
				if first.Notify(t.Context(), puts(0, 1)) != nil {
					return
				}
			}
		})
	}
	open(t, js, natslog.Config[put]{})
	busy.Wait()
	wantError(t, first.Notify(t.Context(), puts(0, 1)), natslog.ErrConflict)
}

// sent counts the messages that are sent to a log.
func sent(t *testing.T, js jetstream.JetStream, log string) <-chan struct{} {
	t.Helper()
	sub, err := js.Conn().SubscribeSync("edfsm." + log + ".events")
	must(t, err)
	must(t, js.Conn().Flush())
	all := make(chan struct{}, 1000)
	go func() {
		for {
			if _, err := sub.NextMsgWithContext(t.Context()); err != nil {
				return
			}
			all <- struct{}{}
		}
	}()
	return all
}

// An answer that is lost is found out by sending the events again: they are
// stored once.
func TestLostAnswer(t *testing.T) {
	for _, n := range []int{1, 3} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			servers := startServers(t, 1, false)
			link, js := connectLink(t, servers)
			l := open(t, js, natslog.Config[put]{Timeout: 5 * time.Second})
			must(t, l.Notify(t.Context(), puts(0, 1)))
			messages := sent(t, connect(t, servers), "main")
			must(t, link.hold(true, false))
			done := make(chan error)
			go func() { done <- l.Notify(t.Context(), puts(1, 1+n)) }()
			for range 2 * n {
				<-messages
			}
			must(t, link.hold(false, false))
			must(t, <-done)
			must(t, l.Notify(t.Context(), puts(1+n, 2+n)))
			var want []int
			for v := range n + 2 {
				want = append(want, v)
			}
			wantValues(t, l, want...)
		})
	}
}

// An answer that is lost is found out even if another owner has come meanwhile.
func TestLostAnswerBeforeAnotherOwner(t *testing.T) {
	for _, n := range []int{1, 3} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			servers := startServers(t, 1, false)
			link, js := connectLink(t, servers)
			l := open(t, js, natslog.Config[put]{Timeout: 5 * time.Second})
			direct := connect(t, servers)
			messages := sent(t, direct, "main")
			must(t, link.hold(true, false))
			done := make(chan error)
			go func() { done <- l.Notify(t.Context(), puts(0, n)) }()
			for range n {
				<-messages
			}
			next := open(t, direct, natslog.Config[put]{})
			for range 1 + n { // its opening, and the events again
				<-messages
			}
			must(t, link.hold(false, false))
			must(t, <-done)
			wantError(t, l.Notify(t.Context(), puts(8, 9)), natslog.ErrConflict)
			if got := values(t, next); len(got) != n {
				t.Errorf("the log has %v", got)
			}
		})
	}
}

// Events that were stored without an answer are in the log, and it goes on
// behind them.
func TestUncertainAndStored(t *testing.T) {
	link, js := connectLink(t, startServers(t, 1, false))
	l := open(t, js, natslog.Config[put]{Timeout: short})
	must(t, l.Notify(t.Context(), puts(0, 1)))
	must(t, link.hold(true, false))
	wantError(t, l.Notify(t.Context(), puts(1, 3)), natslog.ErrUncertain)
	err := l.Notify(t.Context(), puts(8, 9))
	wantError(t, err, natslog.ErrFailed)
	wantError(t, err, natslog.ErrUncertain)
	must(t, link.hold(false, false))
	must(t, l.Notify(t.Context(), puts(3, 4)))
	wantValues(t, l, 0, 1, 2, 3)
}

// Nothing is written behind a snapshot that may still be on its way.
func TestUncertainSnapshot(t *testing.T) {
	link, js := connectLink(t, startServers(t, 1, false))
	l := open(t, js, natslog.Config[put]{Timeout: short})
	must(t, l.Notify(t.Context(), puts(0, 1)))
	must(t, link.hold(true, false))
	wantError(t, l.SaveSnapshot(t.Context(), "id", []byte("0")), natslog.ErrUncertain)
	wantError(t, l.Notify(t.Context(), puts(8, 9)), natslog.ErrFailed)
	must(t, link.hold(false, false))
	must(t, l.Notify(t.Context(), puts(1, 2)))
	if data, after := loaded(t, l, "id"); string(data) != "0" || !slices.Equal(after, []int{1}) {
		t.Errorf("%q and %v", data, after)
	}
}

// Events that come to the servers after their writer was told that nobody knows
// are kept out once somebody has looked.
func TestUncertainAndLate(t *testing.T) {
	servers := startServers(t, 1, false)
	for _, again := range []string{"another owner", "the same handle"} {
		t.Run(again, func(t *testing.T) {
			link, js := connectLink(t, servers)
			l := open(t, js, natslog.Config[put]{Name: again, Timeout: short})
			must(t, l.Notify(t.Context(), puts(0, 1)))
			must(t, link.hold(false, true))
			wantError(t, l.Notify(t.Context(), puts(1, 2)), natslog.ErrUncertain)
			if again == "another owner" {
				next := open(t, connect(t, servers), natslog.Config[put]{Name: again})
				wantValues(t, next, 0)
				must(t, link.hold(false, false))
				wantError(t, l.Notify(t.Context(), puts(2, 3)), natslog.ErrConflict)
				must(t, next.Notify(t.Context(), puts(3, 4)))
				wantValues(t, next, 0, 3)
				return
			}
			must(t, link.hold(false, false))
			before := values(t, l)
			must(t, l.Notify(t.Context(), puts(2, 3)))
			wantValues(t, l, append(before, 2)...)
		})
	}
}

// A context is obeyed until the events are sent.
func TestCancelled(t *testing.T) {
	l := open(t, connect(t, startServers(t, 1, false)), natslog.Config[put]{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantError(t, l.Notify(ctx, puts(0, 1)), context.Canceled)
	wantValues(t, l)
}
