//go:build unix

package crashtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edfsm/edfsm/internal/faultfs"
	"github.com/edfsm/edfsm/internal/race"
)

// Plans are the ways in which a device fails that the drivers know; with the race
// detector, which finds no more in the others, the first of them.
var Plans = func() []faultfs.Plan {
	if race.Enabled {
		return allPlans[:2]
	}
	return allPlans
}()

var allPlans = []faultfs.Plan{
	{Fault: faultfs.Fail},
	{Fault: faultfs.Fail, Always: true},
	{Fault: faultfs.Full},
	{Fault: faultfs.Full, Always: true},
	{Fault: faultfs.Short},
	{Fault: faultfs.Short, Always: true},
}

// Faults lets n operations of a day fail as the plan says, one a day. When the
// device works again, what is open goes on or says that it must be opened again,
// within a second; so does the next process; and so does what a power cut at
// that moment leaves, of the writes that were not synced all or none.
func Faults[W Workload[W]](t *testing.T, n int, plan faultfs.Plan, begin func(Place) W) (errs []error) {
	random := Random(t)
	plan.At = math.MaxInt
	operations, _, err := fault(t, plan, begin)
	must(t, err)
	tried := spread(operations, n, random)
	t.Logf("%d of %d operations", len(tried), operations)
	return each(t, len(tried), func(t *testing.T, i int) error {
		plan := plan
		plan.At = tried[i]
		if _, struck, err := fault(t, plan, begin); err != nil {
			return fmt.Errorf("operation %d of some %d, %v: %w", plan.At, operations, struck, err)
		}
		return nil
	})
}

// fault is a day with a fault, and what comes after it. It returns how many
// operations could have failed, and the first that did.
func fault[W Workload[W]](t *testing.T, plan faultfs.Plan, begin func(Place) W) (operations int, struck faultfs.Op, err error) {
	var fs *faultfs.FS
	var left W
	ops := 0
	watched(t, nil, func(f *faultfs.FS, at Place) {
		fs = f
		synctest.Test(t, func(t *testing.T) {
			work := begin(at)
			f.Inject(plan)
			work.Run(t.Context())
			if met := f.Heal(); len(met) > 0 {
				struck = met[0]
			}
			ops, left = at.Now(), work.Until(math.MaxInt, Place{})
			err = errors.Join(inTime(func() error {
				if err := work.GoOn(t.Context()); err != nil {
					return fmt.Errorf("goes on: %w", err)
				}
				_, err := work.Again(t.Context())
				return err
			}), work.Close())
		})
	})
	seed := []uint64{faultfs.DropAll, faultfs.KeepAll}[plan.At%2]
	if _, _, cut := wakeUp(t, left, math.MaxInt, fs.Image(ops, seed)); cut != nil {
		err = errors.Join(err, fmt.Errorf("after a power cut, with seed %d: %w", seed, cut))
	}
	return fs.Seen(), struck, err
}

// inTime runs what must not wait for long, in the time of a bubble.
func inTime(run func() error) error {
	start := time.Now()
	err := run()
	if waited := time.Since(start); waited > time.Second {
		err = errors.Join(err, fmt.Errorf("it took %v", waited))
	}
	return err
}

// wakeUp opens the files that are left of a folder. What was promised is what
// work was promised until a moment. It returns who has opened them, and what that
// did to the device.
func wakeUp[W Workload[W]](t *testing.T, work W, moment int, files map[string][]byte) (woken waker[W], left int, err error) {
	woken.ops = watched(t, files, func(_ *faultfs.FS, at Place) {
		woken.work = work.Until(moment, at)
		left, err = again(t, woken.work)
	})
	return woken, left, err
}

type waker[W any] struct {
	work W
	ops  []faultfs.Op
}

func again[W Workload[W]](t *testing.T, work W) (left int, err error) {
	synctest.Test(t, func(t *testing.T) {
		left, err = work.Again(context.WithoutCancel(t.Context()))
		err = errors.Join(err, work.Close())
	})
	return left, err
}
