//go:build unix

package history_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/edfsm/edfsm/history"
	"github.com/edfsm/edfsm/internal/crashtest"
	"github.com/edfsm/edfsm/internal/faultfs"
)

// works returns somebody who uses a history of a file that is opened like this.
func works(t *testing.T, file history.Options) func(crashtest.Place) *workload {
	makeSmall(t)
	path := importSource(t)
	return func(here crashtest.Place) *workload {
		return &workload{promises: &promises{now: here.Now}, here: here, file: file, source: path}
	}
}

// small counts the tests at the moment that want pages, slices and blocks to come
// to an end in a day of a workload.
var small struct {
	mu    sync.Mutex
	users int
	reset func()
}

// makeSmall makes them small until the last of such tests ends. They may run at the
// same time; those that rely on another grain are over by then.
func makeSmall(t *testing.T) {
	small.mu.Lock()
	defer small.mu.Unlock()
	if small.users == 0 {
		small.reset = history.SetGrain(importPage, 8, 42)
	}
	small.users++
	t.Cleanup(func() {
		small.mu.Lock()
		defer small.mu.Unlock()
		if small.users--; small.users == 0 {
			small.reset()
		}
	})
}

// Whichever operation of the device fails, once or from then on, a history keeps
// what it has accepted, whole and in order, and nothing that it has refused, and
// what it has deleted stays so.
func TestFaults(t *testing.T) {
	for _, exclusive := range []bool{false, true} {
		for _, plan := range crashtest.Plans {
			t.Run(fmt.Sprintf("exclusive=%v/%v/always=%v", exclusive, plan.Fault, plan.Always), func(t *testing.T) {
				t.Parallel()
				crashtest.None(t, crashtest.Faults(t, crashtest.Count(16), plan, works(t, history.Options{Exclusive: exclusive})))
			})
		}
	}
}

// A device that says it has written, and has not, loses what was accepted.
func TestFaultsUnseen(t *testing.T) {
	crashtest.SkipRace(t)
	t.Parallel()
	crashtest.Some(t, crashtest.Faults(t, 10, faultfs.Plan{Fault: faultfs.Lost}, works(t, history.Options{})))
}

// A sync fails, the process is killed, the next one goes on, and the power fails.
func TestFailedSyncs(t *testing.T) {
	t.Parallel()
	crashtest.None(t, crashtest.FailedSyncs(t, crashtest.Count(100), works(t, history.Options{})))
}

// Whenever the power fails, and whatever of the writes that were not synced the
// device has kept, a history has what it had accepted, and goes on.
func TestPowerCut(t *testing.T) {
	for _, exclusive := range []bool{false, true} {
		t.Run(fmt.Sprintf("exclusive=%v", exclusive), func(t *testing.T) {
			t.Parallel()
			d := crashtest.Record(t, works(t, history.Options{Exclusive: exclusive}))
			crashtest.None(t, crashtest.PowerCuts(t, crashtest.Count(75), d))
		})
	}
}

// With Normal the newest commits may be lost, and never one before them.
func TestPowerCutNormal(t *testing.T) {
	t.Parallel()
	d := crashtest.Record(t, works(t, history.Options{Durability: history.Normal}))
	crashtest.None(t, crashtest.PowerCuts(t, crashtest.Count(25), d))
}

// So it is when the power fails again while the history is opened after the first
// time, or right after.
func TestPowerCutAgain(t *testing.T) {
	t.Parallel()
	d := crashtest.Record(t, works(t, history.Options{}))
	crashtest.None(t, crashtest.PowerCutsAgain(t, crashtest.Count(100), d))
}

// A device that does not sync, as with synchronous=OFF, loses what was accepted,
// and breaks the file.
func TestPowerCutUnsynced(t *testing.T) {
	crashtest.SkipRace(t)
	t.Parallel()
	crashtest.Some(t, crashtest.PowerCuts(t, 20, crashtest.Record(t, works(t, history.Options{})).Unsynced()))
}

// A power cut can be seen again.
func TestDayRepeats(t *testing.T) {
	must(t, crashtest.Repeats(t, works(t, history.Options{})))
}

// Each driver finds somebody who takes for accepted what is not yet stored.
func TestFaultsHasty(t *testing.T) {
	crashtest.SkipRace(t)
	t.Parallel()
	begin := works(t, history.Options{})
	hasty := func(here crashtest.Place) *workload {
		w := begin(here)
		w.hasty = true
		return w
	}
	crashtest.Some(t, crashtest.Faults(t, 10, crashtest.Plans[1], hasty))
	crashtest.Some(t, crashtest.FailedSyncs(t, 20, hasty))
	crashtest.Some(t, crashtest.PowerCuts(t, 10, crashtest.Record(t, hasty)))
	crashtest.Some(t, crashtest.PowerCutsAgain(t, 15, crashtest.Record(t, hasty)))
}

// Those that take the newest batches find one that is stored in parts.
func TestFaultsTorn(t *testing.T) {
	crashtest.SkipRace(t)
	t.Parallel()
	begin := works(t, history.Options{Durability: history.Normal})
	d := crashtest.Record(t, func(here crashtest.Place) *workload {
		w := begin(here)
		w.torn = true
		return w
	})
	crashtest.Some(t, crashtest.WALCut(t, 50, "history.db", d))
	crashtest.Some(t, crashtest.WALBitFlips(t, 30, "history.db", d))
}
