package natslog

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrUnsubscribed: the subscription was deleted while it was delivered.
var ErrUnsubscribed = errors.New("the subscription was deleted")

// errMoved: somebody else has moved the position since it was read.
var errMoved = errors.New("the position was moved")

// Subscription is a named position in a log, and what is still to be delivered
// to it.
type Subscription struct {
	Name      string        `json:"name"`
	Position  int64         `json:"position_offset"` // of the last event it has been given, 0 before the first
	Lag       int64         `json:"lag_records"`     // how many come after that; openings of the log count too
	LagTime   time.Duration `json:"lag_ns"`          // how long the oldest of them has been there, by the clocks of here and the server; 0 without one
	UpdatedAt time.Time     `json:"updated_at"`      // when the position was last moved
}

// Subscriptions returns the subscriptions of the log, by name. They may be those
// of a moment ago.
func (l *Log[E]) Subscriptions(ctx context.Context) (all []Subscription, err error) {
	s := l.store
	if l.closed.Load() {
		return nil, s.named(ErrClosed)
	}
	st, err := s.readState(ctx, 0)
	if err != nil {
		return nil, s.named(err)
	}
	for _, p := range st.positions {
		sub := Subscription{Name: p.Name, Position: p.After, UpdatedAt: p.movedAt}
		n, first, err := s.stream.count(ctx, s.events, p.After)
		if err != nil {
			return nil, s.named(err)
		}
		if sub.Lag = n; n > 0 {
			sub.LagTime = max(0, time.Since(first.recordedAt))
		}
		all = append(all, sub)
	}
	slices.SortFunc(all, func(a, b Subscription) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

// Seek sets the position of a subscription, and makes the subscription if there
// is none: from then on nothing after the position is compacted. 0 begins with
// the oldest event that is left; a position beyond the newest event means that
// one, and so begins with what comes. A delivery that is under way goes on from
// there.
func (l *Log[E]) Seek(ctx context.Context, name string, to int64) error {
	if err := l.usable(name); err != nil {
		return err
	}
	s := l.store
	newest, err := s.stream.last(ctx, s.events)
	for err == nil {
		var p position
		if p, err = s.position(ctx, name); err != nil && !errors.Is(err, ErrUnsubscribed) {
			break
		}
		p.Name, p.After = name, min(max(to, 0), newest.offset)
		if err = s.move(ctx, &p); !errors.Is(err, errMoved) {
			break
		}
		err = ctx.Err()
	}
	s.news.tell()
	return s.namedSubscription(name, err)
}

// Unsubscribe deletes a subscription, if there is one, so that compaction no
// longer waits for it. A delivery that is under way ends with [ErrUnsubscribed].
func (l *Log[E]) Unsubscribe(ctx context.Context, name string) error {
	if err := l.usable(name); err != nil {
		return err
	}
	err := l.store.stream.purge(ctx, l.store.subjects.position(name), 0)
	l.store.news.tell()
	return l.store.namedSubscription(name, err)
}

func (l *Log[E]) usable(name string) error {
	if l.closed.Load() {
		return l.store.named(ErrClosed)
	}
	return l.store.named(checkName("a subscription", name))
}

// namedSubscription says where an error has happened.
func (s *store) namedSubscription(name string, err error) error {
	if err == nil {
		return nil
	}
	return s.named(fmt.Errorf("subscription %q: %w", name, err))
}

// position returns where a subscription stands.
func (s *store) position(ctx context.Context, name string) (position, error) {
	r, err := s.stream.last(ctx, s.subjects.position(name))
	if err == nil && r.offset == 0 {
		err = ErrUnsubscribed
	}
	if err != nil {
		return position{}, err
	}
	return positionOf(r)
}

// subscribe makes a subscription before it is first read: from then on nothing
// goes that it has still to be given.
func (s *store) subscribe(ctx context.Context, name string) error {
	_, err := s.position(ctx, name)
	if !errors.Is(err, ErrUnsubscribed) {
		return err
	}
	if err = s.move(ctx, &position{Name: name}); errors.Is(err, errMoved) {
		return nil // somebody else has made it
	}
	return err
}

// move writes a position unless it was written since it was read.
func (s *store) move(ctx context.Context, p *position) error {
	w := &write{subject: s.subjects.position(p.Name), after: p.offset, id: rand.Text(), rollup: true}
	w.guard = w.subject
	r := newRecord(w.subject, w.id, 1, 1)
	var err error
	if r.value, err = json.Marshal(p); err != nil {
		return err
	}
	w.records = []record{r}
	last, err := s.stream.put(ctx, w)
	if errors.Is(err, ErrConflict) {
		return errMoved
	}
	if err == nil {
		p.offset = last
	}
	return err
}
