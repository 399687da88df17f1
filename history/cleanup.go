package history

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/edfsm/edfsm/internal/sqlitedb"
	"github.com/edfsm/edfsm/timeutil"
)

// A slice of a deletion ends after so many rows or so long. That is looked at
// each time so many rows or bytes were deleted.
var (
	sliceRows int64 = 512
	sliceTime       = 2 * time.Millisecond
	stepRows        = 64
	stepBytes       = 1 << 18
)

// Cleanup deletes the rows of all records that are older than a moment, not
// those of that moment, and returns how many they were. A record goes with its
// last row. Space that is free afterwards is given back to the file system, at
// the end or, if a reader holds that up, later.
//
// It works in small transactions that others share and leaves them time in
// between. If it fails or ctx ends, what it has counted so far is deleted; the
// failure of one record does not keep it from the others. It obeys its argument
// alone and heeds no rule of the retention.
func (h *History) Cleanup(ctx context.Context, olderThan time.Time) (deleted int64, err error) {
	if err := h.usable(); err != nil {
		return 0, err
	}
	if sqlitedb.IsReadOnly(h.db) {
		return 0, fmt.Errorf("%s: %w", sqlitedb.Path(h.db), ErrReadOnly)
	}
	before, err := olderKey(olderThan)
	if err != nil {
		return 0, fmt.Errorf("history: %w", err)
	}
	return h.clean(ctx, 0, func(context.Context, record) (key, error) { return before, nil })
}

// olderKey is before all rows but those that are older than t.
func olderKey(t time.Time) (key, error) {
	r, err := timeutil.Between(t, time.Time{})
	return key{r.First, 0}, err
}

// maxErrors is how many records that cannot be cleaned are named in an error.
const maxErrors = 8

// clean deletes of each record the rows before the key that cut answers, and
// gives pages back until at most keep, as a share of the file, is free. A record
// for which that fails is left for the next one.
func (h *History) clean(ctx context.Context, keep float64, cut func(context.Context, record) (key, error)) (deleted int64, err error) {
	var errs []error
	failed := 0
	for r, err := range h.records(ctx, "*") {
		if err == nil {
			var n int64
			n, err = h.cleanRecord(ctx, r, cut)
			deleted += n
			err = h.named(r.name, err)
		}
		if err == nil {
			continue
		}
		if failed++; failed <= maxErrors {
			errs = append(errs, err)
		}
		if ofNoRecord(err) {
			return deleted, errors.Join(errs...)
		}
	}
	if failed > maxErrors {
		errs = append(errs, fmt.Errorf("%s: and %d more records", sqlitedb.Path(h.db), failed-maxErrors))
	}
	err = h.named("", sqlitedb.Shrink(ctx, h.db, keep))
	return deleted, errors.Join(append(errs, err)...)
}

func (h *History) cleanRecord(ctx context.Context, r record, cut func(context.Context, record) (key, error)) (deleted int64, err error) {
	before, err := cut(ctx, r)
	if err != nil || before == firstKey {
		return 0, err
	}
	var more bool
	err = sqlitedb.View(ctx, h.db, func(rx sqlitedb.Rx) (err error) {
		_, more, err = nth(rx, oldestFirst, r.number, before, firstKey, 0)
		return err
	})
	for err == nil && more {
		start := time.Now()
		var n int64
		err = h.file.update(ctx, h.db, func(tx sqlitedb.Tx) (err error) {
			n, more, err = h.deleteSlice(tx, r, before)
			return err
		})
		if err != nil {
			return deleted, err
		}
		deleted += n
		err = sqlitedb.Rest(ctx, time.Since(start))
	}
	return deleted, err
}

// deleteSlice deletes the oldest rows before a key, and the record if that was
// all of it.
func (h *History) deleteSlice(tx sqlitedb.Tx, r record, before key) (deleted int64, more bool, err error) {
	for began := time.Now(); ; {
		n, more, err := deleteStep(tx, r, before)
		if err != nil {
			return 0, false, err
		}
		if deleted += n; !more {
			return deleted, false, h.dropIfEmpty(tx, r)
		}
		if deleted >= sliceRows || time.Since(began) >= sliceTime {
			return deleted, true, nil
		}
	}
}

func deleteStep(tx sqlitedb.Tx, r record, before key) (deleted int64, more bool, err error) {
	until, more, err := endOfStep(tx, r, before)
	if err != nil {
		return 0, false, err
	}
	if err := tx.Exec(deleteBefore, r.number, int64(until.time), until.sequence); err != nil {
		return 0, false, err
	}
	deleted, _, err = tx.Int("SELECT changes()")
	if err == nil && more && deleted == 0 {
		err = errDisorder
	}
	return deleted, more, err
}

// endOfStep returns the key after the oldest rows that are deleted at once; if
// there are not so many before a key, that one.
func endOfStep(tx sqlitedb.Tx, r record, before key) (until key, more bool, err error) {
	stmt, err := tx.Prepare(oldestFirst)
	if err != nil {
		return until, false, err
	}
	bindRange(stmt, r.number, before, firstKey)
	for rows, bytes := 0, 0; ; rows++ {
		row, err := stmt.Step()
		if err != nil || !row {
			return before, false, err
		}
		if rows == stepRows || bytes >= stepBytes {
			return keyAt(stmt), true, stmt.Reset()
		}
		bytes += stmt.ColumnInt(2)
	}
}

func (h *History) dropIfEmpty(tx sqlitedb.Tx, r record) error {
	_, left, err := nth(tx.Rx, oldestFirst, r.number, lastKey, firstKey, 0)
	if err != nil || left {
		return err
	}
	delete(h.file.names, r.name)
	return tx.Exec("DELETE FROM records WHERE number = ?", r.number)
}
