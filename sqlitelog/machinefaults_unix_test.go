//go:build unix

package sqlitelog_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/edfsm/edfsm/internal/crashtest"
	"github.com/edfsm/edfsm/sqlitelog"
)

// Whichever operation of the device fails, the next machine has the state that
// all its durable events lead to, and those are all that it has said were durable,
// all whose outputs were announced, and none that was refused.
func TestMachineFaults(t *testing.T) {
	for _, plan := range crashtest.Plans {
		t.Run(fmt.Sprintf("%v/always=%v", plan.Fault, plan.Always), func(t *testing.T) {
			crashtest.None(t, crashtest.Faults(t, crashtest.Count(8), plan, machines))
		})
	}
}

func TestMachineFailedSyncs(t *testing.T) {
	crashtest.None(t, crashtest.FailedSyncs(t, crashtest.Count(15), machines))
}

func TestMachinePowerCut(t *testing.T) {
	crashtest.None(t, crashtest.PowerCuts(t, crashtest.Count(50), crashtest.Record(t, machines)))
}

func TestMachinePowerCutAgain(t *testing.T) {
	crashtest.None(t, crashtest.PowerCutsAgain(t, crashtest.Count(40), crashtest.Record(t, machines)))
}

// Killed at any moment, a machine starts again with what it had announced or
// answered.
func TestMachineKill(t *testing.T) {
	const most = 100 // of a file, which grows
	for left := crashtest.Count(30); left > 0; left -= most {
		path := filepath.Join(t.TempDir(), "log.db")
		check := func(last int) error { return checkKilledMachine(t, path, last) }
		crashtest.None(t, crashtest.Kills(t, min(left, most), 40, check, "machine", path, "main"))
		checkFile(t, path)
	}
}

// tallyForEver tells a machine number after number, and says which was announced,
// and which was answered.
func tallyForEver(ctx context.Context, log *sqlitelog.Log[put]) error {
	say := func(n int) { fmt.Println(n) }
	return runTally(ctx, log, say, func(m *tallyMachine) error {
		s, err := stateOfTally(ctx, m)
		for n := len(s.Numbers) + 1; err == nil; n++ {
			if _, err = m.Do(ctx, n); err == nil {
				say(n)
			}
		}
		return err
	})
}

func checkKilledMachine(t *testing.T, path string, last int) error {
	log := open(t, path, sqlitelog.Config[put]{Key: putKey})
	err := runTally(t.Context(), log, func(int) {}, func(m *tallyMachine) error {
		s, err := stateOfTally(t.Context(), m)
		if err == nil {
			err = s.check()
		}
		if n := len(s.Numbers); err == nil && (n < last || n > last+1 || !slices.IsSorted(s.Numbers)) {
			err = fmt.Errorf("there are numbers %v", s.Numbers)
		}
		return err
	})
	return errors.Join(err, log.Close())
}
