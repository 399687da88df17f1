package peer

import (
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"

	"github.com/edfsm/edfsm/bench/internal/engine"
)

var badgerSync = engine.Engine{
	Name:    "badger",
	Durable: true,
	How:     "badger: one Set in one Update, 8-byte keys, WithSyncWrites(true); default options otherwise; two msyncs a commit, which callers share",
	Open:    openBadger,
}

type badgerLog struct {
	db   *badger.DB
	last atomic.Uint64 // key given to an event
}

func openBadger(dir string) (engine.Log, error) {
	db, err := badger.Open(badger.DefaultOptions(dir).
		WithSyncWrites(true).
		WithLoggingLevel(badger.ERROR))
	if err != nil {
		return nil, err
	}
	l := &badgerLog{db: db}
	if err := db.View(l.findLast); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return l, nil
}

func (l *badgerLog) findLast(txn *badger.Txn) error {
	i := txn.NewIterator(badger.IteratorOptions{Reverse: true})
	defer i.Close()
	if i.Rewind(); i.Valid() {
		l.last.Store(binary.BigEndian.Uint64(i.Item().Key()))
	}
	return nil
}

func (l *badgerLog) Append(_ context.Context, event []byte) error {
	return l.db.Update(func(txn *badger.Txn) error {
		return txn.Set(key(l.last.Add(1)), event)
	})
}

func (l *badgerLog) Replay(yield func(event []byte) error) error {
	return l.db.View(func(txn *badger.Txn) error {
		i := txn.NewIterator(badger.DefaultIteratorOptions)
		defer i.Close()
		for i.Rewind(); i.Valid(); i.Next() {
			if err := i.Item().Value(yield); err != nil {
				return err
			}
		}
		return nil
	})
}

func (l *badgerLog) Close() error { return l.db.Close() }
