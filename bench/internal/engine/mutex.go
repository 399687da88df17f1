package engine

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Mutex is what is written first: SQLite, and a lock around it.
var Mutex = Engine{
	Name:    "mutex",
	Durable: true,
	How:     "SQLite by hand: a mutex, a transaction for each event; WAL, synchronous=FULL",
	Open: func(dir string) (Log, error) {
		conn, err := sqlite.OpenConn(filepath.Join(dir, "mutex.db"), sqlite.OpenReadWrite, sqlite.OpenCreate, sqlite.OpenWAL)
		if err != nil {
			return nil, err
		}
		for _, q := range []string{
			"PRAGMA synchronous = FULL",
			"CREATE TABLE IF NOT EXISTS log(offset INTEGER PRIMARY KEY, value BLOB NOT NULL, recorded_at INTEGER NOT NULL)",
		} {
			if err := sqlitex.ExecuteTransient(conn, q, nil); err != nil {
				return nil, errors.Join(err, conn.Close())
			}
		}
		return &mutexLog{conn: conn}, nil
	},
}

type mutexLog struct {
	mu      sync.Mutex
	conn    *sqlite.Conn
	commits int64
}

func (m *mutexLog) Append(_ context.Context, event []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	stmt, err := m.conn.Prepare("INSERT INTO log(value, recorded_at) VALUES(?, ?)")
	if err != nil {
		return err
	}
	stmt.BindBytes(1, event)
	stmt.BindInt64(2, time.Now().UnixMilli())
	if _, err := stmt.Step(); err != nil {
		return err
	}
	m.commits++
	return nil
}

func (m *mutexLog) Replay(yield func(event []byte) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var event []byte
	return sqlitex.Execute(m.conn, "SELECT value FROM log ORDER BY offset", &sqlitex.ExecOptions{
		ResultFunc: func(stmt *sqlite.Stmt) error {
			event = append(event[:0], make([]byte, stmt.ColumnLen(0))...)
			stmt.ColumnBytes(0, event)
			return yield(event)
		},
	})
}

// Batches counts transactions.
func (m *mutexLog) Batches() (commits int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.commits
}

func (m *mutexLog) Close() error { return m.conn.Close() }
