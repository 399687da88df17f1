//go:build unix

package sqlitelog_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/edfsm/edfsm/internal/crashtest"
	"github.com/edfsm/edfsm/sqlitelog"
)

// sayOffset handles an event by saying which it was.
func sayOffset(_ context.Context, entries []sqlitelog.Entry[put]) error {
	_, err := fmt.Println(entries[0].Offset)
	return err
}

// Killed at any moment between delivery and acknowledgement, a consumer goes on
// with the event after the last it has acknowledged: it leaves none out, and is
// given at most one a second time. The owner of the log does not notice.
func TestKillDelivery(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	owner := open(t, path, sqlitelog.Config[put]{Key: putKey, LowWater: 1})
	defer owner.Close()
	must(t, owner.Seek(t.Context(), "sub", 0))
	acknowledged, again := int64(0), 0
	for range 6 {
		must(t, owner.Notify(t.Context(), slices.Repeat([]put{{Key: "k", Value: 1}}, 200)))
		p := crashtest.Start(t, "deliver", path, "main")
		if !p.Read(t) || int64(p.Last) != acknowledged+1 {
			t.Fatalf("given first was %d, acknowledged %d", p.Last, acknowledged)
		}
		p.Kill(t, random.IntN(50), time.Duration(random.IntN(2000))*time.Microsecond)
		acknowledged = subscription(t, owner, "sub").Position
		switch int64(p.Last) - acknowledged {
		case 0:
		case 1:
			again++
		default:
			t.Fatalf("given last was %d, acknowledged %d", p.Last, acknowledged)
		}
		_, err := owner.Compact(t.Context())
		must(t, err)
	}
	t.Logf("%d events up to %d were given again", again, acknowledged)
	checkFile(t, path)
}

// A consumer in one process sees the whole history of a log that another writes
// and compacts.
func TestDeliverFromProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	owner := open(t, path, sqlitelog.Config[put]{Key: putKey})
	must(t, owner.Seek(t.Context(), "sub", 0))
	must(t, owner.Close())
	p := crashtest.Start(t, "append", path, "main")
	log := open(t, path, sqlitelog.Config[put]{Key: putKey, Reader: true})
	defer log.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const batches = 150
	var all []put
	err := log.Deliver(ctx, "sub", sqlitelog.Delivery{Batch: 5}, func(_ context.Context, entries []sqlitelog.Entry[put]) error {
		for _, e := range entries {
			if all = append(all, e.Event); e.Event.Key != "n" {
				continue
			}
			if got, want := fold(all), stateAfter(e.Event.Value); !maps.Equal(got, want) {
				return fmt.Errorf("what was given leads to %v, want %v", got, want)
			}
			if e.Event.Value == batches {
				cancel()
			}
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	p.Kill(t, 0, 0)
}
