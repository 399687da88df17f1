package natslog

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// mark says how far a log was compacted. It is written before anything is
// deleted, by an owner only, and again when that is done.
type mark struct {
	Owner   string `json:"owner"`   // the handle that compacts
	Through int64  `json:"through"` // nothing after this offset was deleted

	// Tombstones is the offset of the last tombstone that has gone: what a
	// snapshot before it may hold cannot be told from the events after that.
	Tombstones int64 `json:"tombstones"`

	// Settled is an offset through which all that was superseded had gone at
	// a moment. A tombstone goes when that is long enough ago: no server is so
	// far behind that it still shows what the tombstone has ended.
	Settled   int64     `json:"settled"`
	SettledAt time.Time `json:"settled_at"`

	offset int64 // of the mark itself
}

// readMark returns the mark of the log, a zero one if it was never compacted.
func (s *store) readMark(ctx context.Context) (m mark, err error) {
	r, err := s.stream.last(ctx, s.mark)
	if err != nil || r.offset == 0 {
		return m, err
	}
	return markOf(r)
}

func markOf(r record) (m mark, err error) {
	if err := json.Unmarshal(r.value, &m); err != nil {
		return m, fmt.Errorf("mark at offset %d: %w", r.offset, err)
	}
	m.offset = r.offset
	return m, nil
}

// writeMark replaces the mark, and fails if the log has another owner.
func (s *store) writeMark(ctx context.Context, m *mark) error {
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.leave()
	w := s.newWrite(s.mark, 1)
	w.rollup = true
	var err error
	if w.records[0].value, err = json.Marshal(m); err != nil {
		return err
	}
	m.offset, err = s.put(ctx, w)
	return err
}
