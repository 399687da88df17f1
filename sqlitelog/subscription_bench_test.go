package sqlitelog_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edfsm/edfsm/sqlitelog"
)

// BenchmarkAppendWhileAcknowledging tells what 64 callers feel of 10,000
// subscribers that acknowledge an event a second each: each round appends to a
// log without and beside them. Medians of 5 rounds.
func BenchmarkAppendWhileAcknowledging(b *testing.B) {
	const subscribers = 10_000
	b.Run(fmt.Sprintf("log=sqlite/callers=64/subscribers=%d", subscribers), func(b *testing.B) {
		db, err := sqlitelog.OpenDB(b.Context(), filepath.Join(b.TempDir(), "logs.db"), sqlitelog.Options{})
		must(b, err)
		defer db.Close()
		appended, err := sqlitelog.New(b.Context(), db, "appended", sqlitelog.Config[reading]{})
		must(b, err)
		delivered, err := sqlitelog.New(b.Context(), db, "delivered", sqlitelog.Config[reading]{})
		must(b, err)
		must(b, delivered.Notify(b.Context(), make([]reading, 300)))
		appends := func() load {
			return appendBy(64, 60_000, func(e reading) error { return appended.Notify(context.Background(), []reading{e}) })
		}
		var ratios, acknowledged, p99, p99AtRest []float64
		for b.Loop() {
			for range 5 {
				rest := appends()
				acks, stop := acknowledge(b, delivered, subscribers)
				before, begun := acks.Load(), time.Now()
				busy := appends()
				acknowledged = append(acknowledged, float64(acks.Load()-before)/time.Since(begun).Seconds())
				stop()
				ratios = append(ratios, busy.rate/rest.rate)
				p99 = append(p99, busy.percentile(99))
				p99AtRest = append(p99AtRest, rest.percentile(99))
			}
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(median(ratios), "x-at-rest")
		b.ReportMetric(median(acknowledged), "acks/s")
		b.ReportMetric(median(p99), "p99-ms")
		b.ReportMetric(median(p99AtRest), "p99-at-rest-ms")
	})
}

// acknowledge starts subscribers that take a second for an event, one after the
// other within a second.
func acknowledge(b *testing.B, log *sqlitelog.Log[reading], subscribers int) (acks *atomic.Int64, stop func()) {
	ctx, cancel := context.WithCancel(b.Context())
	acks = new(atomic.Int64)
	var begun, wg sync.WaitGroup
	begun.Add(subscribers)
	for i := range subscribers {
		wg.Go(func() {
			n := 0
			err := log.Deliver(ctx, fmt.Sprint("subscriber ", i), sqlitelog.Delivery{}, func(ctx context.Context, _ []sqlitelog.Entry[reading]) error {
				pause := time.Second
				switch n++; n {
				case 1:
					begun.Done()
					begun.Wait()
					pause = time.Duration(i) * time.Second / time.Duration(subscribers)
				default:
					acks.Add(1)
				}
				select {
				case <-time.After(pause):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
			if !errors.Is(err, context.Canceled) {
				b.Error(err)
			}
		})
	}
	begun.Wait()
	return acks, func() {
		cancel()
		wg.Wait()
	}
}
