package main

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/machine"
	"github.com/edfsm/edfsm/sqlitelog"
)

// eventCodec writes each event under its name.
func eventCodec() (codec.Codec[Event], error) {
	return codec.Union(codec.JSON, map[string]Event{
		"raised":       Raised{},
		"cleared":      Cleared{},
		"acknowledged": Acknowledged{},
	})
}

// openLog opens the events of a file.
func openLog(ctx context.Context, db string) (*sqlitelog.Log[Event], error) {
	events, err := eventCodec()
	if err != nil {
		return nil, err
	}
	return sqlitelog.Open(ctx, db, sqlitelog.Config[Event]{Codec: events})
}

// countedLog is a log that remembers how long it took to replay how much.
type countedLog struct {
	machine.Log[Event]
	events int
	took   time.Duration
}

func (l *countedLog) Feed(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		start := time.Now()
		defer func() { l.took = time.Since(start) }()
		for e, err := range l.Log.Feed(ctx) {
			if err == nil {
				l.events++
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func (l *countedLog) found(s State) string {
	if l.events == 0 {
		return "new log"
	}
	return fmt.Sprintf("resumed: %v, %d events replayed in %v", s, l.events, l.took.Round(10*time.Microsecond))
}
