package sqlitelog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/edfsm/edfsm/internal/sqlitedb"
	"zombiezen.com/go/sqlite"
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
	Lag       int64         `json:"lag_records"`     // how many come after that
	LagTime   time.Duration `json:"lag_ns"`          // how long the oldest of them has been there, by the wall clock; 0 without one
	Skipped   int64         `json:"skipped_records"` // how many are in the table skipped
	UpdatedAt time.Time     `json:"updated_at"`      // when the position was last moved; in ms
}

// Subscriptions returns the subscriptions of the log, by name, as they are at
// one moment. It counts the records that the furthest behind has not been given.
func (l *Log[E]) Subscriptions(ctx context.Context) (all []Subscription, err error) {
	if l.closed.Load() {
		return nil, l.store.named(ErrClosed)
	}
	err = sqlitedb.View(ctx, l.store.db, func(rx sqlitedb.Rx) error {
		all, err = l.store.subscriptions(rx)
		return l.store.named(err)
	})
	return all, err
}

// Seek sets the position of a subscription, and makes the subscription if there
// is none: from then on nothing after the position is compacted. 0 begins with
// the oldest event that is left; a position beyond the newest event means that
// one, and so begins with what comes; one before events that were dropped for a
// snapshot fails with [ErrDropped]. A delivery that is under way goes on from
// there; if it waits in another process, with the next event.
func (l *Log[E]) Seek(ctx context.Context, name string, position int64) error {
	if err := l.usable(name); err != nil {
		return err
	}
	position = max(position, 0)
	err := l.store.updateSubscription(ctx, name, func(tx sqlitedb.Tx) error {
		if err := l.store.wholeAfter(tx.Rx, position); err != nil {
			return err
		}
		newest, _, err := tx.Int("SELECT floor FROM logs WHERE number = ?", l.store.number)
		if err != nil {
			return err
		}
		stored, err := newestOf(tx.Rx)
		if err != nil {
			return err
		}
		return tx.Exec(`INSERT INTO subscriptions(log, name, position, updated_at) VALUES(?, ?, ?, ?)
			ON CONFLICT(log, name) DO UPDATE SET position = excluded.position, updated_at = excluded.updated_at`,
			l.store.number, name, min(position, max(newest, stored)), time.Now().UnixMilli())
	})
	if err == nil {
		l.store.seeked()
	}
	return err
}

// Unsubscribe deletes a subscription, if there is one, so that compaction no
// longer waits for it. What it has put aside stays in the table skipped. A
// delivery that is under way ends with [ErrUnsubscribed]; if it waits in another
// process, with the next event.
func (l *Log[E]) Unsubscribe(ctx context.Context, name string) error {
	if err := l.usable(name); err != nil {
		return err
	}
	err := l.store.updateSubscription(ctx, name, func(tx sqlitedb.Tx) error {
		return tx.Exec("DELETE FROM subscriptions WHERE log = ? AND name = ?", l.store.number, name)
	})
	if err == nil {
		l.store.seeked()
	}
	return err
}

func (l *Log[E]) usable(name string) error {
	if l.closed.Load() {
		return l.store.named(ErrClosed)
	}
	return l.store.named(checkName("a subscription", name))
}

func (s *store) updateSubscription(ctx context.Context, name string, fn func(sqlitedb.Tx) error) error {
	return sqlitedb.Update(ctx, s.db, func(tx sqlitedb.Tx) error { return s.namedSubscription(name, fn(tx)) })
}

// namedSubscription says where an error has happened.
func (s *store) namedSubscription(name string, err error) error {
	if err == nil {
		return nil
	}
	return s.named(fmt.Errorf("subscription %q: %w", name, err))
}

// seeked wakes the deliveries that wait, and the compaction that was held up.
func (s *store) seeked() {
	s.news.tell()
	s.freed()
}

// subscribe makes a subscription before it is first read: from then on nothing
// goes that it has still to be given.
func (s *store) subscribe(ctx context.Context, name string) error {
	return s.updateSubscription(ctx, name, func(tx sqlitedb.Tx) error {
		if _, err := s.position(tx.Rx, name); !errors.Is(err, ErrUnsubscribed) {
			return err
		}
		if err := s.whole(tx.Rx); err != nil {
			return err
		}
		return tx.Exec("INSERT INTO subscriptions(log, name, position, updated_at) VALUES(?, ?, 0, ?)",
			s.number, name, time.Now().UnixMilli())
	})
}

// position returns where a subscription stands.
func (s *store) position(rx sqlitedb.Rx, name string) (int64, error) {
	position, exists, err := rx.Int("SELECT position FROM subscriptions WHERE log = ? AND name = ?", s.number, name)
	if err == nil && !exists {
		err = ErrUnsubscribed
	}
	return position, err
}

// acknowledge moves a subscription on, unless it is no longer where it was read.
// With a reason, the record it moves to is put aside.
func (s *store) acknowledge(ctx context.Context, name string, from, to int64, reason error) error {
	defer s.freed()
	return s.updateSubscription(ctx, name, func(tx sqlitedb.Tx) error {
		position, err := s.position(tx.Rx, name)
		if err != nil {
			return err
		}
		if position != from {
			return errMoved
		}
		if reason != nil {
			if err := s.skip(tx, name, to, reason); err != nil {
				return err
			}
		}
		return tx.Exec("UPDATE subscriptions SET position = ?3, updated_at = ?4 WHERE log = ?1 AND name = ?2",
			s.number, name, to, time.Now().UnixMilli())
	})
}

// skip copies a record, which no compaction has touched, to the table skipped.
func (s *store) skip(tx sqlitedb.Tx, name string, offset int64, reason error) error {
	now := time.Now().UnixMilli()
	for _, statement := range []string{
		"INSERT OR REPLACE INTO skipped SELECT log, ?2, offset, key, value, ?3, ?4 FROM log WHERE offset = ?1",
		"INSERT OR REPLACE INTO skipped SELECT log, ?2, offset, key, value, ?3, ?4 FROM compacted WHERE offset = ?1",
	} {
		if err := tx.Exec(statement, offset, name, reason.Error(), now); err != nil {
			return err
		}
	}
	return nil
}

// given returns the offset through which all subscriptions, and the followers in
// this process, have been given the log's events. It must be called in a
// transaction in which s.replays are on hold.
func (s *store) given(tx sqlitedb.Tx) (int64, error) {
	least, _, err := tx.Int("SELECT ifnull(min(position), ?2) FROM subscriptions WHERE log = ?1", s.number, int64(math.MaxInt64))
	return min(least, s.replays.leastPassed()), err
}

func (s *store) subscriptions(rx sqlitedb.Rx) (all []Subscription, err error) {
	err = rx.Each(`SELECT name, position, updated_at,
			(SELECT count(*) FROM skipped WHERE skipped.log = subscriptions.log AND subscription = name)
		FROM subscriptions WHERE log = ? ORDER BY position DESC`,
		func(stmt *sqlite.Stmt) error {
			all = append(all, Subscription{
				Name:      stmt.ColumnText(0),
				Position:  stmt.ColumnInt64(1),
				UpdatedAt: time.UnixMilli(stmt.ColumnInt64(2)),
				Skipped:   stmt.ColumnInt64(3),
			})
			return nil
		}, s.number)
	if err != nil {
		return nil, err
	}
	now, lag := time.Now(), lag{end: math.MaxInt64}
	for i := range all {
		sub := &all[i]
		if err := lag.through(rx, s, sub.Position); err != nil {
			return nil, err
		}
		sub.Lag = lag.records
		if lag.records > 0 {
			sub.LagTime = max(0, now.Sub(time.UnixMilli(lag.oldest)))
		}
	}
	slices.SortFunc(all, func(a, b Subscription) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

// lag counts records from the newest backwards.
type lag struct {
	end     int64 // offset down to which it has come
	records int64
	oldest  int64 // when the oldest of them was recorded, in Unix ms
}

// through counts on, down to an offset.
func (l *lag) through(rx sqlitedb.Rx, s *store, offset int64) error {
	for _, t := range []table{s.sql.log, s.sql.compacted} {
		err := rx.Each(t.lag, func(stmt *sqlite.Stmt) error {
			if n := stmt.ColumnInt64(0); n > 0 {
				l.records += n
				l.oldest = stmt.ColumnInt64(2)
			}
			return nil
		}, s.number, offset, l.end)
		if err != nil {
			return err
		}
	}
	l.end = offset
	return nil
}
