package history_test

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edfsm/edfsm/history"
)

// lines is where a log goes that is written by several goroutines.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

// The rules are applied after opening and then every day, and not after Close.
func TestRetention(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	synctest.Test(t, func(t *testing.T) {
		h := open(t, path, history.Config{})
		start := time.Now()
		for hour := range 72 {
			for _, name := range []string{"log/a", "log/b", "temp", "temp/kept", "other"} {
				must(t, h.Store(t.Context(), name, nil, start.Add(time.Duration(hour)*time.Hour)))
			}
		}
		must(t, h.Close())
		<-time.After(72*time.Hour - time.Since(start))

		var log lines
		db, err := history.OpenDB(t.Context(), path, history.Options{})
		must(t, err)
		defer db.Close()
		h, err = history.New(t.Context(), db, history.Config{
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Retention: []history.Rule{
				{Pattern: "log/*", Age: 24 * time.Hour},
				{Pattern: "log/b", Keep: 2},
				{Pattern: "log/b", Keep: 1}, // the one before holds
				{Pattern: "temp*", Age: 12 * time.Hour, Keep: 20},
				{Pattern: "temp/*"}, // keeps all
			},
		})
		must(t, err)
		for _, want := range []map[string]int64{
			{"log/a": 24, "log/b": 2, "temp": 20, "temp/kept": 72, "other": 72},
			{"log/b": 2, "temp": 20, "temp/kept": 72, "other": 72},
		} {
			<-time.After(time.Hour)
			synctest.Wait()
			got := make(map[string]int64)
			for _, s := range collect(t, h.Stats(t.Context(), "*")) {
				got[s.Name] = s.Rows
			}
			for name, rows := range want {
				if got[name] != rows {
					t.Errorf("%s has %d rows, want %d", name, got[name], rows)
				}
			}
			if len(got) != len(want) {
				t.Errorf("%v, want %v", got, want)
			}
			<-time.After(24 * time.Hour)
		}
		must(t, h.Close())
		runs := log.count("edfsm: retention")
		<-time.After(100 * time.Hour)
		if runs != 3 || log.count("edfsm: retention") != runs || log.count("rows=170") != 1 || log.count("rows=24 ") != 1 {
			t.Errorf("%d runs:\n%s", runs, &log.text)
		}
	})
}

// Of equal moments the newest are kept; what is not older than Age is, however
// many there are.
func TestRetentionOfEqualMoments(t *testing.T) {
	h := open(t, ":memory:", history.Config{})
	defer h.Close()
	for i := range 5 {
		store(t, h, "a", fmt.Sprint(i), 10)
	}
	for _, c := range []struct {
		now  int
		want []string
	}{{15, []string{"a=4", "a=3", "a=2", "a=1", "a=0"}}, {16, []string{"a=4", "a=3"}}} {
		_, err := h.Retain(t.Context(), at(c.now), []history.Rule{{Pattern: "*", Age: 5 * time.Millisecond, Keep: 2}})
		must(t, err)
		check(t, fmt.Sprint(c.now), values(t, h.Query(t.Context(), "*", history.Window{})), c.want)
	}
}

// A failed run is reported, and the next one works.
func TestRetentionFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	var log lines
	synctest.Test(t, func(t *testing.T) {
		h := open(t, path, history.Config{})
		must(t, h.Store(t.Context(), "a", nil, time.Now()))
		must(t, h.Close())
		<-time.After(time.Hour)
		shell(t, path, "CREATE TRIGGER no BEFORE DELETE ON history BEGIN SELECT RAISE(ABORT, 'not today'); END")
		h = open(t, path, history.Config{
			Logger:    slog.New(slog.NewTextHandler(&log, nil)),
			Retention: []history.Rule{{Pattern: "*", Age: time.Minute}},
		})
		<-time.After(time.Minute)
		if log.count("retention failed") != 1 || log.count("not today") != 1 {
			t.Errorf("the log is\n%s", &log.text)
		}
		shell(t, path, "DROP TRIGGER no")
		<-time.After(24 * time.Hour)
		check(t, "left", collect(t, h.Names(t.Context(), "*")), nil)
		must(t, h.Close())
	})
}
