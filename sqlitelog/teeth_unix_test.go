//go:build unix

package sqlitelog_test

import (
	"path/filepath"
	"testing"

	"github.com/edfsm/edfsm/internal/crashtest"
	"github.com/edfsm/edfsm/internal/faultfs"
	"github.com/edfsm/edfsm/sqlitelog"
)

// A driver that does not see what is broken on purpose would not see anything.
func TestDriversFindWhatIsBroken(t *testing.T) {
	crashtest.SkipRace(t)
	t.Parallel()
	for name, find := range map[string]func(t *testing.T) []error{
		"Faults/accepted too soon": func(t *testing.T) []error {
			return crashtest.Faults(t, 20, faultfs.Plan{Fault: faultfs.Full}, flawed(early))
		},
		"Faults/writes that are lost": func(t *testing.T) []error {
			return crashtest.Faults(t, 16, faultfs.Plan{Fault: faultfs.Lost}, works(sqlitelog.Options{}))
		},
		"FailedSyncs/WAL not copied back": func(t *testing.T) []error {
			return crashtest.FailedSyncs(t, 12, works(sqlitelog.Options{ForeignCheckpoints: true}))
		},
		"PowerCuts/accepted too soon": func(t *testing.T) []error {
			return crashtest.PowerCuts(t, 20, crashtest.Record(t, flawed(early)))
		},
		"PowerCuts/no syncs": func(t *testing.T) []error {
			return crashtest.PowerCuts(t, 20, crashtest.Record(t, works(sqlitelog.Options{})).Unsynced())
		},
		"PowerCutsAgain/accepted too soon after the first": func(t *testing.T) []error {
			return crashtest.PowerCutsAgain(t, 80, crashtest.Record(t, flawed(earlyAgain)))
		},
		"WALCut/a batch in two parts": func(t *testing.T) []error {
			return crashtest.WALCut(t, 60, "log.db", crashtest.Record(t, flawed(parted)))
		},
		"WALBitFlips/a batch in two parts": func(t *testing.T) []error {
			return crashtest.WALBitFlips(t, 80, "log.db", crashtest.Record(t, flawed(parted)))
		},
		"BitFlips/checksums not compared": func(t *testing.T) []error {
			return crashtest.BitFlips(t, 100, "log.db", crashtest.Record(t, works(sqlitelog.Options{})), readBy(unchecked))
		},
		"Kills/accepted too soon": func(t *testing.T) []error {
			path := filepath.Join(t.TempDir(), "log.db")
			return crashtest.Kills(t, 30, 5, func(last int) error { return checkKilled(t, path, last) }, "append early", path, "main")
		},
	} {
		t.Run(name, func(t *testing.T) { crashtest.Some(t, find(t)) })
	}
}
