package sqlitedb

import (
	"fmt"

	"zombiezen.com/go/sqlite"
)

// checkpointEvery is how many transactions pass between two looks at the WAL.
const checkpointEvery = 16

// checkpointPages is how far the WAL grows before the writer copies it back:
// some 4 MB. SQLite's own automatic checkpoints do the same but tell nobody
// when they fail.
const checkpointPages = 1000

// walState is the size of the WAL, and how much of it is in the database file.
type walState struct {
	pages, copied int
}

// checkpointIfDue copies the WAL back once it has grown. The caller has the
// writer. A checkpoint that fails or is held up by a reader loses nothing, as
// the WAL keeps everything; it is reported and tried again when the WAL has
// grown as much once more.
func (db *DB) checkpointIfDue() {
	if db.conn == nil || db.tx%checkpointEvery != 0 {
		return
	}
	wal, err := walStatus(db.conn, "PRAGMA wal_checkpoint(NOOP)")
	if wal.pages < db.walTried {
		db.walTried = 0 // the WAL was begun anew
	}
	if err == nil && wal.pages-db.walTried < checkpointPages {
		return
	}
	db.walTried = wal.pages
	if err == nil {
		wal, err = runCheckpoint(db.conn)
	}
	if err != nil || wal.pages-wal.copied >= checkpointPages {
		db.logger.Warn("edfsm: checkpoint late", "file", db.path, "wal_pages", wal.pages, "copied", wal.copied, "error", err)
	}
}

// runCheckpoint copies what it can without waiting for anybody.
func runCheckpoint(conn *sqlite.Conn) (walState, error) {
	return walStatus(conn, "PRAGMA wal_checkpoint(PASSIVE)")
}

func walStatus(conn *sqlite.Conn, pragma string) (w walState, err error) {
	stmt, err := conn.Prepare(pragma)
	if err != nil {
		return w, fmt.Errorf("checkpoint: %w", err)
	}
	if _, err := stmt.Step(); err != nil {
		return w, fmt.Errorf("checkpoint: %w", err)
	}
	w = walState{pages: stmt.ColumnInt(1), copied: stmt.ColumnInt(2)}
	return w, stmt.Reset()
}
