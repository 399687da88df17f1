//go:build unix

package history_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/edfsm/edfsm/history"
	"github.com/edfsm/edfsm/internal/crashtest"
)

func TestMain(m *testing.M) {
	crashtest.Main(m, map[string]func(args []string) error{
		"store":  func(args []string) error { return storeForEver(args, fmt.Println) },
		"hasten": hasten,
	})
}

// A round is several batches that are stored at the same time. After each tenth a
// child deletes what is older than five rounds.
const (
	roundBatches = 4
	cleanEvery   = 10
	keptRounds   = 5
)

// roundOf is the batches of a round.
func roundOf(round int) (batches [][]placed) {
	for i := range roundBatches {
		n := 100*round + 10*i
		batches = append(batches, []placed{
			bytesAt(fmt.Sprint("r/", i), n, 40),
			bytesAt(fmt.Sprint("r/", (i+1)%roundBatches), n+2, 900),
			bytesAt(fmt.Sprint("once/", round, "/", i), n+4, 0),
		})
	}
	return batches
}

func (w *workload) storeRound(ctx context.Context, round int) error {
	var wg sync.WaitGroup
	batches := roundOf(round)
	errs := make([]error, len(batches))
	for i, rows := range batches {
		wg.Go(func() { errs[i] = w.storeAll(ctx, rows) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func oldestKept(round int) int { return 100 * max(round-keptRounds, 0) }

// storeForEver stores from a round on and says which one was accepted.
func storeForEver(args []string, say func(...any) (int, error)) error {
	history.SetGrain(importPage, 8, 42)
	round, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	ctx := context.Background()
	w := &workload{here: crashtest.Place{Dir: args[0]}}
	if err := w.open(ctx); err != nil {
		return err
	}
	for ; ; round++ {
		if err := w.storeRound(ctx, round); err != nil {
			return err
		}
		if _, err := say(round); err != nil {
			return err
		}
		if round%cleanEvery == 0 {
			if _, err := w.h.Cleanup(ctx, place{n: oldestKept(round)}.at()); err != nil {
				return err
			}
		}
	}
}

// hasten says that a round was accepted before it was begun: of one that is under
// way only the sync may be left, which a kill does not take back.
func hasten(args []string) error {
	round, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	fmt.Println(round + 1)
	return storeForEver(args, func(round ...any) (int, error) { return fmt.Println(round[0].(int) + 2) })
}

// kills kills children that do some work on one file, n times, and looks each time
// what they have left.
func kills(t *testing.T, n int, work string) (errs []error) {
	random := crashtest.Random(t)
	w := works(t, history.Options{})(crashtest.Place{Dir: t.TempDir(), Now: func() int { return 0 }})
	for next := 1; n > 0; n-- {
		c := crashtest.Start(t, work, w.here.Dir, strconv.Itoa(next))
		c.Kill(t, 1+random.IntN(12), time.Duration(random.IntN(3000))*time.Microsecond)
		w.told(next, c.Last)
		next = c.Last + 2
		err := w.open(t.Context())
		if err == nil {
			_, err = w.compare(t.Context(), w.read)
			err = errors.Join(err, w.checkFile(t.Context()), w.Close())
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("killed when it had said %d: %w", c.Last, err))
		}
	}
	return errs
}

// told takes note of what a child has said: that it has stored the rounds from
// first through last. It was at work on the next one.
func (w *workload) told(first, last int) {
	for round := first; round <= last+1; round++ {
		steps := make([]*step, roundBatches)
		for i, rows := range roundOf(round) {
			steps[i] = w.begin(&step{rows: rows})
		}
		for _, s := range steps {
			w.end(s, accepted(round <= last))
		}
		if round%cleanEvery == 0 && round <= last {
			w.end(w.begin(w.cutoff(oldestKept(round))), accepted(round < last))
		}
	}
}

func accepted(yes bool) error {
	if yes {
		return nil
	}
	return history.ErrUncertain
}

// Killed at any moment, while it stores, deletes or shrinks the file, a history
// has what it had accepted, in batches that are whole.
func TestKill(t *testing.T) {
	t.Parallel()
	if crashtest.Count(30) == 0 {
		t.Skip("there is no last kill")
	}
	const most = 50 // of a file, which grows
	for left := crashtest.Count(30); left > 0; left -= most {
		crashtest.None(t, kills(t, min(left, most), "store"))
	}
}

// A child that says too early what was accepted is found out.
func TestKillHasty(t *testing.T) {
	crashtest.SkipRace(t)
	t.Parallel()
	crashtest.Some(t, kills(t, 8, "hasten"))
}
