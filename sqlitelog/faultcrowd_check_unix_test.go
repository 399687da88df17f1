//go:build unix

package sqlitelog_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// crowdBatches are the batches that are in each log, in its order.
type crowdBatches map[string][]int

func (there crowdBatches) has(n int) bool {
	for _, batches := range there {
		if slices.Contains(batches, n) {
			return true
		}
	}
	return false
}

func (w *crowd) count(there crowdBatches) (n int) {
	for _, batches := range there {
		n += len(batches)
	}
	return n
}

// check compares the logs, just opened, with what was promised.
func (w *crowd) check(ctx context.Context) (there crowdBatches, err error) {
	there = make(crowdBatches)
	for name := range crowdLogs {
		if there[name], err = w.read(ctx, name); err == nil {
			err = checkCallers(crowdLogs[name], there[name])
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := w.calls.check(there.has); err != nil {
		return nil, fmt.Errorf("%w; there are %v", err, there)
	}
	return there, w.consumer.check(ctx, w.logs[subscribed], there[subscribed])
}

// read returns the batches of a log, which are whole and lead to the state that
// they should.
func (w *crowd) read(ctx context.Context, name string) (batches []int, err error) {
	log := w.logs[name]
	feed := log.Feed(ctx)
	if name == dropping {
		data, after, err := log.LoadSnapshot(ctx, "batches")
		switch {
		case err != nil:
			return nil, err
		case data != nil:
			feed = after
			if err := json.Unmarshal(data, &batches); err != nil {
				return nil, err
			}
		}
	}
	events, err := collect(feed)
	if err == nil && name == quarantined {
		events, err = withQuarantine(w.at.Path("log.db"), name)
	}
	if err != nil {
		return nil, err
	}
	return wholeBatches(batches, events)
}

// wholeBatches returns batches and, after them, those that events are of, which
// lead to the state that they should.
func wholeBatches(batches []int, events []put) ([]int, error) {
	state := foldBatches(batches, crowdBatch)
	found, err := pairs(events)
	batches = append(batches, found...)
	if got, want := foldOn(state, events), foldBatches(batches, crowdBatch); err == nil && !maps.Equal(got, want) {
		err = fmt.Errorf("batches %v lead to %v, want %v", batches, got, want)
	}
	return batches, err
}

// withQuarantine returns the events of a log and what was taken out of it.
func withQuarantine(path, name string) (events []put, err error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	err = sqlitex.Execute(conn, `SELECT value FROM (SELECT * FROM log UNION ALL SELECT * FROM compacted
		UNION ALL SELECT offset, log, key, tombstone, value, recorded_at, crc FROM quarantine)
		WHERE log = (SELECT number FROM logs WHERE name = ?) ORDER BY offset`, &sqlitex.ExecOptions{
		Args: []any{name},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			var e put
			err := json.Unmarshal([]byte(stmt.ColumnText(0)), &e)
			events = append(events, e)
			return err
		},
	})
	return events, errors.Join(err, conn.Close())
}
