package sqlitelog

import (
	"context"
	"errors"

	"github.com/edfsm/edfsm/internal/sqlitedb"
	"zombiezen.com/go/sqlite"
)

// DB is an SQLite file that several logs share, and with them the syncs of the
// disk.
type DB = sqlitedb.DB

// Options say how a file is opened. The zero value is durable, shared with
// other processes, and silent.
type Options = sqlitedb.Options

// Durability is what a commit survives.
type Durability = sqlitedb.Durability

const (
	Full   = sqlitedb.Full   // the process and, if the device honours syncs, a power cut
	Normal = sqlitedb.Normal // the process; a power cut may take the newest commits, in order
)

// OpenDB opens the file at path for [New]; see [Open].
func OpenDB(ctx context.Context, path string, opts Options) (*DB, error) {
	return sqlitedb.Open(ctx, path, opts)
}

// Info describes a log of a file.
type Info struct {
	Name  string
	Codec string // the name of the codec it is written with
}

// List returns the logs of a file in the order they were made.
func List(ctx context.Context, db *DB) ([]Info, error) {
	err := sqlitedb.Ensure(ctx, db, tables)
	if errors.Is(err, sqlitedb.ErrNoPart) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var infos []Info
	err = sqlitedb.View(ctx, db, func(rx sqlitedb.Rx) error {
		infos = nil
		return rx.Each("SELECT name, codec FROM logs ORDER BY number", func(stmt *sqlite.Stmt) error {
			infos = append(infos, Info{stmt.ColumnText(0), stmt.ColumnText(1)})
			return nil
		})
	})
	return infos, err
}
