//go:build unix

package sqlitelog_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/edfsm/edfsm/internal/crashtest"
	"github.com/edfsm/edfsm/internal/faultfs"
	"github.com/edfsm/edfsm/sqlitelog"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
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
			return crashtest.BitFlips(t, 100, "log.db", crashtest.Record(t, flawed(uncompacted)), readRows)
		},
		"Kills/accepted too soon": func(t *testing.T) []error {
			path := filepath.Join(t.TempDir(), "log.db")
			return crashtest.Kills(t, 30, 5, func(last int) error { return checkKilled(t, path, last) }, "append early", path, "main")
		},
	} {
		t.Run(name, func(t *testing.T) { crashtest.Some(t, find(t)) })
	}
}

// readRows is read by somebody who takes the rows as they are.
func readRows(_ *testing.T, at crashtest.Place) (seen int, wrong, err error) {
	conn, err := sqlite.OpenConn(at.Path("log.db"), sqlite.OpenReadWrite)
	if err != nil {
		return 0, nil, err
	}
	err = sqlitex.Execute(conn, "SELECT offset, value FROM (SELECT * FROM compacted UNION ALL SELECT * FROM log) ORDER BY offset", &sqlitex.ExecOptions{
		ResultFunc: func(stmt *sqlite.Stmt) error {
			var e put
			seen++
			if err := json.Unmarshal([]byte(stmt.ColumnText(1)), &e); err != nil {
				return err
			}
			if offset := stmt.ColumnInt64(0); offset < 1 || e != appended(offset) {
				wrong = fmt.Errorf("event %d is %v", offset, e)
			}
			return nil
		},
	})
	return seen, wrong, errors.Join(err, conn.Close())
}
