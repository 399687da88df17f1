package main

import (
	"context"
	"testing"
	"time"

	"github.com/edfsm/edfsm/examples/loadwatch/load"
	"github.com/edfsm/edfsm/machine"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func events(t testing.TB, log machine.Log[load.Event]) (events []load.Event) {
	for e, err := range log.Feed(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}
