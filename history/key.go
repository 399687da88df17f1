package history

import (
	"math"

	"github.com/edfsm/edfsm/internal/sqlitedb"
	"github.com/edfsm/edfsm/timeutil"
	"zombiezen.com/go/sqlite"
)

// key is the place of a row in its record.
type key struct {
	time     timeutil.Millis
	sequence int64
}

// All rows lie between these.
var (
	firstKey = key{math.MinInt64, 0}
	lastKey  = key{math.MaxInt64, 0}
)

// next is the least key after k.
func (k key) next() key { return key{k.time, k.sequence + 1} }

func keyAt(stmt *sqlite.Stmt) key {
	return key{timeutil.Millis(stmt.ColumnInt64(0)), stmt.ColumnInt64(1)}
}

// bindRange binds the keys from last on that are before another one.
func bindRange(stmt *sqlite.Stmt, number int64, before, last key) {
	stmt.BindInt64(1, number)
	stmt.BindInt64(2, int64(before.time))
	stmt.BindInt64(3, before.sequence)
	stmt.BindInt64(4, int64(last.time))
	stmt.BindInt64(5, last.sequence)
}

// walk steps through a range, newestFirst or oldestFirst, but for at most n
// rows. It returns the key of the last of them, and how many they were.
func walk(rx sqlitedb.Rx, query string, number int64, before, last key, n int) (k key, rows int, err error) {
	stmt, err := rx.Prepare(query)
	if err != nil {
		return k, 0, err
	}
	bindRange(stmt, number, before, last)
	for rows < n {
		row, err := stmt.Step()
		if err != nil || !row {
			return k, rows, err
		}
		k = keyAt(stmt)
		rows++
	}
	return k, rows, stmt.Reset()
}

// nth returns the n-th key of a range, from 0.
func nth(rx sqlitedb.Rx, query string, number int64, before, last key, n int) (k key, ok bool, err error) {
	k, rows, err := walk(rx, query, number, before, last, n+1)
	return k, rows == n+1, err
}
