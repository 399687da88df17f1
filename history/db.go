package history

import (
	"context"

	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// DB is an SQLite file that a history shares with logs of package sqlitelog,
// and with them the syncs of the disk.
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
