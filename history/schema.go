package history

import "github.com/edfsm/edfsm/internal/sqlitedb"

// tables is what a history keeps in a file. The rows of a record lie together
// in the order of their times, so that a range of them is read in one go, from
// either end. Numbers of records are not given twice (AUTOINCREMENT), so that a
// read in pages does not come upon the values of another record.
var tables = sqlitedb.Part{
	Name:    "history",
	Version: 1,
	Schema: []string{
		`CREATE TABLE records(
			number INTEGER PRIMARY KEY AUTOINCREMENT,
			name   TEXT NOT NULL UNIQUE,
			codec  TEXT NOT NULL
		) STRICT`,
		`CREATE TABLE history(
			record   INTEGER NOT NULL,
			time     INTEGER NOT NULL,
			sequence INTEGER NOT NULL,
			value    ANY NOT NULL,
			PRIMARY KEY(record, time, sequence)
		) STRICT, WITHOUT ROWID`,
		`CREATE TABLE history_sequence(next INTEGER NOT NULL) STRICT`,
		`INSERT INTO history_sequence(next) VALUES(1)`,
		`CREATE TABLE history_imports(source TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
		`CREATE VIEW record_history(id, record_name, value, stored_at) AS
			SELECT sequence, name, value, time FROM history JOIN records ON number = record`,
	},
}

// Statements on ranges. A blob is greater than any text, so that the empty one
// stands for no end of a range of names.
//
// Whoever wants some rows only does not step further. A bound LIMIT, and a bound
// "record = ?" with an ORDER BY, make SQLite prepare a statement anew for each
// value, which takes ten times as long as the seek. Each step of newestRows reads
// the value; its length SQLite knows without.
const (
	namesInRange = `SELECT number, name, codec FROM records WHERE name >= ?1 AND name < ?2 ORDER BY name`

	newestRows = `SELECT time, sequence, value FROM history
		WHERE (record, time, sequence) < (?1, ?2, ?3) AND (record, time, sequence) >= (?1, ?4, ?5)
		ORDER BY record DESC, time DESC, sequence DESC`

	newestFirst = `SELECT time, sequence FROM history
		WHERE (record, time, sequence) < (?1, ?2, ?3) AND (record, time, sequence) >= (?1, ?4, ?5)
		ORDER BY record DESC, time DESC, sequence DESC`

	oldestFirst = `SELECT time, sequence, octet_length(value) FROM history
		WHERE (record, time, sequence) < (?1, ?2, ?3) AND (record, time, sequence) >= (?1, ?4, ?5)
		ORDER BY record, time, sequence`

	deleteBefore = `DELETE FROM history WHERE record = ?1 AND (time, sequence) < (?2, ?3)`
)
