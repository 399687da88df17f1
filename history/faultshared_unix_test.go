//go:build unix

package history_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/edfsm/edfsm/history"
	"github.com/edfsm/edfsm/internal/crashtest"
	"github.com/edfsm/edfsm/sqlitelog"
)

// sharing is somebody who keeps a log and a history in one file. An event is
// remembered like a row, of a record that nothing is deleted from.
type sharing struct {
	*workload
	log, former *sqlitelog.Log[string] // one that owns the log, and one that no longer does
}

func shares(t *testing.T, file history.Options) func(crashtest.Place) *sharing {
	begin := works(t, file)
	return func(here crashtest.Place) *sharing { return &sharing{workload: begin(here)} }
}

// Run goes on after an error.
func (s *sharing) Run(ctx context.Context) error {
	return errors.Join(
		s.start(ctx),
		s.together(ctx, s.storing(ctx), s.appending(ctx)),
		s.together(ctx, s.appending(ctx), s.conflicting(ctx), s.storing(ctx)),
		s.together(ctx, s.recording(ctx), s.conflicting(ctx)),
		s.together(ctx, s.storing(ctx), s.conflicting(ctx)),
		s.together(ctx, s.storing(ctx), s.refusing(ctx), s.appending(ctx)),
		s.look(ctx),
		s.together(ctx, s.cleaning(ctx, 300), s.appending(ctx), s.conflicting(ctx)),
		s.Close(),
		s.start(ctx),
		s.together(ctx, s.refusing(ctx), s.appending(ctx), s.recording(ctx), s.conflicting(ctx)),
		s.look(ctx),
	)
}

func (s *sharing) start(ctx context.Context) error { return errors.Join(s.open(ctx), s.look(ctx)) }

func (s *sharing) open(ctx context.Context) (err error) {
	if s.db, err = history.OpenDB(ctx, s.here.Path("history.db"), s.file); err != nil {
		return err
	}
	s.h, err = history.New(ctx, s.db, history.Config{})
	for _, log := range []**sqlitelog.Log[string]{&s.former, &s.log} {
		if err == nil {
			*log, err = sqlitelog.New(ctx, s.db, eventsOf, sqlitelog.Config[string]{})
		}
	}
	if err != nil {
		s.h = nil
		err = errors.Join(err, s.db.Close())
	}
	return err
}

func (s *sharing) Close() (err error) {
	if s.h != nil {
		err = errors.Join(s.log.Close(), s.former.Close(), s.h.Close(), s.db.Close())
		s.h = nil
	}
	return err
}

// appending is a batch of events.
func (s *sharing) appending(ctx context.Context) (call func() error) {
	rows, events := s.events()
	return func() error {
		return s.try(rows, func() error { return s.log.Notify(ctx, events) })
	}
}

// conflicting is events of somebody who owns the log no longer.
func (s *sharing) conflicting(ctx context.Context) (call func() error) {
	rows, events := s.events()
	return func() error {
		return s.refused(rows, sqlitelog.ErrConflict, func() error { return s.former.Notify(ctx, events) })
	}
}

func (s *sharing) events() (rows []placed, events []string) {
	for first, i := s.next(), 0; i < 3; i++ {
		r := bytesAt(eventsOf, first+i, 1000)
		rows, events = append(rows, r), append(events, r.value)
	}
	return rows, events
}

func (s *sharing) look(ctx context.Context) error {
	_, err := s.compare(ctx, s.read, s.readEvents)
	return err
}

func (s *sharing) readEvents(ctx context.Context) (all []seen, err error) {
	for e, err := range s.log.Entries(ctx, 0, s.log.Head()) {
		if err != nil {
			return nil, err
		}
		n, err := placeOf(e.Event)
		if err != nil {
			return nil, wrong("event %d is %.40q", e.Offset, e.Event)
		}
		all = append(all, seen{placed{place{eventsOf, n}, e.Event}, e.Offset})
	}
	return all, nil
}

func (s *sharing) Until(moment int, here crashtest.Place) *sharing {
	return &sharing{workload: s.workload.Until(moment, here)}
}

// GoOn appends and stores with the handles that are open.
func (s *sharing) GoOn(ctx context.Context) error {
	err := s.together(ctx, s.appending(ctx), s.conflicting(ctx), s.storing(ctx))
	if errors.Is(err, history.ErrFailed) {
		return errors.Join(s.found, ignored(s.Close()))
	}
	return errors.Join(err, s.look(ctx), s.found, s.Close())
}

func (s *sharing) Again(ctx context.Context) (left int, err error) {
	if err := s.open(ctx); err != nil {
		return 0, fmt.Errorf("open again: %w", err)
	}
	left, err = s.compare(ctx, s.read, s.readEvents)
	if err := errors.Join(err, s.checkFile(ctx)); err != nil {
		return left, err
	}
	err = s.together(ctx, s.appending(ctx), s.storing(ctx), s.conflicting(ctx))
	return left, errors.Join(err, s.look(ctx), s.found, s.Close())
}

// A log and a history in one file keep what they have accepted, whichever operation
// fails; and what one of them refuses takes nothing of the other with it.
func TestFaultsShared(t *testing.T) {
	for _, plan := range crashtest.Plans {
		t.Run(fmt.Sprintf("%v/always=%v", plan.Fault, plan.Always), func(t *testing.T) {
			t.Parallel()
			crashtest.None(t, crashtest.Faults(t, crashtest.Count(6), plan, shares(t, history.Options{})))
		})
	}
}

// So it is whenever the power fails.
func TestPowerCutShared(t *testing.T) {
	t.Parallel()
	crashtest.None(t, crashtest.PowerCuts(t, crashtest.Count(25), crashtest.Record(t, shares(t, history.Options{}))))
}
