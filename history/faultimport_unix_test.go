//go:build unix

package history_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/edfsm/edfsm/history"
)

// The rows of the source of an import come in pages of the drivers' grain, and are
// of a future that no deletion reaches.
const (
	importPage  = 4
	importPages = 4
	importRows  = importPage*(importPages-1) + 2
	farAway     = 1_000_000
)

func importSource(t *testing.T) (path string) {
	path = filepath.Join(t.TempDir(), "source.db")
	statements := []string{sourceSchema}
	for id := 1; id <= importRows; id++ {
		r := importedRow(id)
		statements = append(statements, fmt.Sprintf("INSERT INTO record_history VALUES(%d, '%s', '%s', %d)", id, r.record, r.value, r.at().UnixMilli()))
	}
	shell(t, path, statements...)
	return path
}

func importedRow(id int) placed {
	n := farAway + 2*id
	return placed{place{fmt.Sprint("import/", id%2), n}, fmt.Sprint(n)}
}

// imports stores pages of the source, if it is known how far it has come. An
// import that fails stores what it has read by then, so that its rows are promised
// one by one.
func (w *workload) imports(ctx context.Context, pages int) error {
	done, known := w.imported()
	if w.h == nil || !known || done == importRows {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var rows []*step
	for id := done + 1; id <= importRows; id++ {
		rows = append(rows, w.begin(&step{rows: []placed{importedRow(id)}}))
	}
	_, err := w.h.Import(ctx, w.source, history.ImportOptions{Progress: func(i history.Imported) {
		for ; done < int(i.ID); done++ {
			w.end(rows[0], nil)
			rows = rows[1:]
		}
		if pages--; pages == 0 {
			cancel()
		}
	}})
	for _, s := range rows {
		w.end(s, cmp.Or(err, errUnfinished))
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	if err == nil && len(rows) > 0 {
		err = w.note(wrong("an import has ended with %d of %d rows", done, importRows))
	}
	return err
}

var errUnfinished = errors.New("an import has ended before its source")

// imported returns how many rows were imported, which are the first ones.
func (w *workload) imported() (n int, known bool) {
	for _, s := range w.steps {
		if len(s.rows) == 0 || s.gone != never || s.rows[0].n < farAway {
			continue
		}
		if s.accepted == never {
			return 0, false
		}
		n++
		if s.rows[0] != importedRow(n) {
			w.note(wrong("row %v was imported as number %d", s.rows[0].place, n))
		}
	}
	return n, true
}
