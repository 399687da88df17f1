package peer

import (
	"context"
	"errors"
	"iter"
	"path/filepath"
	"sync"

	"github.com/tidwall/wal"

	"github.com/edfsm/edfsm/bench/internal/engine"
)

var tidwall = engine.Engine{
	Name:    "tidwall-wal",
	Durable: true,
	How:     "tidwall/wal: one Write, which syncs, behind a mutex that gives the index; default options; a sync an event",
	Open:    openTidwall,
}

type tidwallLog struct {
	log  *wal.Log
	mu   sync.Mutex // over the choice of an index and its use, which must not be parted
	last uint64
}

func openTidwall(dir string) (engine.Log, error) {
	log, err := wal.Open(filepath.Join(dir, "wal"), nil)
	if err != nil {
		return nil, err
	}
	last, err := log.LastIndex()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return &tidwallLog{log: log, last: last}, nil
}

func (l *tidwallLog) Append(_ context.Context, event []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.log.Write(l.last+1, event)
	if err == nil {
		l.last++
	}
	return err
}

// Fill appends events in one batch.
func (l *tidwallLog) Fill(events iter.Seq[[]byte]) error {
	var batch wal.Batch
	for event := range events {
		l.last++
		batch.Write(l.last, event)
	}
	return l.log.WriteBatch(&batch)
}

func (l *tidwallLog) Replay(yield func(event []byte) error) error {
	first, err := l.log.FirstIndex()
	if err != nil {
		return err
	}
	last, err := l.log.LastIndex()
	if err != nil {
		return err
	}
	for index := max(first, 1); index <= last; index++ {
		event, err := l.log.Read(index)
		if err != nil {
			return err
		}
		if err := yield(event); err != nil {
			return err
		}
	}
	return nil
}

func (l *tidwallLog) Close() error { return l.log.Close() }
