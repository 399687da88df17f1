package peer

import (
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/edfsm/edfsm/bench/internal/engine"
)

var pebbleSync = engine.Engine{
	Name:    "pebble",
	Durable: true,
	How:     "pebble: Set with pebble.Sync, 8-byte keys, newest format; default options; callers share a sync",
	Open:    openPebble,
}

type pebbleLog struct {
	db   *pebble.DB
	last atomic.Uint64 // key given to an event
}

func openPebble(dir string) (engine.Log, error) {
	db, err := pebble.Open(dir, &pebble.Options{
		Logger:             silent{},
		FormatMajorVersion: pebble.FormatNewest,
	})
	if err != nil {
		return nil, err
	}
	l := &pebbleLog{db: db}
	if err := l.findLast(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return l, nil
}

func (l *pebbleLog) findLast() error {
	i, err := l.db.NewIter(nil)
	if err != nil {
		return err
	}
	if i.Last() {
		l.last.Store(binary.BigEndian.Uint64(i.Key()))
	}
	return i.Close()
}

func (l *pebbleLog) Append(_ context.Context, event []byte) error {
	return l.db.Set(key(l.last.Add(1)), event, pebble.Sync)
}

func (l *pebbleLog) Replay(yield func(event []byte) error) (err error) {
	i, err := l.db.NewIter(nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.Close()) }()
	for i.First(); i.Valid(); i.Next() {
		event, err := i.ValueAndErr()
		if err != nil {
			return err
		}
		if err := yield(event); err != nil {
			return err
		}
	}
	return i.Error()
}

func (l *pebbleLog) Close() error { return l.db.Close() }

// silent keeps what pebble tells of its work to itself. What is fatal ends the
// program, as pebble's own logger would.
type silent struct{}

func (silent) Infof(string, ...any)              {}
func (silent) Errorf(format string, args ...any) { pebble.DefaultLogger.Errorf(format, args...) }
func (silent) Fatalf(format string, args ...any) { pebble.DefaultLogger.Fatalf(format, args...) }
