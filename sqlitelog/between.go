package sqlitelog

import (
	"context"
	"iter"
	"math"
	"time"
)

// EntriesBetween is [Log.Entries] for the events that were recorded from a moment
// to another, both included, by the wall clock of their writer. They come in
// the order of their offsets, and as that clock may have gone back, not always
// in that of their times.
//
// There is no index of times: each event of the log is looked at, which takes
// a fraction of a replay, as only those in the range are read and decoded.
func (l *Log[E]) EntriesBetween(ctx context.Context, from, to time.Time) iter.Seq2[Entry[E], error] {
	return l.entries(ctx, l.store.walk(ctx, page{end: math.MaxInt64, only: &span{from, to}}))
}

// span is a range of times, both included.
type span struct{ from, to time.Time }

func (s *span) has(ms int64) bool {
	if s == nil {
		return true
	}
	at := time.UnixMilli(ms)
	return !at.Before(s.from) && !at.After(s.to)
}
