package sqlitelog

import "github.com/edfsm/edfsm/internal/sqlitedb"

// file is what the logs of one file have in common in this process. It is used
// by whoever has the writer.
type file struct {
	tx      uint64 // the transaction that refresh has seen last
	version int64  // SQLite's data_version then
	next    int64  // the next offset

	// generation changes when somebody else has written to the file, or a log
	// of it has changed hands. What is not changed by other logs of this file
	// is known to hold within a generation.
	generation uint64
}

func fileOf(db *sqlitedb.DB) *file {
	return sqlitedb.Shared(db, "log", func() *file { return &file{version: -1} })
}

// refresh finds out, once in a transaction, whether somebody else has written.
func (f *file) refresh(tx sqlitedb.Tx) error {
	if f.tx == tx.ID() {
		return nil
	}
	version, _, err := tx.Int("PRAGMA data_version")
	if err != nil {
		return err
	}
	if version != f.version {
		newest, err := newestOf(tx.Rx)
		if err != nil {
			return err
		}
		floor, _, err := tx.Int("SELECT ifnull(max(floor), 0) FROM logs")
		if err != nil {
			return err
		}
		f.version, f.next = version, max(newest, floor)+1
		f.generation++
	}
	f.tx = tx.ID()
	return nil
}

// reserve returns the first of n new offsets. Those of a transaction that is
// rolled back leave a gap.
func (f *file) reserve(n int) int64 {
	first := f.next
	f.next += int64(n)
	return first
}

// newestOf returns the newest offset of all logs of a file, 0 without one.
func newestOf(rx sqlitedb.Rx) (int64, error) {
	offset, _, err := rx.Int("SELECT max(ifnull((SELECT max(offset) FROM log), 0), ifnull((SELECT max(offset) FROM compacted), 0))")
	return offset, err
}

// newestIn returns the newest offset of the log with a number after an offset, 0
// without one.
func newestIn(rx sqlitedb.Rx, number, after int64) (offset int64, err error) {
	sql := queriesFor(number)
	for _, query := range []string{sql.log.newest, sql.compacted.newest} {
		newest, _, err := rx.Int(query, number, after)
		if err != nil {
			return 0, err
		}
		offset = max(offset, newest)
	}
	return offset, nil
}
