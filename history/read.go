package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/edfsm/edfsm/internal/sqlitedb"
	"github.com/edfsm/edfsm/pattern"
	"github.com/edfsm/edfsm/timeutil"
)

// A page is full when it has so many rows or bytes, or so many names were
// compared, or so many keys were counted.
var (
	pageRows  = 1024
	pageBytes = 1 << 20
	pageNames = 1 << 14
	pageKeys  = 1 << 12
)

// Window says which rows of each record are wanted. The zero Window is all.
type Window struct {
	// Start and End are the first and the last moment; rows of these very
	// moments are included. The zero time leaves a side open.
	Start, End time.Time

	// Limit is how many rows of each record are wanted at most, the newest
	// within Start and End; 0: all. Negative: [ErrLimit].
	Limit int
}

// Row is a value with what the history knows about it.
type Row[T any] struct {
	ID     int64 // counts what was stored in the file; with gaps
	Record string
	Codec  string // the name of the codec it was stored with
	Rank   int    // 1: the newest row of its record that the query asked for; 2: the one before
	At     time.Time
	Value  T
}

// Query gives the rows of the records whose names match a pattern (see package
// pattern: only * is special), by the name of the record, then newest first, and
// of equal moments the one that was stored last.
//
// The rows are read in pages, and no transaction stays open meanwhile, so that
// the iteration may be slow, be left early, and be walked any number of times.
// Where the rows of a record end is fixed when the first of them is read: what
// is stored later does not make it longer at either end. Records may be of
// different moments. Values are the caller's to keep.
//
// An error is the last pair.
func (h *History) Query(ctx context.Context, pattern string, w Window) iter.Seq2[Row[[]byte], error] {
	return func(yield func(Row[[]byte], error) bool) {
		for f, err := range h.find(ctx, pattern, w) {
			if err != nil {
				yield(Row[[]byte]{}, err)
				return
			}
			if !yield(rowOf(f, bytes.Clone(f.value)), nil) {
				return
			}
		}
	}
}

// Latest gives the newest n rows of each record that matches, as [History.Query]
// does. n must be positive, else the error is [ErrLimit].
func (h *History) Latest(ctx context.Context, pattern string, n int) iter.Seq2[Row[[]byte], error] {
	if n < 1 {
		return noLatest[[]byte](n)
	}
	return h.Query(ctx, pattern, Window{Limit: n})
}

func noLatest[T any](n int) iter.Seq2[Row[T], error] {
	return func(yield func(Row[T], error) bool) {
		yield(Row[T]{}, fmt.Errorf("history: %w: the latest %d", ErrLimit, n))
	}
}

func rowOf[T any](f found, value T) Row[T] {
	return Row[T]{f.key.sequence, f.record.name, f.record.codec, f.rank, f.key.time.Time(), value}
}

// found is a row as it is in the file. Its value is valid until the next page
// is read.
type found struct {
	record record
	key    key
	rank   int
	value  []byte
}

func (h *History) find(ctx context.Context, text string, w Window) iter.Seq2[found, error] {
	return func(yield func(found, error) bool) {
		r, err := h.newReading(text, w)
		for more := true; more; {
			if err == nil {
				err = sqlitedb.View(ctx, h.db, func(rx sqlitedb.Rx) (err error) {
					more, err = r.read(rx)
					return err
				})
				err = h.named(r.record.name, err)
			}
			if err != nil {
				yield(found{}, err)
				return
			}
			for _, f := range r.rows {
				if !yield(f, nil) {
					return
				}
			}
		}
	}
}

// reading is a query under way: a page in memory, and where to go on.
type reading struct {
	names  names
	bounds timeutil.Range
	limit  int // math.MaxInt: none

	record       record // in hand; number is 0 without one
	rank         int    // of its last row in the page
	before, last key    // what is still to be read of it: last <= key < before
	endFixed     bool   // last is that of a row

	rows   []found
	values sqlitedb.Values
}

func (h *History) newReading(text string, w Window) (*reading, error) {
	if err := h.usable(); err != nil {
		return nil, err
	}
	p, err := pattern.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	bounds, err := timeutil.Between(w.Start, w.End)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	if w.Limit < 0 {
		return nil, fmt.Errorf("history: %w: %d", ErrLimit, w.Limit)
	}
	if w.Limit == 0 {
		w.Limit = math.MaxInt
	}
	return &reading{names: namesOf(p), bounds: bounds, limit: w.Limit}, nil
}

// read reads a page at one moment. It reports whether there may be more.
func (r *reading) read(rx sqlitedb.Rx) (more bool, err error) {
	r.rows = r.rows[:0]
	r.values.Reset()
	if r.record.number != 0 {
		if full, err := r.fill(rx); err != nil || full {
			return full, err
		}
	}
	return r.names.each(rx, pageNames, func(rec record) (full bool, err error) {
		r.record, r.rank, r.endFixed = rec, 0, false
		r.before = key{r.bounds.Last, math.MaxInt64}
		r.last = key{r.bounds.First, 0}
		return r.fill(rx)
	})
}

// fill reads rows of the record in hand until the page is full or they come to
// an end.
func (r *reading) fill(rx sqlitedb.Rx) (full bool, err error) {
	stmt, err := rx.Prepare(newestRows)
	if err != nil {
		return false, err
	}
	bindRange(stmt, r.record.number, r.before, r.last)
	for len(r.rows) < pageRows && r.values.Size() < pageBytes {
		if r.rank == r.limit {
			r.record = record{}
			return false, stmt.Reset()
		}
		row, err := stmt.Step()
		if err != nil {
			return false, err
		}
		if !row {
			r.record = record{}
			return false, nil
		}
		r.rank++
		r.before = keyAt(stmt)
		r.rows = append(r.rows, found{r.record, r.before, r.rank, r.values.Copy(stmt, 2)})
	}
	return true, errors.Join(stmt.Reset(), r.fixEnd(rx))
}

// fixEnd keeps a read that is slower than the writers from going on for ever.
func (r *reading) fixEnd(rx sqlitedb.Rx) error {
	if r.endFixed {
		return nil
	}
	last, ok, err := nth(rx, oldestFirst, r.record.number, r.before, r.last, 0)
	if err != nil {
		return err
	}
	if ok {
		r.last, r.endFixed = last, true
	} else {
		r.record = record{}
	}
	return nil
}
