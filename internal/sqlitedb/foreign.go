package sqlitedb

import (
	"errors"
	"path/filepath"

	"zombiezen.com/go/sqlite"
)

// keepWAL returns a connection that is to be closed after all others, if
// somebody else runs checkpoints, else nil. The last connection of a file copies
// the WAL back and deletes it, unless it is for reading only; SQLite has a switch
// for that too, but the binding does not give it out.
func (db *DB) keepWAL() (*sqlite.Conn, error) {
	if !db.foreign || db.readOnly || !filepath.IsAbs(db.name) || db.moved() != nil {
		return nil, nil
	}
	conn, err := sqlite.OpenConn(db.name, sqlite.OpenReadOnly)
	if err != nil {
		return nil, err
	}
	conn.SetBusyTimeout(busyTimeout)
	if _, _, err := (Rx{conn}).Int("SELECT count(*) FROM sqlite_schema"); err != nil { // opens the WAL
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}
