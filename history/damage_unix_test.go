//go:build unix

package history_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/edfsm/edfsm/history"
	"github.com/edfsm/edfsm/internal/crashtest"
)

// The WAL cut off anywhere takes the newest batches with it, and nothing else.
func TestWALCut(t *testing.T) {
	t.Parallel()
	d := crashtest.Record(t, works(t, history.Options{Exclusive: true}))
	crashtest.None(t, crashtest.WALCut(t, crashtest.Count(1000), "history.db", d))
}

// A bit that has turned over in the WAL is one where it ends.
func TestWALBitFlips(t *testing.T) {
	t.Parallel()
	d := crashtest.Record(t, works(t, history.Options{Exclusive: true}))
	crashtest.None(t, crashtest.WALBitFlips(t, crashtest.Count(100), "history.db", d))
}

// A bit that has turned over in the file may be seen in a row, or hide some.
// Nothing panics, and all that is called comes to an end.
func TestBitFlips(t *testing.T) {
	t.Parallel()
	begin := works(t, history.Options{Exclusive: true})
	look := func(t *testing.T, here crashtest.Place) (int, error, error) {
		rows, endless, err := begin(here).readDamaged(t.Context())
		return len(rows), endless, err
	}
	crashtest.None(t, crashtest.BitFlips(t, crashtest.Count(2100), "history.db", crashtest.Record(t, begin), look))
}

// There is no checksum: a value that has changed is given as it is.
func TestBitFlipsUnseen(t *testing.T) {
	crashtest.SkipRace(t)
	t.Parallel()
	begin := works(t, history.Options{Exclusive: true})
	look := func(t *testing.T, here crashtest.Place) (int, error, error) {
		rows, _, err := begin(here).readDamaged(t.Context())
		_, changed := seenIn(rows)
		return len(rows), changed, err
	}
	crashtest.Some(t, crashtest.BitFlips(t, 50, "history.db", crashtest.Record(t, begin), look))
}

// readDamaged reads all rows of a history, and tries what else can be done with it.
func (w *workload) readDamaged(ctx context.Context) (rows []row, endless, err error) {
	if err := w.open(ctx); err != nil {
		return nil, nil, err
	}
	ctx = newBounded(ctx)
	rows, err = gather(w.h.Query(ctx, "*", history.Window{}))
	w.useAnyway(ctx)
	if ctx.Err() != nil {
		endless = fmt.Errorf("there were %d rows, and no end", len(rows))
	}
	return rows, endless, err
}

// useAnyway does to a history that may be damaged what people do. Each may fail.
func (w *workload) useAnyway(ctx context.Context) {
	w.checkLatest(ctx, nil)
	w.checkNames(ctx, nil)
	w.checkView(ctx, nil)
	w.retain(ctx, 2)
	w.store(ctx)
	w.record(ctx)
	w.imports(ctx, importPages)
	w.cleanup(ctx, 904)
	w.Close()
}
