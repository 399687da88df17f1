package sqlitelog

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/edfsm/edfsm/internal/sqlitedb"
	"zombiezen.com/go/sqlite"
)

// ErrDropped: events that a snapshot contains were deleted, so that the log does
// not begin at its beginning. Start from that snapshot.
var ErrDropped = errors.New("events before a snapshot are gone")

// SaveSnapshot keeps data as the state after all events that were accepted by
// this log so far; of each id the newest snapshot is kept. When it returns the
// data is as durable as an event, and it shares the transactions of those.
//
// Only the events that a snapshot saved here contains are dropped: whoever cannot
// read one that he has loaded may replay the log. A machine that keeps snapshots
// must be the only one to append, as they are to contain what it has evolved.
//
// An older snapshot of another id goes as soon as the log is compacted beyond
// what it could be continued with.
func (l *Log[E]) SaveSnapshot(ctx context.Context, id string, data []byte) error {
	if l.closed.Load() {
		return l.store.named(ErrClosed)
	}
	return l.store.saveSnapshot(ctx, id, data)
}

// LoadSnapshot returns the newest snapshot with an id and the events after it,
// as [Log.Feed] gives them. Without one it returns neither, nor an error: then
// the whole log is to be replayed, which Feed refuses with [ErrDropped] if it is
// not there any more. A snapshot that is not as it was written counts as none
// and is reported to Options.Logger.
//
// The walk over the events fails with [ErrCompacted] if the log was compacted
// beyond the snapshot in the meantime: load again.
func (l *Log[E]) LoadSnapshot(ctx context.Context, id string) (data []byte, events iter.Seq2[E, error], err error) {
	if l.closed.Load() {
		return nil, nil, l.store.named(ErrClosed)
	}
	snap, err := l.store.loadSnapshot(ctx, id)
	if err != nil || snap.data == nil {
		return nil, nil, err
	}
	check := func(rx sqlitedb.Rx) error { return l.store.reaches(rx, snap.position) }
	return snap.data, l.events(ctx, snap.position+1, check), nil
}

// events gives the events from an offset on; check is asked at the moment of the
// first page.
func (l *Log[E]) events(ctx context.Context, from int64, check func(sqlitedb.Rx) error) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		for e, err := range l.entries(ctx, l.store.records(ctx, from, math.MaxInt64, check)) {
			if !yield(e.Event, err) {
				return
			}
		}
	}
}

// snapshot is a row of the table snapshots; data is nil without one.
type snapshot struct {
	position int64 // offset of the last event that it contains
	data     []byte
}

func (s *store) saveSnapshot(ctx context.Context, id string, data []byte) error {
	if len(data) > sqlitedb.MaxValue {
		return s.named(fmt.Errorf("snapshot %.64q: %w: %d", id, ErrTooLarge, len(data)))
	}
	select {
	case s.saving <- struct{}{}: // so that no snapshot takes the place of a newer one
		defer func() { <-s.saving }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var sum checksum
	position := s.head.Load()
	s.snapshotAt.CompareAndSwap(0, position) // until it is saved, the one before is needed
	crc := sum.of(s.number, position, key{known: true, text: id}, data)
	err := sqlitedb.Update(ctx, s.db, func(tx sqlitedb.Tx) (err error) {
		defer func() { err = s.named(err) }()
		if err := s.checkOwner(tx); err != nil {
			return err
		}
		stmt, err := tx.Prepare(`INSERT INTO snapshots(log, id, position, data, recorded_at, crc) VALUES(?, ?, ?, ?, ?, ?)
			ON CONFLICT(log, id) DO UPDATE SET position = excluded.position, data = excluded.data,
				recorded_at = excluded.recorded_at, crc = excluded.crc`)
		if err != nil {
			return err
		}
		stmt.BindInt64(1, s.number)
		stmt.BindText(2, id)
		stmt.BindInt64(3, position)
		stmt.BindBytes(4, data)
		stmt.BindInt64(5, time.Now().UnixMilli())
		stmt.BindInt64(6, crc)
		_, err = stmt.Step()
		return err
	})
	if err != nil {
		return err
	}
	raise(&s.snapshotAt, position)
	raise(&s.contained, position)
	if s.compactor != nil && s.compactor.dropping {
		s.compactor.dead.Add(1) // what is compacted may go
	}
	return nil
}

// needSnapshot finds the newest snapshot if the log cannot be replayed without
// one. Any other is needed once it was saved or loaded here.
func (s *store) needSnapshot(rx sqlitedb.Rx) error {
	if err := s.whole(rx); !errors.Is(err, ErrDropped) {
		return err
	}
	var ids []string
	err := rx.Each("SELECT id FROM snapshots WHERE log = ? ORDER BY position DESC", func(stmt *sqlite.Stmt) error {
		ids = append(ids, stmt.ColumnText(0))
		return nil
	}, s.number)
	if err != nil {
		return err
	}
	for _, id := range ids {
		snap, err := s.readSnapshot(rx, id)
		if err == nil {
			raise(&s.snapshotAt, snap.position)
			raise(&s.contained, snap.position)
			return nil
		}
		if !errors.Is(err, ErrCorrupt) {
			return err
		}
	}
	return nil
}

func (s *store) loadSnapshot(ctx context.Context, id string) (snap snapshot, err error) {
	var p page // as a replay, so that no tombstone after the snapshot goes before it is known
	if err := s.replays.begin(ctx, &p, s.head.Load()); err != nil {
		return snap, err
	}
	defer s.replays.finish(&p)
	err = sqlitedb.View(ctx, s.db, func(rx sqlitedb.Rx) (err error) {
		defer func() { err = s.named(err) }()
		snap, err = s.readSnapshot(rx, id)
		return err
	})
	if errors.Is(err, ErrCorrupt) {
		s.logger().Warn("edfsm: snapshot ignored", "id", id, "error", err)
		return snapshot{}, nil
	}
	raise(&s.snapshotAt, snap.position)
	return snap, err
}

func (s *store) readSnapshot(rx sqlitedb.Rx, id string) (snap snapshot, err error) {
	stmt, err := rx.Prepare("SELECT position, data, crc FROM snapshots WHERE log = ? AND id = ?")
	if err != nil {
		return snap, err
	}
	stmt.BindInt64(1, s.number)
	stmt.BindText(2, id)
	found, err := stmt.Step()
	if err != nil || !found {
		return snap, err
	}
	data := make([]byte, stmt.ColumnLen(1))
	stmt.ColumnBytes(1, data)
	position, crc := stmt.ColumnInt64(0), stmt.ColumnInt64(2)
	var sum checksum
	if !s.intact(crc, sum.of(s.number, position, key{known: true, text: id}, data)) {
		return snap, errors.Join(fmt.Errorf("snapshot %q: %w", id, ErrCorrupt), stmt.Reset())
	}
	return snapshot{position, data}, stmt.Reset()
}

// reaches fails if the log was compacted beyond a position, so that what follows
// cannot be told from there.
func (s *store) reaches(rx sqlitedb.Rx, position int64) error {
	beyond, _, err := rx.Int("SELECT max(dropped, tombstones) FROM logs WHERE number = ?", s.number)
	if err == nil && beyond > position {
		return ErrCompacted
	}
	return err
}

// whole fails if the log does not begin at its beginning.
func (s *store) whole(rx sqlitedb.Rx) error { return s.wholeAfter(rx, 0) }

// wholeAfter fails if events after an offset were dropped.
func (s *store) wholeAfter(rx sqlitedb.Rx, offset int64) error {
	dropped, _, err := rx.Int("SELECT dropped FROM logs WHERE number = ?", s.number)
	if err == nil && dropped > offset {
		return fmt.Errorf("%w, through offset %d", ErrDropped, dropped)
	}
	return err
}
