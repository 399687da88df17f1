package history_test

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edfsm/edfsm/history"
	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// last is the error that ends a sequence.
func last[T any](seq iter.Seq2[T, error]) (last error) {
	for _, err := range seq {
		last = err
	}
	return last
}

func TestBadConfig(t *testing.T) {
	for _, cfg := range []history.Config{
		{Queue: -1},
		{Retention: []history.Rule{{Pattern: "*", Keep: -1}}},
		{Retention: []history.Rule{{Pattern: "*", Age: -1}}},
	} {
		if h, err := history.Open(t.Context(), ":memory:", cfg); err == nil {
			h.Close()
			t.Errorf("%+v was accepted", cfg)
		}
	}
}

func TestClosed(t *testing.T) {
	db, err := history.OpenDB(t.Context(), ":memory:", history.Options{})
	must(t, err)
	defer db.Close()
	shared, err := history.New(t.Context(), db, history.Config{Retention: []history.Rule{{Pattern: "*", Keep: 1}}})
	must(t, err)
	for what, h := range map[string]*history.History{"own file": open(t, ":memory:", history.Config{}), "shared file": shared} {
		for range 2 {
			must(t, h.Close())
		}
		_, cleanup := h.Cleanup(t.Context(), at(0))
		_, imported := h.Import(t.Context(), "x", history.ImportOptions{})
		for call, err := range map[string]error{
			"Store":   h.Store(t.Context(), "a", nil, at(0)),
			"Query":   last(h.Query(t.Context(), "*", history.Window{})),
			"Names":   last(h.Names(t.Context(), "*")),
			"Cleanup": cleanup,
			"Import":  imported,
		} {
			if !errors.Is(err, history.ErrClosed) {
				t.Errorf("%s: %s after Close: %v", what, call, err)
			}
		}
	}
	if h, err := history.New(t.Context(), db, history.Config{}); err != nil {
		t.Errorf("the shared file: %v", err)
	} else {
		store(t, h, "a", "", 0)
	}
}

// A reader sees what others store, and stores nothing.
func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	writer := open(t, path, history.Config{})
	defer writer.Close()
	store(t, writer, "a", "1", 1)
	reader := open(t, path, history.Config{
		Retention: []history.Rule{{Pattern: "*", Age: 1}},
		File:      history.Options{ReadOnly: true},
	})
	defer reader.Close()
	store(t, writer, "a", "2", 2)
	check(t, "read", values(t, reader.Query(t.Context(), "*", history.Window{})), []string{"a=2", "a=1"})
	if err := reader.Store(t.Context(), "a", nil, at(3)); !errors.Is(err, history.ErrReadOnly) {
		t.Errorf("store: %v", err)
	}
	if _, err := reader.Cleanup(t.Context(), at(3)); !errors.Is(err, history.ErrReadOnly) {
		t.Errorf("cleanup: %v", err)
	}
	empty := filepath.Join(t.TempDir(), "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := history.Open(t.Context(), empty, history.Config{File: history.Options{ReadOnly: true}})
	if !errors.Is(err, history.ErrNoHistory) || !strings.Contains(err.Error(), empty) {
		t.Errorf("a file without a history: %v", err)
	}
}

// When the file cannot grow, a call stores nothing, and smaller ones still work.
func TestFull(t *testing.T) {
	db, err := history.OpenDB(t.Context(), filepath.Join(t.TempDir(), "history.db"), history.Options{})
	must(t, err)
	defer db.Close()
	h, err := history.New(t.Context(), db, history.Config{})
	must(t, err)
	store(t, h, "a", "1", 1)
	must(t, sqlitedb.Update(t.Context(), db, func(tx sqlitedb.Tx) error { return tx.Exec("PRAGMA max_page_count = 40") }))
	err = h.StoreAll(t.Context(), []history.Entry[[]byte]{
		{Name: "a", Value: []byte("2"), At: at(1)}, {Name: "b", Value: make([]byte, 1<<20), At: at(2)},
	})
	if !errors.Is(err, history.ErrFull) || !strings.Contains(err.Error(), `"b"`) {
		t.Errorf("got %v", err)
	}
	store(t, h, "a", "2", 2)
	store(t, h, "b", "3", 3)
	check(t, "stored", values(t, h.Query(t.Context(), "*", history.Window{})), []string{"a=2", "a=1", "b=3"})
}

func TestCancelled(t *testing.T) {
	defer history.SetGrain(2, 2, 100)()
	h := open(t, ":memory:", history.Config{})
	defer h.Close()
	for ms := range 10 {
		store(t, h, "a", "", ms)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for _, err := range h.Query(ctx, "*", history.Window{}) {
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("query: %v", err)
			}
			break
		}
		if n++; n == 3 {
			cancel()
		}
	}
	if n >= 10 {
		t.Error("the query went on")
	}
	if err := h.Store(ctx, "a", nil, at(0)); !errors.Is(err, context.Canceled) {
		t.Errorf("store: %v", err)
	}
	if deleted, err := h.Cleanup(ctx, at(5)); !errors.Is(err, context.Canceled) || deleted != 0 {
		t.Errorf("cleanup: %d, %v", deleted, err)
	}
}

// Each error names its file, and the record if it is of one.
func TestErrorsNameTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	h := open(t, path, history.Config{})
	defer h.Close()
	store(t, h, "a", "1", 1)
	shell(t, path, "ALTER TABLE history RENAME TO gone", "ALTER TABLE history_imports RENAME TO gone_too")
	_, cleanup := h.Cleanup(t.Context(), at(5))
	for what, err := range map[string]error{
		"Query":   last(h.Query(t.Context(), "*", history.Window{})),
		"Stats":   last(h.Stats(t.Context(), "*")),
		"Store":   h.Store(t.Context(), "a", nil, at(2)),
		"Cleanup": cleanup,
	} {
		if err == nil || strings.Count(err.Error(), path) != 1 || !strings.Contains(err.Error(), `record "a"`) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, imported := h.Import(t.Context(), source(t, 1), history.ImportOptions{})
	shell(t, path, "ALTER TABLE records RENAME TO gone_as_well")
	_, cleanup = h.Cleanup(t.Context(), at(5))
	for what, err := range map[string]error{
		"Query":   last(h.Query(t.Context(), "*", history.Window{})),
		"Names":   last(h.Names(t.Context(), "*")),
		"Cleanup": cleanup,
		"Import":  imported,
	} {
		if err == nil || strings.Count(err.Error(), path) != 1 {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestConfigDefaults(t *testing.T) {
	logger, other := slog.New(slog.DiscardHandler), slog.New(slog.DiscardHandler)
	for _, cfg := range []history.Config{{Logger: logger}, {Logger: other, File: history.Options{Logger: logger}}} {
		h := open(t, ":memory:", cfg)
		if sqlitedb.Logger(h.File()) != logger {
			t.Error("the file has another logger")
		}
		if h.Places() != 1024 {
			t.Errorf("%d calls may wait", h.Places())
		}
		must(t, h.Close())
	}
}
