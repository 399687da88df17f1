//go:build unix

package sqlitelog_test

import (
	"fmt"
	"strings"
)

// crowdBatch is a batch, of which each fourth is refused when the rest of it is
// done, if there is the trigger.
func crowdBatch(n int) []put {
	batch := []put{{Value: n}, {Key: fmt.Sprint("k", n%7), Value: n}}
	if n%5 == 0 {
		batch = append(batch, put{Key: fmt.Sprint("k", n*3%7), Delete: true})
	}
	if n%9 == 0 {
		for i := range 50 {
			batch = append(batch, put{Key: fmt.Sprint("many", i%40), Value: n})
		}
	}
	if n%4 == 3 {
		batch = append(batch, put{Key: "poison", Value: n, Delete: n%12 == 3})
	}
	return append(batch, put{Value: n})
}

// trigger undoes a statement that inserts poison, or, if it also deletes, the
// whole transaction, as SQLite does when the disk is full.
const trigger = `CREATE TRIGGER IF NOT EXISTS poison BEFORE INSERT ON log WHEN NEW.value LIKE '%poison%' BEGIN
	SELECT CASE WHEN NEW.value LIKE '%Delete%' THEN RAISE(ROLLBACK, 'poison') ELSE RAISE(ABORT, 'poison') END; END`

// spoil changes records of one log behind its back.
const spoil = `UPDATE log SET crc = crc + 1 WHERE log = (SELECT number FROM logs WHERE name = 'quarantined') AND offset % 5 = 2`

// unlessPoison is an error that was not to be: poison fails also who is in the
// same transaction, when that is undone as a whole.
func unlessPoison(err error) error {
	if err != nil && strings.Contains(err.Error(), "poison") {
		return nil
	}
	return err
}
