//go:build unix

package history_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/edfsm/edfsm/history"
)

// never is a moment that does not come.
const never = math.MaxInt

// errWrong is of what must never be seen, whatever the device does.
var errWrong = errors.New("promise broken")

func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errWrong, fmt.Errorf(format, args...))
}

// place is where a row is: there are two to a ms.
type place struct {
	record string
	n      int
}

func (p place) at() time.Time { return at(p.n / 2) }

func (p place) String() string { return fmt.Sprint(p.record, " ", p.n) }

// placed is a row that somebody wants to be stored.
type placed struct {
	place
	value string
}

// step is a batch that is stored together, or a deletion.
type step struct {
	rows      []placed       // of a batch, in their order
	may, must map[string]int // of a deletion: before which place of a record rows may go, and must

	above        int64 // the greatest id that was seen before
	began, ended int   // by the clock of the promises
	asked        int   // so many operations had been done when it began,
	accepted     int   // when it was accepted, or never,
	gone         int   // and from when on it is known not to be there, or never
	once         bool  // it was accepted, be it in what a power cut took
}

// promises is what a history has promised to somebody. All that was tried, and
// not refused, may be there besides.
type promises struct {
	now func() int // how many operations have been done

	mu    sync.Mutex
	clock int
	steps []*step
	ids   []greatest
}

// greatest is the greatest id that there was when it was looked at.
type greatest struct {
	id   int64
	when int
}

func (p *promises) begin(s *step) *step {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clock++
	s.began, s.asked, s.accepted, s.gone = p.clock, p.now(), never, never
	if len(s.rows) > 0 && !isEvent(s.rows[0]) {
		s.above = p.greatest()
	}
	p.steps = append(p.steps, s)
	return s
}

func (p *promises) end(s *step, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clock++
	s.ended = p.clock
	switch {
	case s.accepted != never: // in haste
	case err == nil:
		s.accepted, s.once = p.now(), true
	case !errors.Is(err, history.ErrUncertain):
		s.gone = s.asked
	}
}

// hasten takes for accepted what was begun.
func (p *promises) hasten(s *step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.accepted, s.once = s.asked, true
}

func (p *promises) greatest() (id int64) {
	for _, g := range p.ids {
		id = max(id, g.id)
	}
	return id
}

// until copies the promises that were made by then; they were made at 0.
func (p *promises) until(moment int, now func() int) *promises {
	then := &promises{now: now, clock: p.clock}
	for _, s := range p.steps {
		s := *s
		if s.asked > moment {
			continue
		}
		s.asked, s.accepted, s.gone = 0, by(moment, s.accepted), by(moment, s.gone)
		then.steps = append(then.steps, &s)
	}
	for _, g := range p.ids {
		if g.when <= moment {
			then.ids = append(then.ids, greatest{g.id, 0})
		}
	}
	return then
}

// by is 0 for what was by a moment, and never for what was not yet.
func by(moment, when int) int {
	if when == never || when > moment {
		return never
	}
	return 0
}

// forget takes all back but that the newest goes first.
func (p *promises) forget() {
	for _, s := range p.steps {
		s.accepted = never
	}
	p.ids = nil
}

// sure gives the places of a record whose rows must be there, the newest first,
// and all that may be.
func (p *promises) sure(record string) (sure, perhaps []int) {
	for _, s := range p.steps {
		for _, r := range s.rows {
			if r.record != record || s.gone != never {
				continue
			}
			perhaps = append(perhaps, r.n)
			if s.accepted != never && !p.mayBeDeleted(r.place) {
				sure = append(sure, r.n)
			}
		}
	}
	newestFirst := func(a, b int) int { return b - a }
	slices.SortFunc(sure, newestFirst)
	slices.SortFunc(perhaps, newestFirst)
	return sure, perhaps
}

func (p *promises) mayBeDeleted(at place) bool {
	return slices.ContainsFunc(p.steps, func(s *step) bool { return at.n < s.may[at.record] })
}

// cutoff is a deletion before a place, of all records.
func (p *promises) cutoff(before int) *step {
	all := make(map[string]int)
	for _, record := range p.records() {
		all[record] = before
	}
	return &step{may: all, must: all}
}

// keep is a deletion of what is before a place and not among the newest n of
// its record.
func (p *promises) keep(s *step, match func(record string) bool, before, n int) {
	for _, record := range p.records() {
		if !match(record) {
			continue
		}
		sure, perhaps := p.sure(record)
		if len(sure) >= n {
			s.must[record] = min(before, sure[n-1])
		}
		if len(perhaps) >= n {
			s.may[record] = min(before, perhaps[n-1])
		}
	}
}

// records are all names but those that are never deleted.
func (p *promises) records() []string {
	all := make(map[string]bool)
	for _, s := range p.steps {
		for _, r := range s.rows {
			if r.n < farAway && !isEvent(r) {
				all[r.record] = true
			}
		}
	}
	return slices.Collect(maps.Keys(all))
}
