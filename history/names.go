package history

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/edfsm/edfsm/internal/sqlitedb"
	"github.com/edfsm/edfsm/pattern"
)

// names walks the names that match a pattern, in order and in pieces.
type names struct {
	pattern    pattern.Pattern
	first, end string // what is still to be compared: first <= name < end
	bounded    bool   // else there is no end
}

func namesOf(p pattern.Pattern) names {
	n := names{pattern: p}
	n.first, n.end, n.bounded = p.Range()
	return n
}

// each gives f the records up to one for which f answers that it has enough, or
// until so many names were compared. It reports whether there may be more.
func (n *names) each(rx sqlitedb.Rx, most int, f func(record) (enough bool, err error)) (more bool, err error) {
	stmt, err := rx.Prepare(namesInRange)
	if err != nil {
		return false, err
	}
	stmt.BindText(1, n.first)
	if n.bounded {
		stmt.BindText(2, n.end)
	} else {
		stmt.BindBytes(2, nil)
	}
	for range most {
		row, err := stmt.Step()
		if err != nil || !row {
			return false, err
		}
		r := record{stmt.ColumnInt64(0), stmt.ColumnText(1), stmt.ColumnText(2)}
		if r.name < n.first {
			return false, errors.Join(errDisorder, stmt.Reset())
		}
		n.first = r.name + "\x00"
		if !n.pattern.Match(r.name) {
			continue
		}
		if enough, err := f(r); err != nil || enough {
			return enough, errors.Join(err, stmt.Reset())
		}
	}
	return true, stmt.Reset()
}

// records gives the records that match, in pages as find does.
func (h *History) records(ctx context.Context, text string) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		err := h.usable()
		if err != nil {
			yield(record{}, err)
			return
		}
		p, err := pattern.Compile(text)
		if err != nil {
			yield(record{}, fmt.Errorf("history: %w", err))
			return
		}
		n := namesOf(p)
		for more := true; more; {
			var page []record
			err := sqlitedb.View(ctx, h.db, func(rx sqlitedb.Rx) (err error) {
				more, err = n.each(rx, pageNames, func(r record) (bool, error) {
					page = append(page, r)
					return len(page) == pageRows, nil
				})
				return err
			})
			if err != nil {
				yield(record{}, h.named("", err))
				return
			}
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// Names gives the names of the records that match a pattern, in order. Like
// [History.Query] it reads in pages, and an error is the last pair.
func (h *History) Names(ctx context.Context, pattern string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for r, err := range h.records(ctx, pattern) {
			if !yield(r.name, err) {
				return
			}
		}
	}
}

// Stat describes a record.
type Stat struct {
	Name        string
	Codec       string // the name of the codec of its values
	Rows        int64
	First, Last time.Time // the moments of its oldest and newest row
}

// Stats describes the records that match a pattern, in the order of their names.
// First and last are looked up. Rows are counted one by one, without their values
// and in pages: of those that are stored or deleted meanwhile some may count. An
// error is the last pair.
func (h *History) Stats(ctx context.Context, pattern string) iter.Seq2[Stat, error] {
	return func(yield func(Stat, error) bool) {
		for r, err := range h.records(ctx, pattern) {
			var s Stat
			if err == nil {
				s, err = h.stat(ctx, r)
				err = h.named(r.name, err)
			}
			if err == nil && s.Rows == 0 { // deleted meanwhile
				continue
			}
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

func (h *History) stat(ctx context.Context, r record) (s Stat, err error) {
	s = Stat{Name: r.name, Codec: r.codec}
	var first, last key
	more := false
	err = sqlitedb.View(ctx, h.db, func(rx sqlitedb.Rx) (err error) {
		if first, more, err = nth(rx, oldestFirst, r.number, lastKey, firstKey, 0); err != nil {
			return err
		}
		last, _, err = nth(rx, newestFirst, r.number, lastKey, firstKey, 0)
		return err
	})
	s.First, s.Last = first.time.Time(), last.time.Time()
	for from := first; err == nil && more; {
		err = sqlitedb.View(ctx, h.db, func(rx sqlitedb.Rx) error {
			k, rows, err := walk(rx, oldestFirst, r.number, last.next(), from, pageKeys)
			s.Rows += int64(rows)
			from, more = k.next(), rows == pageKeys
			return err
		})
	}
	return s, err
}
