package sqlitelog_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edfsm/edfsm/internal/sqlitedb"
	"github.com/edfsm/edfsm/sqlitelog"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// reports is what a logger was told.
type reports struct{ bytes.Buffer }

func (r *reports) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(r, nil)) }

// of returns the records with a message. It must not be called while there may
// be more.
func (r *reports) of(t *testing.T, message string) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(r.String()) {
		var record map[string]any
		must(t, json.Unmarshal([]byte(line), &record))
		if record["msg"] == message {
			all = append(all, record)
		}
	}
	return all
}

// one returns the only record with a message, which is of a file and a log, or
// of a file alone.
func (r *reports) one(t *testing.T, message, path string, log any) map[string]any {
	t.Helper()
	all := r.of(t, message)
	if len(all) != 1 || all[0]["file"] != path || all[0]["log"] != log {
		t.Errorf("of %q was reported %v in\n%s", message, all, r)
		return nil
	}
	return all[0]
}

// What an operator asks about is reported with its file and its log.
func TestReports(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	var told reports
	cfg := sqlitelog.Config[put]{
		Key: putKey, HighWater: 1 << 30, LowWater: 1, Quarantine: true,
		File: sqlitelog.Options{Logger: told.logger(), ForeignCheckpoints: true},
	}
	log := open(t, path, cfg)
	must(t, log.Notify(t.Context(), []put{{Key: "a"}, {Key: "b"}, {Key: "a"}}))
	_, err := log.Compact(t.Context())
	must(t, err)
	shell(t, path, "UPDATE log SET crc = 0")
	events(t, log)
	must(t, log.Close())
	must(t, log.Close())
	if r := told.one(t, "edfsm: log opened", path, "main"); r["head"] != 0.0 || r["epoch"] != 1.0 || r["wal_pages"] != 0.0 {
		t.Errorf("opening a new file: %v", r)
	}
	if r := told.one(t, "edfsm: compacted", path, "main"); r["moved"] != 1.0 || r["dropped"] != 1.0 {
		t.Errorf("the compaction: %v", r)
	}
	if r := told.one(t, "edfsm: record quarantined", path, "main"); r["level"] != "WARN" {
		t.Errorf("the damaged record: %v", r)
	}
	if r := told.one(t, "edfsm: log closed", path, "main"); r["error"] != nil {
		t.Errorf("closing: %v", r)
	}

	told.Reset()
	must(t, open(t, path, cfg).Close())
	r := told.one(t, "edfsm: log opened", path, "main")
	if pages, _ := r["wal_pages"].(float64); r["head"] != 3.0 || r["epoch"] != 2.0 || pages < 1 {
		t.Errorf("opening a file with a WAL: %v", r)
	}
}

// That a log was taken over is reported once.
func TestReportConflict(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	var told reports
	db := openDB(t, path, sqlitelog.Options{Logger: told.logger()})
	old := newLog(t, db, "main", sqlitelog.Config[string]{})
	newLog(t, db, "main", sqlitelog.Config[string]{})
	for range 3 {
		if err := old.Notify(t.Context(), []string{"stale"}); !errors.Is(err, sqlitelog.ErrConflict) {
			t.Error(err)
		}
	}
	if r := told.one(t, "edfsm: log has another owner", path, "main"); r["level"] != "WARN" || r["epoch"] != 1.0 {
		t.Errorf("the conflict: %v", r)
	}
}

// A file that is given up, or whose WAL cannot be copied back, is reported.
func TestReportFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	var told reports
	db := openDB(t, path, sqlitelog.Options{Logger: told.logger(), Durability: sqlitelog.Normal})
	log := newLog(t, db, "main", sqlitelog.Config[string]{})

	reader, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	must(t, err)
	must(t, sqlitex.ExecuteTransient(reader, "BEGIN", nil))
	must(t, sqlitex.ExecuteTransient(reader, "SELECT * FROM log", nil))
	for range 40 { // of 60 pages or more
		must(t, log.Notify(t.Context(), []string{strings.Repeat("x", 250_000)}))
	}
	must(t, reader.Close())
	late := told.of(t, "edfsm: checkpoint late")
	if len(late) == 0 || late[0]["file"] != path || late[0]["level"] != "WARN" || late[0]["wal_pages"].(float64) < 1000 {
		t.Errorf("late was %v", late)
	}

	func() {
		defer func() { recover() }()
		sqlitedb.Update(t.Context(), db, func(sqlitedb.Tx) error { panic("given up") })
	}()
	if err := log.Notify(t.Context(), []string{"more"}); !errors.Is(err, sqlitelog.ErrFailed) {
		t.Error(err)
	}
	if r := told.one(t, "edfsm: database given up", path, nil); r["level"] != "ERROR" {
		t.Errorf("the failure: %v", r)
	}
}
