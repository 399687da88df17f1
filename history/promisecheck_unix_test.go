//go:build unix

package history_test

import (
	"errors"
	"math"
	"slices"
)

// seen is a row that is there.
type seen struct {
	placed
	id int64
}

// check compares rows with what was promised, and returns the clock of the newest
// batch that is there. What is not there will never be.
func (p *promises) check(rows []seen) (newest int, err error) {
	ids, err := p.match(rows)
	if err != nil {
		return 0, err
	}
	for _, s := range p.steps {
		if slices.Max(append(ids[s], 0)) > 0 {
			newest = max(newest, s.began)
		}
	}
	for _, s := range p.steps {
		owed := s.accepted != never || s.once && s.gone == never && s.ended < newest
		err = errors.Join(err, p.checkBatch(s, ids[s], owed), checkDeletion(s, rows, owed))
	}
	err = errors.Join(err, p.checkOrder(ids), p.checkDeleted(ids))
	p.settle(ids)
	return newest, err
}

// match returns the id of each row of each step, 0 for one that is not there.
func (p *promises) match(rows []seen) (map[*step][]int64, error) {
	type index struct {
		step *step
		row  int
	}
	known := make(map[placed]index)
	ids := make(map[*step][]int64)
	for _, s := range p.steps {
		ids[s] = make([]int64, len(s.rows))
		for i, r := range s.rows {
			if _, twice := known[r]; !twice || s.gone == never {
				known[r] = index{s, i}
			}
		}
	}
	for _, r := range rows {
		at, ok := known[r.placed]
		if !ok {
			return nil, wrong("%v, %.40q, was never stored", r.place, r.value)
		}
		if ids[at.step][at.row] != 0 {
			return nil, wrong("%v is there twice", r.place)
		}
		ids[at.step][at.row] = r.id
	}
	return ids, nil
}

// checkBatch compares a batch with its ids.
func (p *promises) checkBatch(s *step, ids []int64, owed bool) error {
	there := slices.Max(append(ids, 0)) > 0
	if there && s.gone != never {
		return wrong("batch %d, %v, was refused and is there", s.began, s.rows[0].place)
	}
	last := s.above
	for i, id := range ids {
		if id == 0 {
			if (there || owed) && !p.mayBeDeleted(s.rows[i].place) {
				return wrong("%v of batch %d is lost; accepted: %v, the rest is there: %v", s.rows[i].place, s.began, owed, there)
			}
			continue
		}
		if id <= last {
			return wrong("%v of batch %d has the id %d, after %d", s.rows[i].place, s.began, id, last)
		}
		last = id
	}
	return nil
}

// checkDeletion looks for rows that must have gone.
func checkDeletion(s *step, rows []seen, owed bool) error {
	if s.must == nil || !owed {
		return nil
	}
	for _, r := range rows {
		if r.n < s.must[r.record] {
			return wrong("%v is there, and was deleted by %d", r.place, s.began)
		}
	}
	return nil
}

// checkOrder looks at batches of which one was tried after the other was accepted.
// Events of a log have offsets of their own.
func (p *promises) checkOrder(ids map[*step][]int64) error {
	for _, later := range p.steps {
		for _, s := range p.steps {
			if s.ended == 0 || s.ended > later.began || len(s.rows) == 0 || len(later.rows) == 0 || isEvent(s.rows[0]) != isEvent(later.rows[0]) {
				continue
			}
			if last, first := slices.Max(ids[s]), least(ids[later]); first <= last {
				return wrong("batch %d has the id %d, and %d, before it, has %d", later.began, first, s.began, last)
			}
		}
	}
	return nil
}

// eventsOf is the name of a log.
const eventsOf = "events"

func isEvent(r placed) bool { return r.record == eventsOf }

// least is the least id of rows that are there.
func least(ids []int64) int64 {
	first := int64(math.MaxInt64)
	for _, id := range ids {
		if id > 0 {
			first = min(first, id)
		}
	}
	return first
}

// checkDeleted looks whether of each record the oldest are deleted first.
func (p *promises) checkDeleted(ids map[*step][]int64) error {
	oldest := make(map[string]int)
	each := func(f func(place, int64)) {
		for s, of := range ids {
			if slices.Max(append(of, 0)) == 0 {
				continue
			}
			for i, id := range of {
				f(s.rows[i].place, id)
			}
		}
	}
	each(func(at place, id int64) {
		if n, ok := oldest[at.record]; id > 0 && (!ok || at.n < n) {
			oldest[at.record] = at.n
		}
	})
	var err error
	each(func(at place, id int64) {
		if n, ok := oldest[at.record]; id == 0 && ok && at.n > n {
			err = wrong("%v is deleted, and %d, which is older, is not", at, n)
		}
	})
	return err
}

// settle takes note of what is there, and for ever, and of what is not.
func (p *promises) settle(ids map[*step][]int64) {
	now := greatest{when: p.now()}
	for _, s := range p.steps {
		there := slices.Max(append(ids[s], 0))
		switch {
		case s.accepted != never || s.gone != never:
		case there == 0:
			s.gone = now.when
		default:
			s.accepted, s.once = now.when, true
		}
		if len(s.rows) > 0 && !isEvent(s.rows[0]) {
			now.id = max(now.id, there)
		}
	}
	p.ids = append(p.ids, now)
}
