package history_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/edfsm/edfsm/history"
)

// bounded is a context that ends when it was asked for its end very often, so
// that a test whose loop has no end fails.
type bounded struct {
	context.Context
	asked  atomic.Int64
	cancel func()
}

func newBounded(ctx context.Context) *bounded {
	ctx, cancel := context.WithCancel(ctx)
	return &bounded{Context: ctx, cancel: cancel}
}

func (b *bounded) Done() <-chan struct{} {
	if b.asked.Add(1) == 20_000 {
		b.cancel()
	}
	return b.Context.Done()
}

// moment is as SQLite writes it.
func moment(ms int) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(at(ms).UnixMilli()))[2:]
}

func name(i int) string { return fmt.Sprintf("name-%02d", i) }

// In a file that is damaged so that a row or a name comes after one that it should
// be before, whatever reads on from there ends. Whether it comes upon the damage
// is up to where SQLite looks first.
func TestDisorder(t *testing.T) {
	defer history.SetGrain(2, 2, 100)()
	const rows = 8
	path := filepath.Join(t.TempDir(), "history.db")
	h := open(t, path, history.Config{})
	for i := range rows {
		store(t, h, "a", "", i)
		store(t, h, name(i), "", 100+i)
	}
	must(t, h.Close())
	whole, err := os.ReadFile(path)
	must(t, err)
	for what, call := range map[string]func(context.Context, *history.History) error{
		"Query":  func(ctx context.Context, h *history.History) error { return last(h.Query(ctx, "*", history.Window{})) },
		"Latest": func(ctx context.Context, h *history.History) error { return last(h.Latest(ctx, "*", 1)) },
		"Stats":  func(ctx context.Context, h *history.History) error { return last(h.Stats(ctx, "*")) },
		"Names":  func(ctx context.Context, h *history.History) error { return last(h.Names(ctx, "*")) },
		"Cleanup": func(ctx context.Context, h *history.History) error {
			_, err := h.Cleanup(ctx, at(rows-2))
			return err
		},
		"Keep": func(ctx context.Context, h *history.History) error {
			_, err := h.Retain(ctx, at(0), []history.Rule{{Pattern: "*", Keep: rows - 2}})
			return err
		},
	} {
		noticed := 0
		for i := range rows {
			for _, change := range [][2][]byte{
				{moment(i), moment(60)}, {moment(i), moment(-60)},
				{[]byte(name(i)), []byte("NAME-XX")}, {[]byte(name(i)), []byte("zero-XX")},
			} {
				must(t, os.WriteFile(path, bytes.ReplaceAll(whole, change[0], change[1]), 0o600))
				h := open(t, path, history.Config{File: history.Options{Exclusive: true}})
				ctx := newBounded(t.Context())
				if err := call(ctx, h); errors.Is(err, history.ErrDisorder) {
					noticed++
				}
				if ctx.Err() != nil {
					t.Errorf("%s: no end, with %q for %q", what, change[1], change[0])
				}
				must(t, h.Close())
			}
		}
		if noticed == 0 {
			t.Errorf("%s has come upon no damage", what)
		}
	}
}
