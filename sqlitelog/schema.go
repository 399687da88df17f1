package sqlitelog

import (
	"math"

	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// tables is what logs keep in a file. The offset is the rowid of log and of
// compacted, so that events are appended to the end of one b-tree, moved to the
// end of the other, and read back without a sort. The partial indexes let logs
// other than the first be read without passing over it, and cost a file with
// one log nothing.
var tables = sqlitedb.Part{
	Name:    "log",
	Version: 2,
	Schema: []string{
		`CREATE TABLE logs(
			number      INTEGER PRIMARY KEY,
			name        TEXT NOT NULL UNIQUE,
			codec       TEXT NOT NULL,
			epoch       INTEGER NOT NULL,
			floor       INTEGER NOT NULL,
			dropped     INTEGER NOT NULL,
			tombstones  INTEGER NOT NULL,
			compactions INTEGER NOT NULL
		) STRICT`,
		`CREATE TABLE log(` + eventColumns + `) STRICT`,
		`CREATE TABLE compacted(` + eventColumns + `) STRICT`,
		`CREATE TABLE quarantine(` + eventColumns + `, reason TEXT NOT NULL) STRICT`,
		`CREATE TABLE snapshots(
			log         INTEGER NOT NULL,
			id          TEXT NOT NULL,
			position    INTEGER NOT NULL,
			data        BLOB NOT NULL,
			recorded_at INTEGER NOT NULL,
			crc         INTEGER NOT NULL,
			PRIMARY KEY(log, id)
		) STRICT`,
		`CREATE TABLE subscriptions(
			log        INTEGER NOT NULL,
			name       TEXT NOT NULL,
			position   INTEGER NOT NULL,
			updated_at INTEGER NOT NULL,
			PRIMARY KEY(log, name)
		) STRICT, WITHOUT ROWID`,
		`CREATE TABLE skipped(
			log          INTEGER NOT NULL,
			subscription TEXT NOT NULL,
			offset       INTEGER NOT NULL,
			key          TEXT,
			value        ANY NOT NULL,
			reason       TEXT NOT NULL,
			skipped_at   INTEGER NOT NULL,
			PRIMARY KEY(log, subscription, offset)
		) STRICT`,
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
	nth  string // the offset of the n-th newest event in log, from 0
	move string // copies a range of log to compacted

	// stride is how many offsets are looked at in one go where other logs'
	// events may lie between.
	stride int64

	log, compacted table
}

// table is the statements on the events of one log in one table. Ranges have
// an exclusive start and an inclusive end.
type table struct {
	newest string // the offset of the newest event after an offset, 0 without one
	count  string // how many events are after an offset
	next   string // the offset where to read on after an offset, 0 at the end
	at     string // the whole record at an offset
	read   string // whole records of a range, in order
	keys   string // their offsets, keys and tombstones
	drop   string // deletes a range
	lag    string // of a range: how many events, the first offset, and when that was recorded
}

// queriesFor returns constants: statements are kept by their text for ever.
func queriesFor(number int64) *queries {
	if number == 1 {
		return &firstQueries
	}
	return &otherQueries
}

var (
	firstQueries = makeQueries("log = 1", "TRUE", "", 4096) // with "log = ?", SQLite would plan anew at each use
	otherQueries = makeQueries("log = ?1 AND log > 1", "log = ?1 AND log > 1", "_of_others", math.MaxInt32)
)

// makeQueries is told how the log's own events are known, and those that lie
// on its way, and what the names of its indexes end with.
func makeQueries(own, met, index string, stride int64) queries {
	const columns = "SELECT offset, key, tombstone, value, recorded_at, crc FROM "
	along := func(name string) string {
		if index == "" {
			return name
		}
		return name + " INDEXED BY " + name + index
	}
	within := func(name string) string { return along(name) + " WHERE " + own + " AND offset > ?2 AND offset <= ?3" }
	t := func(name string) table {
		return table{
			newest: "SELECT ifnull(max(offset), 0) FROM " + along(name) + " WHERE " + own + " AND offset > ?2",
			count:  "SELECT count(*) FROM " + along(name) + " WHERE " + own + " AND offset > ?2",
			next:   "SELECT ifnull(min(offset), 0) FROM " + along(name) + " WHERE " + met + " AND offset > ?2",
			at:     columns + name + " WHERE " + own + " AND offset = ?2",
			read:   columns + within(name) + " ORDER BY offset",
			keys:   "SELECT offset, key, tombstone FROM " + within(name) + " ORDER BY offset",
			drop:   "DELETE FROM " + within(name),
			lag:    "SELECT count(*), min(offset), recorded_at FROM " + within(name),
		}
	}
	return queries{
		nth:    "SELECT offset FROM " + along("log") + " WHERE " + own + " ORDER BY offset DESC LIMIT 1 OFFSET ?2",
		move:   "INSERT INTO compacted SELECT offset, log, key, tombstone, value, recorded_at, crc FROM " + within("log") + " ORDER BY offset",
		stride: stride,

		log:       t("log"),
		compacted: t("compacted"),
	}
}

const insertEvent = `INSERT INTO log(log, offset, key, tombstone, value, recorded_at, crc) VALUES(?, ?, ?, ?, ?, ?, ?)`

// raiseFloor goes with every deletion: no offset is given twice, and readers in
// other processes start again.
const raiseFloor = `UPDATE logs SET floor = max(floor, ?), compactions = compactions + 1 WHERE number = ?`
