package engine

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/edfsm/edfsm/sqlitelog"
)

// SQLite is what all this is about.
var SQLite = Engine{
	Name:    "sqlite",
	Durable: true,
	How:     "sqlitelog: Notify; what waits shares a transaction; synchronous=FULL",
	Open: func(dir string) (Log, error) {
		log, err := sqlitelog.Open(context.Background(), filepath.Join(dir, "log.db"), sqlitelog.Config[[]byte]{Codec: Bytes{}})
		if err != nil {
			return nil, err
		}
		return sqliteLog{log}, nil
	},
}

// Bytes is a codec of events that are bytes already.
type Bytes struct{}

// Name is the identity of the codec.
func (Bytes) Name() string { return "bytes" }

// Append appends the bytes.
func (Bytes) Append(dst, v []byte) ([]byte, error) { return append(dst, v...), nil }

// Decode copies the bytes.
func (Bytes) Decode(data []byte, v *[]byte) error { *v = slices.Clone(data); return nil }

type sqliteLog struct{ *sqlitelog.Log[[]byte] }

func (l sqliteLog) Append(ctx context.Context, event []byte) error {
	return l.Notify(ctx, [][]byte{event})
}

func (l sqliteLog) Replay(yield func(event []byte) error) error {
	for event, err := range l.Feed(context.Background()) {
		if err != nil {
			return err
		}
		if err := yield(event); err != nil {
			return err
		}
	}
	return nil
}

// Batches counts transactions with events in them.
func (l sqliteLog) Batches() (commits int64) {
	stats, err := l.Stats(context.Background())
	if err != nil {
		return 0 // not known; the next append has the error
	}
	return stats.Commits
}
