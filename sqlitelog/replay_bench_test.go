package sqlitelog_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/sqlitelog"
	"zombiezen.com/go/sqlite"
)

// BenchmarkReplay reads a million events back, and beside that steps through
// the same rows with nothing but the driver. Each round measures both; x-raw is
// the median ratio of 5 rounds, grown-MiB how much the process has grown.
func BenchmarkReplay(b *testing.B) {
	b.Run("log=sqlite/codec=bytes/events=1000000", func(b *testing.B) {
		benchReplay(b, sqlitelog.Config[[]byte]{Codec: bytesCodec{}}, []byte(`{"sensor":"boiler","value":71.5,"seq":12345}`))
	})
	b.Run("log=sqlite/codec=own/events=1000000", func(b *testing.B) {
		benchReplay(b, sqlitelog.Config[reading]{Codec: readingCodec{}}, reading{"boiler", 71.5, 12345})
	})
	for _, f := range []codec.Format{codec.CBOR, codec.JSON} {
		c, err := codec.Of[reading](f)
		must(b, err)
		b.Run(fmt.Sprintf("log=sqlite/codec=%s/events=1000000", f.Name()), func(b *testing.B) {
			benchReplay(b, sqlitelog.Config[reading]{Codec: c}, reading{"boiler", 71.5, 12345})
		})
	}
}

// readingCodec is what a user may write for speed.
type readingCodec struct{}

func (readingCodec) Name() string { return "own" }
func (readingCodec) Append(dst []byte, r reading) ([]byte, error) {
	return fmt.Appendf(dst, "%s %g %d", r.Sensor, r.Value, r.Seq), nil
}
func (readingCodec) Decode(data []byte, r *reading) (err error) {
	text := string(data)
	sensor, rest, _ := strings.Cut(text, " ")
	value, seq, _ := strings.Cut(rest, " ")
	r.Sensor = sensor
	if r.Value, err = strconv.ParseFloat(value, 64); err != nil {
		return err
	}
	r.Seq, err = strconv.ParseInt(seq, 10, 64)
	return err
}

func benchReplay[E any](b *testing.B, cfg sqlitelog.Config[E], event E) {
	const total = 1_000_000
	path := filepath.Join(b.TempDir(), "log.db")
	log := open(b, path, cfg)
	batch := make([]E, 10_000)
	for i := range batch {
		batch[i] = event
	}
	for range total / len(batch) {
		must(b, log.Notify(b.Context(), batch))
	}
	must(b, log.Close())
	log = open(b, path, cfg)
	defer log.Close()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	must(b, err)
	defer conn.Close()

	var rates, ratios, grown []float64
	for b.Loop() {
		for range 5 {
			raw := timed(func() { stepRaw(b, conn, total) })
			runtime.GC()
			before := resident()
			feed := timed(func() {
				n := 0
				for _, err := range log.Feed(context.Background()) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != total {
					b.Fatal(n)
				}
			})
			grown = append(grown, resident()-before)
			rates = append(rates, total/feed)
			ratios = append(ratios, raw/feed)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(rates), "events/s")
	b.ReportMetric(median(ratios), "x-raw")
	b.ReportMetric(median(grown), "grown-MiB")
}

func timed(f func()) (seconds float64) {
	start := time.Now()
	f()
	return time.Since(start).Seconds()
}

func stepRaw(b *testing.B, conn *sqlite.Conn, total int) {
	stmt := conn.Prep("SELECT offset, key, tombstone, value, recorded_at, crc FROM log ORDER BY offset")
	var buf [256]byte
	n := 0
	for {
		row, err := stmt.Step()
		if err != nil {
			b.Fatal(err)
		}
		if !row {
			break
		}
		if stmt.ColumnInt64(0) > 0 && stmt.ColumnBytes(3, buf[:]) > 0 {
			n++
		}
	}
	if n != total {
		b.Fatal(n)
	}
}

// resident is the memory of the process in MiB, 0 where /proc does not tell.
func resident() float64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, _ := strconv.ParseFloat(strings.Fields(string(data))[1], 64)
	return pages * float64(os.Getpagesize()) / (1 << 20)
}
