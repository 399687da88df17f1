package sqlitelog_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/edfsm/edfsm/sqlitelog"
)

// A bad configuration leaves no file behind.
func TestOpenBadConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	for _, cfg := range []sqlitelog.Config[string]{{LowWater: -1}, {LowWater: 2, HighWater: 1}, {MinHead: -1}} {
		if _, err := sqlitelog.Open(t.Context(), path, cfg); err == nil {
			t.Errorf("opened with %+v", cfg)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file was made: %v", err)
	}
}

func TestOpenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "log.db")
	if _, err := sqlitelog.Open(ctx, path, sqlitelog.Config[string]{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file was made: %v", err)
	}
}
