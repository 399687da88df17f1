package sqlitelog_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/edfsm/edfsm/sqlitelog"
)

// Where SQLite is led to the same page twice, each record is as it was written
// and stands at its offset, but some come again. The readers of a log notice.
func TestSamePageTwice(t *testing.T) {
	for _, table := range []string{"log", "compacted"} {
		for _, second := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/second=%v", table, second), func(t *testing.T) {
				testSamePageTwice(t, table, second)
			})
		}
	}
}

func testSamePageTwice(t *testing.T, table string, second bool) {
	path := filepath.Join(t.TempDir(), "log.db")
	log := open(t, path, sqlitelog.Config[put]{})
	all := manyPuts()
	must(t, log.Notify(t.Context(), all))
	must(t, log.Close())
	if table == "compacted" {
		shell(t, path, "INSERT INTO compacted SELECT * FROM log", "DELETE FROM log", "VACUUM")
	}
	data, err := os.ReadFile(path)
	must(t, err)
	pages := children(data)
	if len(pages) < 3 {
		t.Fatalf("the table has %d pages", len(pages))
	}
	from, to := pages[0], pages[1]
	if second {
		from, to = to, from
	}
	damaged := slices.Clone(data)
	copy(damaged[to:to+4], data[from:])
	must(t, os.WriteFile(path, damaged, 0o600))

	log = open(t, path, sqlitelog.Config[put]{Key: putKey, HighWater: 1 << 30})
	got, err := collect(log.Feed(t.Context()))
	if !errors.Is(err, sqlitelog.ErrCorrupt) || len(got) > 0 && !slices.Equal(got, all[:len(got)]) {
		t.Errorf("read %d events, and then %v", len(got), err)
	}
	if done, err := log.Compact(t.Context()); !errors.Is(err, sqlitelog.ErrCorrupt) {
		t.Errorf("compacted %+v: %v", done, err)
	}
	must(t, log.Close())

	mended, err := os.ReadFile(path)
	must(t, err)
	copy(mended[to:to+4], data[to:])
	must(t, os.WriteFile(path, mended, 0o600))
	log = open(t, path, sqlitelog.Config[put]{})
	defer log.Close()
	if got := events(t, log); !slices.Equal(got, all) {
		t.Errorf("of %d events there are %d", len(all), len(got))
	}
}

// manyPuts fill several pages.
func manyPuts() (all []put) {
	for i := range 600 {
		all = append(all, put{fmt.Sprint("k", i), i, false})
	}
	return all
}

// children returns where in a file the pointers to the first pages of its only
// large table are (https://sqlite.org/fileformat2.html#b_tree_pages).
func children(data []byte) (at []int) {
	const pageSize, interior = 4096, 5
	for page := pageSize; page < len(data); page += pageSize {
		if data[page] != interior {
			continue
		}
		for cell := range int(binary.BigEndian.Uint16(data[page+3:])) {
			at = append(at, page+int(binary.BigEndian.Uint16(data[page+12+2*cell:])))
		}
		return at
	}
	return nil
}

// So does a compaction that knows the keys already.
func TestSamePageTwiceInCompaction(t *testing.T) {
	defer sqlitelog.SetGrain(1024, 512)() // a slice that ends before the second page sees nothing of it
	path := filepath.Join(t.TempDir(), "log.db")
	log := open(t, path, sqlitelog.Config[put]{})
	all := manyPuts()
	must(t, log.Notify(t.Context(), all))
	must(t, log.Close())

	log = open(t, path, sqlitelog.Config[put]{Key: putKey, HighWater: 1 << 30, LowWater: len(all)})
	defer log.Close()
	_, err := log.Compact(t.Context())
	must(t, err)
	must(t, log.Notify(t.Context(), all))
	copyPage(t, path)
	if done, err := log.Compact(t.Context()); !errors.Is(err, sqlitelog.ErrCorrupt) {
		t.Errorf("compacted %+v: %v", done, err)
	}
	must(t, log.Notify(t.Context(), all[:1]))
}

// copyPage makes the second page of the only large table what the first one is.
func copyPage(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	pages := children(data)
	at := func(i int) int64 { return 4096 * int64(binary.BigEndian.Uint32(data[pages[i]:])-1) }
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt(data[at(0):at(0)+4096], at(1))
	must(t, errors.Join(err, f.Close()))
}
