package sqlitelog

import "github.com/edfsm/edfsm/internal/sqlitedb"

// tables is what logs keep in a file. The offset is the rowid of log and of
// compacted, so that events are appended to the end of one b-tree, moved to the
// end of the other, and read back without a sort. The partial indexes let logs
// other than the first be read without passing over it, and cost a file with
// one log nothing.
var tables = sqlitedb.Part{
	Name:    "log",
	Version: 1,
	Schema: []string{
		`CREATE TABLE logs(
			number      INTEGER PRIMARY KEY,
			name        TEXT NOT NULL UNIQUE,
			codec       TEXT NOT NULL,
			epoch       INTEGER NOT NULL,
			floor       INTEGER NOT NULL,
			compactions INTEGER NOT NULL
		) STRICT`,
		`CREATE TABLE log(` + eventColumns + `) STRICT`,
		`CREATE TABLE compacted(` + eventColumns + `) STRICT`,
		`CREATE TABLE quarantine(` + eventColumns + `, reason TEXT NOT NULL) STRICT`,
		`CREATE INDEX log_of_others ON log(log) WHERE log > 1`,
		`CREATE INDEX compacted_of_others ON compacted(log) WHERE log > 1`,
	},
}

const eventColumns = `
	offset      INTEGER PRIMARY KEY,
	log         INTEGER NOT NULL,
	key         TEXT,
	tombstone   INTEGER NOT NULL,
	value       ANY NOT NULL,
	recorded_at INTEGER NOT NULL,
	crc         INTEGER NOT NULL`

// queries are the statements on the events of one log. The first log of a file
// has number 1 and is read along the table, the others along their index.
type queries struct {
	newest          string // the offset of the newest event in log, 0 without one
	newestCompacted string // the same in compacted
	nth             string // the offset of the n-th newest event in log, from 0
	move            string // copies a range of log to compacted

	log, compacted table
}

// table is the statements on the events of one log in one table. Ranges have
// an exclusive start and an inclusive end.
type table struct {
	read string // whole records of a range, in order
	keys string // their offsets, keys and tombstones
	drop string // deletes a range
}

// queriesFor returns constants: statements are kept by their text for ever.
func queriesFor(number int64) *queries {
	if number == 1 {
		return &firstQueries
	}
	return &otherQueries
}

var (
	firstQueries = makeQueries("log = ?", "log", "compacted")
	otherQueries = makeQueries("log = ? AND log > 1", "log INDEXED BY log_of_others", "compacted INDEXED BY compacted_of_others")
)

func makeQueries(mine, log, compacted string) queries {
	t := func(name string) table {
		within := " FROM " + name + " WHERE " + mine + " AND offset > ? AND offset <= ?"
		return table{
			read: "SELECT offset, key, tombstone, value, recorded_at, crc" + within + " ORDER BY offset",
			keys: "SELECT offset, key, tombstone" + within + " ORDER BY offset",
			drop: "DELETE" + within,
		}
	}
	return queries{
		newest:          "SELECT ifnull(max(offset), 0) FROM log WHERE " + mine,
		newestCompacted: "SELECT ifnull(max(offset), 0) FROM compacted WHERE " + mine,
		nth:             "SELECT offset FROM " + log + " WHERE " + mine + " ORDER BY offset DESC LIMIT 1 OFFSET ?",
		move: "INSERT INTO compacted SELECT offset, log, key, tombstone, value, recorded_at, crc FROM " + log +
			" WHERE " + mine + " AND offset > ? AND offset <= ? ORDER BY offset",

		log:       t(log),
		compacted: t(compacted),
	}
}

const insertEvent = `INSERT INTO log(log, offset, key, tombstone, value, recorded_at, crc) VALUES(?, ?, ?, ?, ?, ?, ?)`

// raiseFloor goes with every deletion: no offset is given twice, and readers in
// other processes start again.
const raiseFloor = `UPDATE logs SET floor = max(floor, ?), compactions = compactions + 1 WHERE number = ?`
