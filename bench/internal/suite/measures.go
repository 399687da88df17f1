package suite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/edfsm/edfsm/bench/internal/engine"
	"zombiezen.com/go/sqlite"
)

// measures are all that is measured, in this order.
var measures = []struct {
	name string
	run  func(*Run, context.Context) error
}{
	{"append", func(r *Run, ctx context.Context) error {
		return r.Append(ctx, []engine.Engine{engine.SQLite, engine.Mutex, engine.PlainFile}, r.Scale.Callers)
	}},
	{"machine", (*Run).Machine},
	{"replay", (*Run).Replay},
	{"resume", (*Run).Resume},
	{"compaction", (*Run).Compaction},
	{"latest", (*Run).Latest},
	{"range", (*Run).Range},
	{"cleanup", (*Run).Cleanup},
	{"codec", (*Run).Codec},
	{"size", (*Run).Size},
}

// Names are the names of all that is measured.
func Names() (names []string) {
	for _, m := range measures {
		names = append(names, m.name)
	}
	return names
}

// Measure runs the measures with some names, or all if there are none.
func (r *Run) Measure(ctx context.Context, only []string) error {
	for _, m := range measures {
		if len(only) > 0 && !slices.Contains(only, m.name) {
			continue
		}
		if err := m.run(r, ctx); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// isFull reports whether an error is that of a device without room, or of a file
// that may not grow.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EFBIG) || sqlite.ErrCode(err).ToPrimary() == sqlite.ResultFull
}
