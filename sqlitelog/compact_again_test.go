package sqlitelog_test

import (
	"maps"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/edfsm/edfsm/sqlitelog"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// A slice of a compaction is run a second time if an append in its transaction
// has failed. It then knows what it has found out in the first, and still keeps
// the tombstone of a key of which something older is left.
func TestCompactRunAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	synctest.Test(t, func(t *testing.T) {
		log := open(t, path, sqlitelog.Config[put]{Key: putKey, HighWater: 1 << 30})
		defer log.Close()
		shift, err := log.Pass(t.Context())
		must(t, err)
		must(t, log.Notify(t.Context(), []put{{Key: "k", Value: 1}, {Value: 1}}))
		last, err := shift(0, 2)
		must(t, err)
		shell(t, path, "CREATE TRIGGER injected BEFORE INSERT ON log WHEN NEW.key = 'bad' BEGIN SELECT RAISE(ABORT, 'injected'); END")
		if err := log.Notify(t.Context(), append(make([]put, 4), put{Key: "k", Value: 2}, put{Key: "bad"})); err == nil {
			t.Fatal("the append did not fail")
		}
		shell(t, path, "CREATE TABLE other(x)") // so that its offsets are given again
		must(t, log.Notify(t.Context(), []put{{Key: "k", Value: 3}, {Key: "k", Delete: true}, {Value: 1}}))

		release := holdWriter(t, path)
		var shifted, refused error
		var both sync.WaitGroup
		both.Go(func() { _, shifted = shift(last, math.MaxInt64) })
		synctest.Wait()
		both.Go(func() { refused = log.Notify(t.Context(), []put{{Key: "bad"}}) })
		synctest.Wait()
		release()
		both.Wait()
		must(t, shifted)
		if refused == nil || !strings.Contains(refused.Error(), "injected") {
			t.Fatalf("the append gave %v", refused)
		}
		if got, want := fold(events(t, log)), map[string]int{"": 2}; !maps.Equal(got, want) {
			t.Errorf("the log leads to %v, want %v", got, want)
		}
	})
}

// holdWriter keeps everybody else from writing to a file.
func holdWriter(t *testing.T, path string) (release func()) {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	must(t, err)
	must(t, sqlitex.ExecuteTransient(conn, "BEGIN IMMEDIATE", nil))
	return func() { must(t, conn.Close()) }
}
