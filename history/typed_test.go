package history_test

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/history"
	"github.com/edfsm/edfsm/machine"
	"github.com/edfsm/edfsm/sqlitelog"
)

var _ machine.Adapter[string] = (*history.Recorder[string])(nil)

type reading struct {
	Celsius float64 `json:"celsius"`
	Place   string  `json:"place"`
}

// Several types in several formats live in one file, and JSON is text there.
func TestTypes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	h := open(t, path, history.Config{})
	readings := history.Of(h, jsonOf[reading](t))
	compact, err := codec.Of[reading](codec.CBOR)
	must(t, err)
	levels := history.Of(h, compact)
	must(t, readings.Store(t.Context(), "temp", reading{20.5, "attic"}, at(1)))
	must(t, readings.StoreAll(t.Context(), []history.Entry[reading]{{Name: "temp", Value: reading{21, "attic"}, At: at(2)}}))
	must(t, levels.Store(t.Context(), "level", reading{3, "tank"}, at(1)))
	store(t, h, "raw", "\x00\xff", 1)

	if got := collect(t, readings.Latest(t.Context(), "temp", 1)); len(got) != 1 || got[0].Value != (reading{21, "attic"}) ||
		!got[0].At.Equal(at(2)) || got[0].Rank != 1 || got[0].Codec != "json" || got[0].Record != "temp" {
		t.Errorf("got %+v", got)
	}
	if got := collect(t, levels.Query(t.Context(), "level", history.Window{})); len(got) != 1 || got[0].Value != (reading{3, "tank"}) {
		t.Errorf("got %+v", got)
	}
	if err := levels.Store(t.Context(), "temp", reading{}, at(3)); !errors.Is(err, history.ErrCodec) {
		t.Errorf("a value of another codec: %v", err)
	}
	if err := h.Store(t.Context(), "temp", nil, at(3)); !errors.Is(err, history.ErrCodec) {
		t.Errorf("bytes: %v", err)
	}
	if got := collect(t, h.Stats(t.Context(), "*")); len(got) != 3 || got[0].Codec != "cbor" || got[1].Codec != "bytes" || got[2].Codec != "json" {
		t.Errorf("got %v", got)
	}
	must(t, h.Close())
	check(t, "JSON functions", shell(t, path, "SELECT record_name || (value ->> 'celsius') || typeof(value) FROM record_history WHERE record_name = 'temp' ORDER BY id DESC"),
		[]string{"temp21text", "temp20.5text"})
	check(t, "the others", shell(t, path, "SELECT id || record_name || stored_at || hex(value) FROM record_history WHERE record_name = 'raw'"),
		[]string{fmt.Sprint("4raw", at(1).UnixMilli(), "00FF")})
}

// A row that does not decode is an error in its place, and is reported.
func TestRowError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	var log strings.Builder
	cfg := history.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	h := open(t, path, cfg)
	numbers := history.Of(h, jsonOf[int](t))
	for ms := range 4 {
		must(t, numbers.Store(t.Context(), "n", ms, at(ms)))
	}
	must(t, history.Of(h, jsonOf[string](t)).Store(t.Context(), "text", "five", at(0)))
	store(t, h, "zz", "raw", 0)
	must(t, h.Close())
	shell(t, path, "UPDATE history SET value = '[' WHERE sequence = 3")

	h = open(t, path, cfg)
	defer func() {
		must(t, h.Close())
		for _, want := range []string{"history opened", "does not decode", "n\\\", 2026-03-01T12:00:00.002Z, row 3", "history closed", path} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log lacks %q:\n%s", want, &log)
			}
		}
		if strings.Contains(log.String(), "another codec") {
			t.Errorf("a row of another codec was logged:\n%s", &log)
		}
	}()
	var got []string
	for r, err := range history.Of(h, jsonOf[int](t)).Query(t.Context(), "*", history.Window{}) {
		e, ok := errors.AsType[*history.RowError](err)
		if err != nil && (!ok || r.Value != 0 || e.Record != r.Record || e.ID != r.ID || !e.At.Equal(r.At) || e.File != path) {
			t.Fatalf("%+v, %v", r, err)
		}
		got = append(got, fmt.Sprint(r.Record, r.Rank, err == nil, errors.Is(err, history.ErrCodec)))
	}
	check(t, "rows", got, []string{"n1 true false", "n2 false false", "n3 true false", "n4 true false", "text1 false false", "zz1 false true"})
	for _, err := range history.Of(h, jsonOf[int](t)).Query(t.Context(), "text", history.Window{}) {
		if err == nil {
			t.Error("text was a number")
		}
		break // leaves early
	}
}

type event any
type opened struct{}
type moved struct{ Steps int }

// Values that an old one was split into share its row.
func TestOldValues(t *testing.T) {
	h := open(t, ":memory:", history.Config{})
	defer h.Close()
	old, err := codec.Union(codec.JSON, map[string]event{"movedTwice": moved{}})
	must(t, err)
	must(t, history.Of(h, old).Store(t.Context(), "e", moved{3}, at(1)))
	today, err := codec.Union(codec.JSON, map[string]event{"opened": opened{}, "moved": moved{}},
		codec.Upcast("movedTwice", func(m moved) []event { return []event{m, m} }))
	must(t, err)
	must(t, history.Of(h, today).Store(t.Context(), "e", opened{}, at(2)))
	var got []string
	for _, r := range collect(t, history.Of(h, today).Query(t.Context(), "e", history.Window{})) {
		got = append(got, fmt.Sprintf("%d %T", r.Rank, r.Value))
	}
	check(t, "events", got, []string{"1 history_test.opened", "2 history_test.moved", "2 history_test.moved"})
}

// A recorder stores what its function makes of the items of a call, all or none.
func TestRecorder(t *testing.T) {
	h := open(t, ":memory:", history.Config{})
	defer h.Close()
	rec := history.NewRecorder(history.Of(h, jsonOf[int](t)), func(ms int, emit func(history.Entry[int])) {
		if ms%2 == 1 {
			emit(history.Entry[int]{Name: "odd", Value: ms, At: at(ms)})
		}
		if ms == 13 {
			emit(history.Entry[int]{Name: "", Value: ms, At: at(ms)})
		}
		if ms > 10 {
			emit(history.Entry[int]{Name: "high", Value: ms, At: at(ms)})
		}
	})
	must(t, rec.Notify(t.Context(), []int{1, 2, 3, 11}))
	must(t, rec.Notify(t.Context(), nil))
	must(t, rec.Notify(t.Context(), []int{2}))
	if err := rec.Notify(t.Context(), []int{5, 13}); !errors.Is(err, history.ErrName) {
		t.Errorf("got %v", err)
	}
	check(t, "records", values(t, h.Query(t.Context(), "*", history.Window{})), []string{"high=11", "odd=11", "odd=3", "odd=1"})
}

// A machine's log and the history of its outputs share a file and its commits.
func TestSharedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "both.db")
	db, err := history.OpenDB(t.Context(), path, history.Options{})
	must(t, err)
	log, err := sqlitelog.New(t.Context(), db, "main", sqlitelog.Config[string]{})
	must(t, err)
	h, err := history.New(t.Context(), db, history.Config{})
	must(t, err)
	must(t, log.Notify(t.Context(), []string{"event"}))
	store(t, h, "a", "1", 1)
	again, err := history.New(t.Context(), db, history.Config{})
	must(t, err)
	store(t, again, "a", "2", 1)
	check(t, "records", values(t, h.Query(t.Context(), "*", history.Window{})), []string{"a=2", "a=1"})
	check(t, "events", collect(t, log.Feed(t.Context())), []string{"event"})
	if err := errors.Join(log.Close(), h.Close(), again.Close(), db.Close()); err != nil {
		t.Error(err)
	}
	check(t, "parts", shell(t, path, "SELECT part FROM edfsm_schema ORDER BY part"), []string{"history", "log"})
}

// Opened exclusively, a file works with one connection.
func TestExclusive(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "history.db"), history.Config{
		Retention: []history.Rule{{Pattern: "*", Keep: 100}},
		File:      history.Options{Exclusive: true},
	})
	defer h.Close()
	store(t, h, "a", "1", 1)
	for _, r := range collect(t, h.Query(t.Context(), "*", history.Window{})) {
		must(t, h.Store(t.Context(), "b", r.Value, r.At.Add(time.Millisecond)))
	}
	for r, err := range h.Query(t.Context(), "*", history.Window{}) { // storing while reading must not wait for itself
		must(t, err)
		must(t, h.Store(t.Context(), "a", nil, r.At))
	}
	if n, err := h.Cleanup(t.Context(), at(2)); n != 2 || err != nil {
		t.Errorf("%d deleted, %v", n, err)
	}
}
