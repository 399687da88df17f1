package suite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/edfsm/edfsm/bench/internal/measure"
	"github.com/edfsm/edfsm/bench/internal/report"
	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/sqlitelog"
)

// Size looks at how long files are, closed, and compares that with the bytes of
// the events and values alone.
func (r *Run) Size(ctx context.Context) error {
	for _, f := range formats {
		r.say("size: a log in %s", f.Name())
		if err := r.in(func(dir string) error { return r.logSize(ctx, dir, f) }); err != nil {
			return err
		}
	}
	r.say("size: a history")
	return r.in(func(dir string) error { return r.historySize(ctx, dir) })
}

func (r *Run) logSize(ctx context.Context, dir string, f codec.Format) error {
	c, err := codec.Of[Reading](f)
	if err != nil {
		return err
	}
	payload, events := 0, r.Scale.Events/10
	for n := range events {
		bytes, err := c.Append(nil, reading(n))
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
		payload += len(bytes)
	}
	path := filepath.Join(dir, "log.db")
	if err := fill(ctx, path, sqlitelog.Config[Reading]{Codec: c}, events, reading); err != nil {
		return err
	}
	return r.addSize(path, report.Dims{"log": "sqlite", "codec": f.Name(), "events": events}, "B/event", events, payload)
}

func (r *Run) historySize(ctx context.Context, dir string) error {
	payload, rows := 0, r.Scale.Rows/10
	for n := range rows {
		payload += records * len(historyValue(n))
	}
	path := filepath.Join(dir, "history.db")
	if err := fillHistory(ctx, path, rows); err != nil {
		return err
	}
	return r.addSize(path, report.Dims{"records": records, "rows": rows}, "B/row", records*rows, payload)
}

func (r *Run) addSize(path string, dims report.Dims, unit string, n, payload int) error {
	file, err := os.Stat(path)
	if err != nil {
		return err
	}
	each := measure.Series{float64(file.Size()) / float64(n)}
	raw := measure.Series{float64(payload) / float64(n)}
	r.add(report.Compared("size", dims, unit, each, "raw", raw))
	return nil
}
