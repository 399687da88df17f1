package natslog

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// state is what a log keeps beside its events: its mark and the positions of its
// subscriptions, as one server has them at one moment; of more than 1,000 records
// each page may be another server's, of a later moment.
type state struct {
	mark      mark
	positions []position
}

// position is where a subscription stands. It is a record of its own.
type position struct {
	Name  string `json:"name"`
	After int64  `json:"position"` // the offset of the last event that was acknowledged

	offset  int64 // of the record
	movedAt time.Time
}

func positionOf(r record) (p position, err error) {
	if err := json.Unmarshal(r.value, &p); err != nil {
		return p, fmt.Errorf("position at offset %d: %w", r.offset, err)
	}
	p.offset, p.movedAt = r.offset, r.recordedAt
	return p, nil
}

// least returns the offset through which all subscriptions have been given the
// log.
func (s *state) least() int64 {
	least := int64(math.MaxInt64)
	for _, p := range s.positions {
		least = min(least, p.After)
	}
	return least
}

// readState reads the state from a server that has come as far as an offset, of
// a mark. Servers that are behind are asked again.
func (s *store) readState(ctx context.Context, from int64) (st state, err error) {
	err = s.stream.insist(ctx, func(ctx context.Context) error {
		st = state{}
		for after := int64(0); ; {
			records, more, err := s.stream.readPage(ctx, s.state, after, pageRecords)
			if err != nil {
				return err
			}
			for _, r := range records {
				if err := st.add(s.mark, r); err != nil {
					return err
				}
				after = r.offset
			}
			if more == 0 || len(records) == 0 {
				break
			}
		}
		if st.mark.offset < from {
			return errLagging
		}
		return nil
	})
	return st, err
}

func (s *state) add(markSubject string, r record) (err error) {
	if r.subject == markSubject {
		s.mark, err = markOf(r)
		return err
	}
	p, err := positionOf(r)
	s.positions = append(s.positions, p)
	return err
}
