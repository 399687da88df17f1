package sqlitelog

import (
	"context"
	"errors"

	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// quarantine moves a record that cannot be read out of the log, whole and with
// the reason, and reports it.
func (s *store) quarantine(ctx context.Context, offset int64, reason error) error {
	err := sqlitedb.Update(ctx, s.db, func(tx sqlitedb.Tx) (err error) {
		defer func() { err = s.named(err) }()
		if err := s.checkOwner(tx); err != nil {
			return err
		}
		for _, step := range []struct {
			statement string
			args      []any
		}{
			{"INSERT INTO quarantine SELECT *, ?2 FROM log WHERE offset = ?1", []any{offset, reason.Error()}},
			{"INSERT INTO quarantine SELECT *, ?2 FROM compacted WHERE offset = ?1", []any{offset, reason.Error()}},
			{"DELETE FROM log WHERE offset = ?", []any{offset}},
			{"DELETE FROM compacted WHERE offset = ?", []any{offset}},
			{raiseFloor, []any{offset, s.number}},
		} {
			if err := tx.Exec(step.statement, step.args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return errors.Join(reason, err)
	}
	sqlitedb.Logger(s.db).Warn("edfsm: record quarantined", "file", sqlitedb.Path(s.db), "log", s.name, "error", reason)
	return nil
}

const countQuarantined = "SELECT count(*) FROM quarantine WHERE log = ?"

// Quarantined returns how many records of the log are in the table quarantine.
func (l *Log[E]) Quarantined(ctx context.Context) (n int64, err error) {
	err = sqlitedb.View(ctx, l.store.db, func(rx sqlitedb.Rx) error {
		n, _, err = rx.Int(countQuarantined, l.store.number)
		return err
	})
	return n, err
}
