package main

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/edfsm/edfsm/examples/loadwatch/load"
	"github.com/edfsm/edfsm/machine"
)

// countedLog is a log that remembers how long it took to replay how much.
type countedLog struct {
	machine.Log[load.Event]
	events int
	took   time.Duration
}

func (l *countedLog) Feed(ctx context.Context) iter.Seq2[load.Event, error] {
	return func(yield func(load.Event, error) bool) {
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

func (l *countedLog) found(s load.State) string {
	if l.events == 0 {
		return "new log"
	}
	return fmt.Sprintf("resumed: %v, %d events replayed in %v", s, l.events, l.took.Round(10*time.Microsecond))
}
