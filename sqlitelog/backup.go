package sqlitelog

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/edfsm/edfsm/internal/sqlitedb"
	"zombiezen.com/go/sqlite"
)

// BackupInfo says what a backup contains.
type BackupInfo struct {
	Bytes int64            `json:"bytes"` // the size of the file
	Heads map[string]int64 `json:"heads"` // of each log, what [Log.Head] was
}

// Backup copies the file of db, as it is at one moment, to a new file at path,
// while it is in use. When it returns, the copy is durable, passes SQLite's
// integrity check and has the logs that it should, to their heads. It is opened
// like any other file; opened for writing it becomes a second history.
//
// Appends go on meanwhile. But the WAL of the file grows by what they write, as
// it cannot be copied back beyond the moment. On a file that was opened with
// Options.Exclusive appends wait while it is copied.
//
// A file that exists is refused with [fs.ErrExist], and a path beside which
// there is a WAL with an error too. Until it is complete the copy has the name
// path.incomplete; after an error nothing is left of it. What a process that was
// killed has left is replaced by the next backup to the same path. Only one at a
// time may be made there. Close ends a backup.
func Backup(ctx context.Context, db *DB, path string) (BackupInfo, error) {
	var info BackupInfo
	read := func(rx sqlitedb.Rx) (err error) {
		info.Heads, err = heads(rx)
		return err
	}
	check := func(rx sqlitedb.Rx) error {
		copied, err := heads(rx)
		if err == nil && !maps.Equal(copied, info.Heads) {
			err = fmt.Errorf("%w: its logs end at %v, not at %v", ErrDamaged, copied, info.Heads)
		}
		return err
	}
	var err error
	if info.Bytes, err = sqlitedb.Backup(ctx, db, path, read, check); err != nil {
		return BackupInfo{}, err
	}
	return info, nil
}

// Backup is the function [Backup] for the file of the log, with all logs that
// are in it.
func (l *Log[E]) Backup(ctx context.Context, path string) (BackupInfo, error) {
	if l.closed.Load() {
		return BackupInfo{}, l.store.named(ErrClosed)
	}
	return Backup(ctx, l.store.db, path)
}

// heads returns the heads of all logs of a file, which may have none.
func heads(rx sqlitedb.Rx) (map[string]int64, error) {
	all := make(map[string]int64)
	if err := tables.Check(rx); errors.Is(err, sqlitedb.ErrNoPart) {
		return all, nil
	} else if err != nil {
		return nil, err
	}
	numbers := make(map[string]int64)
	err := rx.Each("SELECT name, number, floor FROM logs", func(stmt *sqlite.Stmt) error {
		name := stmt.ColumnText(0)
		numbers[name], all[name] = stmt.ColumnInt64(1), stmt.ColumnInt64(2)
		return nil
	})
	for name, number := range numbers {
		newest, e := newestIn(rx, number, 0)
		all[name], err = max(all[name], newest), errors.Join(err, e)
	}
	return all, err
}
