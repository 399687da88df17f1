//go:build unix

package sqlitelog_test

import (
	"fmt"
	"testing"

	"github.com/edfsm/edfsm/internal/crashtest"
	"github.com/edfsm/edfsm/sqlitelog"
)

// Of many callers who share commits each keeps what was accepted of him, whole
// and in his order, whichever operation fails, and nothing that was refused. Where
// somebody else runs checkpoints syncs do not fail: what they leave in the WAL is
// in danger until it is begun anew.
func TestCrowdFaults(t *testing.T) {
	defer sqlitelog.SetGrain(20, 15)()
	for _, foreign := range []bool{false, true} {
		for _, plan := range crashtest.Plans {
			plan.SparesSyncs = foreign
			t.Run(fmt.Sprintf("foreign=%v/%v/always=%v", foreign, plan.Fault, plan.Always), func(t *testing.T) {
				crashtest.None(t, crashtest.Faults(t, crashtest.Count(6), plan, crowds(sqlitelog.Options{ForeignCheckpoints: foreign})))
			})
		}
	}
}

func TestCrowdFailedSyncs(t *testing.T) {
	defer sqlitelog.SetGrain(20, 15)()
	crashtest.None(t, crashtest.FailedSyncs(t, crashtest.Count(30), crowds(sqlitelog.Options{})))
}

// So it is when the power fails.
func TestCrowdPowerCut(t *testing.T) {
	defer sqlitelog.SetGrain(20, 15)()
	for _, file := range []sqlitelog.Options{{}, {Durability: sqlitelog.Normal}, {ForeignCheckpoints: true}} {
		t.Run(fmt.Sprintf("durability=%d/foreign=%v", file.Durability, file.ForeignCheckpoints), func(t *testing.T) {
			d := crashtest.Record(t, crowds(file))
			crashtest.None(t, crashtest.PowerCuts(t, crashtest.Count(30), d))
		})
	}
}

func TestCrowdPowerCutAgain(t *testing.T) {
	defer sqlitelog.SetGrain(20, 15)()
	crashtest.None(t, crashtest.PowerCutsAgain(t, crashtest.Count(40), crashtest.Record(t, crowds(sqlitelog.Options{}))))
}
