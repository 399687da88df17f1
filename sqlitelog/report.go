package sqlitelog

import (
	"errors"
	"log/slog"

	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// logger returns where the log reports to, with its place.
func (s *store) logger() *slog.Logger {
	return sqlitedb.Logger(s.db).With("file", sqlitedb.Path(s.db), "log", s.name)
}

// refused notes that an append has failed, and returns why.
func (s *store) refused(err error) error {
	if errors.Is(err, ErrConflict) {
		s.counts.conflicts.Add(1)
		s.replaced.Do(func() { s.logger().Warn("edfsm: log has another owner", "epoch", s.epoch) })
	}
	return err
}
