package sqlitedb

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"
)

// checkpointEvery is how many transactions pass between two looks at the WAL.
const checkpointEvery = 16

// checkpointPages is how far the WAL grows before the writer copies it back:
// some 4 MB. SQLite's own automatic checkpoints do the same but tell nobody
// when they fail. A WAL that a reader has made grow beyond twice as much is cut
// when it is begun anew (journal_size_limit).
const checkpointPages = 1000

// foreignPages is how much of the WAL may wait for the checkpoints of somebody
// else before that is reported, and then again.
const foreignPages = 6 * checkpointPages

// walState is the size of the WAL, how much of it is in the database file, and
// whether somebody has held up a checkpoint.
type walState struct {
	pages, copied int
	busy          bool
}

// settleWAL copies back what a process before has left in the WAL. A part of that
// may be from a sync that failed: the system takes those pages for written, and
// reads them back, but they may never get to the disk, and then SQLite finds
// nothing that is behind them. Readers elsewhere may hold it up.
func (db *DB) settleWAL() error {
	wal, err := walStatus(db.conn, "PRAGMA wal_checkpoint(NOOP)")
	db.walFound = max(wal.pages, 0)
	if err == nil && db.walFound > 0 && !db.foreign {
		_, err = walStatus(db.conn, "PRAGMA wal_checkpoint(TRUNCATE)")
	}
	return err
}

// checkpointIfDue copies the WAL back once it has grown. The caller has the
// writer. A checkpoint that fails or is held up by a reader loses nothing, as
// the WAL keeps everything; it is reported and tried again when the WAL has
// grown as much once more. Checkpoints of somebody else are only watched.
func (db *DB) checkpointIfDue() {
	if db.conn == nil || db.tx-db.walLooked < checkpointEvery {
		return
	}
	db.walLooked = db.tx
	if db.lookAround() != nil {
		return
	}
	wal, err := walStatus(db.conn, "PRAGMA wal_checkpoint(NOOP)")
	if wal.pages < db.walTried {
		db.walTried = 0 // the WAL was begun anew
	}
	due := checkpointPages
	if db.foreign {
		due = foreignPages
	}
	if err == nil && wal.pages-db.walTried < due {
		return
	}
	db.walTried = wal.pages
	if err == nil && !db.foreign {
		wal, err = runCheckpoint(db.conn)
	}
	if err != nil || wal.pages-wal.copied >= due {
		db.late(wal, err)
	}
}

// checkpointNow waits for the writer and copies the WAL back, as far as readers
// let it.
func (db *DB) checkpointNow(ctx context.Context) error {
	select {
	case db.writer <- struct{}{}:
		defer func() { <-db.writer }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if db.conn == nil || db.foreign || db.hasFailed() || db.lookAround() != nil {
		return nil
	}
	wal, err := runCheckpoint(db.conn)
	if err != nil {
		db.late(wal, err)
		return nil
	}
	db.walTried = max(wal.pages, 0)
	return nil
}

// late reports a checkpoint.
func (db *DB) late(wal walState, err error) {
	db.logger.Warn("edfsm: checkpoint late", "file", db.path, "wal_pages", wal.pages, "copied", wal.copied, "error", err)
}

// checkpointLast copies the WAL back when the file is closed.
func (db *DB) checkpointLast() error {
	if db.foreign || db.hasFailed() {
		return nil
	}
	_, err := runCheckpoint(db.conn)
	return err
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
	w = walState{pages: stmt.ColumnInt(1), copied: stmt.ColumnInt(2), busy: stmt.ColumnBool(0)}
	return w, stmt.Reset()
}
