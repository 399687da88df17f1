//go:build unix

package sqlitelog_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/edfsm/edfsm/internal/crashtest"
	"github.com/edfsm/edfsm/sqlitelog"
)

// The WAL cut off anywhere, as by somebody who copies files one after the other,
// takes the newest batches with it, and nothing else.
func TestWALCut(t *testing.T) {
	crashtest.None(t, crashtest.WALCut(t, crashtest.Count(600), "log.db", crashtest.Record(t, works(sqlitelog.Options{}))))
}

// A bit that has turned over in the WAL is one where it ends.
func TestWALBitFlips(t *testing.T) {
	crashtest.None(t, crashtest.WALBitFlips(t, crashtest.Count(520), "log.db", crashtest.Record(t, worksHalf)))
	crashtest.None(t, crashtest.WALBitFlips(t, crashtest.Count(60), "log.db", crashtest.Record(t, works(sqlitelog.Options{}))))
}

// A bit that has turned over in the file is reported, or does no harm, or hides
// events; it never makes others of them. Nothing panics, nothing waits for ever.
func TestBitFlips(t *testing.T) {
	crashtest.None(t, crashtest.BitFlips(t, crashtest.Count(1200), "log.db", crashtest.Record(t, works(sqlitelog.Options{})), readBy(sound)))
}

// readBy returns what opens a log and tries all that can be done with it.
func readBy(f flaw) func(t *testing.T, at crashtest.Place) (seen int, wrong, err error) {
	return func(t *testing.T, at crashtest.Place) (seen int, wrong, err error) {
		w := flawed(f)(at)
		if err := w.open(t.Context()); err != nil {
			return 0, nil, err
		}
		last := int64(0)
		for e, failed := range w.log.Entries(t.Context(), 0, math.MaxInt64) {
			if failed != nil {
				err = failed
				break
			}
			if e.Offset <= last || e.Event != appended(e.Offset) {
				wrong = errors.Join(wrong, fmt.Errorf("event %d, after %d, is %v", e.Offset, last, e.Event))
			}
			seen, last = seen+1, e.Offset
		}
		w.useAnyway(t.Context())
		return seen, wrong, err
	}
}

// appended is the event at an offset of a day on which nothing fails.
func appended(offset int64) put {
	if day := wholeDay(); offset <= int64(len(day)) {
		return day[offset-1]
	}
	return put{Key: "never appended"}
}

// wholeDay is more than what is appended in a day.
var wholeDay = sync.OnceValue(func() (events []put) {
	for n := range 50 {
		events = append(events, faultBatch(n+1)...)
	}
	return events
})

// useAnyway does to a log that may be damaged what people do. Each may fail.
func (w *workload) useAnyway(ctx context.Context) {
	w.appends(ctx, 2)
	w.deliver(ctx)
	w.compact(ctx)
	w.save(ctx)
	w.checkSnapshot(ctx, nil)
	w.Close()
}
