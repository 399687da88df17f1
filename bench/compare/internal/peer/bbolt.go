package peer

import (
	"context"
	"errors"
	"iter"
	"path/filepath"

	"go.etcd.io/bbolt"

	"github.com/edfsm/edfsm/bench/internal/engine"
)

var bboltUpdate = engine.Engine{
	Name:    "bbolt",
	Durable: true,
	How:     "bbolt: one Put in one Update, key from NextSequence, FillPercent 0.9; default options; two syncs an event",
	Open: func(dir string) (engine.Log, error) {
		return openBbolt(dir, (*bbolt.DB).Update)
	},
}

var bboltBatch = engine.Engine{
	Name:    "bbolt-batch",
	Durable: true,
	How:     "the same through Batch, which waits up to 10 ms for other callers, its default; two syncs a batch",
	Open: func(dir string) (engine.Log, error) {
		return openBbolt(dir, (*bbolt.DB).Batch)
	},
}

var bucket = []byte("log")

type bboltLog struct {
	db     *bbolt.DB
	update func(*bbolt.DB, func(*bbolt.Tx) error) error
}

func openBbolt(dir string, update func(*bbolt.DB, func(*bbolt.Tx) error) error) (engine.Log, error) {
	db, err := bbolt.Open(filepath.Join(dir, "log.bolt"), 0o600, nil)
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(bucket)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &bboltLog{db, update}, nil
}

func (l *bboltLog) Append(_ context.Context, event []byte) error {
	return l.update(l.db, func(tx *bbolt.Tx) error { return put(tx, event) })
}

func put(tx *bbolt.Tx, event []byte) error {
	b := tx.Bucket(bucket)
	b.FillPercent = 0.9 // as its documentation says for keys that only grow
	n, err := b.NextSequence()
	if err != nil {
		return err
	}
	return b.Put(key(n), event)
}

// Fill appends events in one transaction.
func (l *bboltLog) Fill(events iter.Seq[[]byte]) error {
	return l.db.Update(func(tx *bbolt.Tx) error {
		for event := range events {
			if err := put(tx, event); err != nil {
				return err
			}
		}
		return nil
	})
}

func (l *bboltLog) Replay(yield func(event []byte) error) error {
	return l.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucket).Cursor()
		for k, event := c.First(); k != nil; k, event = c.Next() {
			if err := yield(event); err != nil {
				return err
			}
		}
		return nil
	})
}

func (l *bboltLog) Close() error { return l.db.Close() }
