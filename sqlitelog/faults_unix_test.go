//go:build unix

package sqlitelog_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/edfsm/edfsm/internal/crashtest"
	"github.com/edfsm/edfsm/internal/faultfs"
	"github.com/edfsm/edfsm/sqlitelog"
)

// Whichever operation of the device fails, once or from then on, a log keeps
// what it has accepted, whole and in order, and nothing that it has refused.
func TestFaults(t *testing.T) {
	for _, exclusive := range []bool{false, true} {
		for _, plan := range crashtest.Plans {
			t.Run(fmt.Sprintf("exclusive=%v/%v/always=%v", exclusive, plan.Fault, plan.Always), func(t *testing.T) {
				crashtest.None(t, crashtest.Faults(t, crashtest.Count(6), plan, works(sqlitelog.Options{Exclusive: exclusive})))
			})
		}
	}
}

// On a short day that is tried with every operation.
func TestEachFaults(t *testing.T) {
	for _, plan := range crashtest.Plans {
		t.Run(fmt.Sprintf("%v/always=%v", plan.Fault, plan.Always), func(t *testing.T) {
			crashtest.None(t, crashtest.Faults(t, crashtest.Count(1000), plan, worksHalf))
		})
	}
}

// A full disk says so to the call that has met it. Opened again, once there is
// room, the log goes on behind all that it had accepted.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	f, err := faultfs.New(dir)
	must(t, err)
	defer f.Close()
	path := filepath.Join(dir, "log.db")
	log := open(t, path, sqlitelog.Config[int]{})
	must(t, log.Notify(t.Context(), []int{1}))
	f.Inject(faultfs.Plan{Fault: faultfs.Full, At: 1, Always: true})
	if err := log.Notify(t.Context(), []int{2}); !errors.Is(err, sqlitelog.ErrFull) || !errors.Is(err, sqlitelog.ErrUncertain) {
		t.Errorf("on a full disk: %v", err)
	}
	f.Heal()
	err = log.Notify(t.Context(), []int{3})
	if !errors.Is(err, sqlitelog.ErrFailed) || errors.Is(err, sqlitelog.ErrFull) || errors.Is(err, sqlitelog.ErrUncertain) {
		t.Errorf("later: %v", err)
	}
	must(t, log.Close())
	log = open(t, path, sqlitelog.Config[int]{})
	defer log.Close()
	must(t, log.Notify(t.Context(), []int{4}))
	if got := events(t, log); !slices.Equal(got, []int{1, 4}) && !slices.Equal(got, []int{1, 2, 4}) {
		t.Errorf("the log has %v", got)
	}
}

// A sync fails, the process is killed, the next one goes on, and the power fails.
func TestFailedSyncs(t *testing.T) {
	crashtest.None(t, crashtest.FailedSyncs(t, crashtest.Count(200), works(sqlitelog.Options{})))
}

// Whenever the power fails, and whatever of the writes that were not synced the
// device has kept, a log has what it had accepted, whole and in order, and goes
// on.
func TestPowerCut(t *testing.T) {
	for _, exclusive := range []bool{false, true} {
		t.Run(fmt.Sprintf("exclusive=%v", exclusive), func(t *testing.T) {
			d := crashtest.Record(t, works(sqlitelog.Options{Exclusive: exclusive}))
			crashtest.None(t, crashtest.PowerCuts(t, crashtest.Count(140), d))
		})
	}
}

// With Normal the newest commits may be lost, and never one before them.
func TestPowerCutNormal(t *testing.T) {
	d := crashtest.Record(t, works(sqlitelog.Options{Durability: sqlitelog.Normal}))
	crashtest.None(t, crashtest.PowerCuts(t, crashtest.Count(140), d))
}

// So it is when the power fails again while the log is opened after the first
// time, or right after.
func TestPowerCutAgain(t *testing.T) {
	crashtest.None(t, crashtest.PowerCutsAgain(t, crashtest.Count(120), crashtest.Record(t, works(sqlitelog.Options{}))))
}

// A power cut can be seen again.
func TestDayRepeats(t *testing.T) {
	must(t, crashtest.Repeats(t, works(sqlitelog.Options{})))
}
