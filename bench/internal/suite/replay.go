package suite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/edfsm/edfsm/bench/internal/engine"
	"github.com/edfsm/edfsm/bench/internal/measure"
	"github.com/edfsm/edfsm/bench/internal/report"
	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/sqlitelog"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Replay reads logs back, and beside that steps through the same rows with
// nothing but the driver.
func (r *Run) Replay(ctx context.Context) error {
	for _, events := range r.lengths() {
		r.say("replay: %d events", events)
		err := replay(ctx, r, events, engine.Bytes{}, func(n int) []byte { return must(eventCodec.Append(nil, reading(n))) })
		if err == nil {
			err = replay(ctx, r, events, ownCodec{}, reading)
		}
		for _, f := range formats {
			if err == nil {
				err = replay(ctx, r, events, must(codec.Of[Reading](f)), reading)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// formats are those that are compared.
var formats = []codec.Bounded{codec.CBOR, codec.JSON, codec.MsgPack}

// lengths are those of the logs that are replayed.
func (r *Run) lengths() []int {
	return []int{r.Scale.Events / 100, r.Scale.Events / 10, r.Scale.Events}
}

func reading(n int) Reading { return readingAt(int64(n)) }

// ownCodec is what one writes for speed.
type ownCodec struct{}

func (ownCodec) Name() string { return "own" }

func (ownCodec) Append(dst []byte, r Reading) ([]byte, error) {
	dst = append(dst, r.Sensor...)
	dst = strconv.AppendFloat(append(dst, ' '), r.Value, 'g', -1, 64)
	return strconv.AppendInt(append(dst, ' '), r.Seq, 10), nil
}

func (ownCodec) Decode(data []byte, r *Reading) error {
	sensor, rest, _ := strings.Cut(string(data), " ")
	number, seq, _ := strings.Cut(rest, " ")
	value, err1 := strconv.ParseFloat(number, 64)
	n, err2 := strconv.ParseInt(seq, 10, 64)
	*r = Reading{Sensor: sensor, Value: value, Seq: n}
	return errors.Join(err1, err2)
}

func replay[E any](ctx context.Context, r *Run, events int, c codec.Codec[E], at func(n int) E) error {
	return r.in(func(dir string) (err error) {
		path := filepath.Join(dir, "log.db")
		cfg := sqlitelog.Config[E]{Codec: c}
		if err := fill(ctx, path, cfg, events, at); err != nil {
			return err
		}
		log, err := sqlitelog.Open(ctx, path, cfg)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, log.Close()) }()
		conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, conn.Close()) }()
		conn.SetInterrupt(ctx.Done())

		var raw, feed, grown measure.Series
		err = measure.Rounds(ctx, r.Scale.Rounds,
			func(context.Context) error { return rate(&raw, events, func() (int, error) { return stepRaw(conn) }) },
			func(ctx context.Context) error {
				mib, known, err := measure.Peak(func() error {
					return rate(&feed, events, func() (int, error) { return walk(log.Feed(ctx)) })
				})
				if known {
					grown = append(grown, mib)
				}
				return err
			})
		if err != nil {
			return err
		}
		dims := report.Dims{"log": "sqlite", "codec": c.Name(), "events": events}
		r.add(report.Compared("replay", dims, "events/s", feed, "raw", raw))
		if len(grown) > 0 {
			r.add(report.Figure("replay", dims, "MiB", grown))
		}
		return nil
	})
}

// rate adds to a series how many events a second f has seen, which must be so
// many.
func rate(s *measure.Series, events int, f func() (int, error)) error {
	n := 0
	seconds, err := measure.Seconds(func() (err error) {
		n, err = f()
		return err
	})
	if err == nil && n != events {
		err = fmt.Errorf("there are %d of %d events", n, events)
	}
	*s = append(*s, float64(events)/seconds)
	return err
}

// stepRaw reads what a replay reads, and nothing is done with it.
func stepRaw(conn *sqlite.Conn) (rows int, err error) {
	var value [256]byte
	err = sqlitex.Execute(conn, "SELECT offset, key, tombstone, value, recorded_at, crc FROM log ORDER BY offset", &sqlitex.ExecOptions{
		ResultFunc: func(stmt *sqlite.Stmt) error {
			if stmt.ColumnInt64(0) > 0 && stmt.ColumnBytes(3, value[:]) > 0 {
				rows++
			}
			return nil
		},
	})
	return rows, err
}
