//go:build unix

package history_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/edfsm/edfsm/history"
)

// storing is a batch of bytes for several records, one of which has no others; now
// and then it is one row.
func (w *workload) storing(ctx context.Context) (call func() error) {
	first := w.next()
	rows := []placed{bytesAt(fmt.Sprint("once/", first), first, 5000)}
	if w.batches%4 > 0 {
		for i := range 6 {
			rows = append(rows, bytesAt(fmt.Sprint("r/", (w.batches+i/2)%3), first+i, 40))
		}
	}
	return func() error {
		return w.try(rows, func() error {
			if len(rows) == 1 {
				return w.h.Store(ctx, rows[0].record, []byte(rows[0].value), rows[0].at())
			}
			return w.storeAll(ctx, rows)
		})
	}
}

func bytesAt(record string, n, size int) placed {
	return placed{place{record, n}, fmt.Sprint(n, strings.Repeat(".", size))}
}

func (w *workload) storeAll(ctx context.Context, rows []placed) (err error) {
	var entries []history.Entry[[]byte]
	for _, r := range rows {
		e := history.Entry[[]byte]{Name: r.record, Value: []byte(r.value), At: r.at()}
		if w.torn {
			err = errors.Join(err, w.h.StoreAll(ctx, []history.Entry[[]byte]{e}))
		} else {
			entries = append(entries, e)
		}
	}
	return errors.Join(err, w.h.StoreAll(ctx, entries))
}

// recording is a batch of a recorder, which makes two rows of each item.
func (w *workload) recording(ctx context.Context) (call func() error) {
	var items []int
	var rows []placed
	for first, i := w.next(), 0; i < 3; i++ {
		items = append(items, first+2*i)
		record(first+2*i, func(e history.Entry[int]) {
			rows = append(rows, placed{place{e.Name, e.Value}, fmt.Sprint(e.Value)})
		})
	}
	return func() error {
		return w.try(rows, func() error {
			numbers, err := jsonNumbers(w.h)
			if err != nil {
				return err
			}
			return history.NewRecorder(numbers, record).Notify(ctx, items)
		})
	}
}

func record(item int, emit func(history.Entry[int])) {
	emit(history.Entry[int]{Name: "all", Value: item, At: place{n: item}.at()})
	emit(history.Entry[int]{Name: fmt.Sprint("one/", item%4), Value: item + 1, At: place{n: item + 1}.at()})
}

var errUnrefused = errors.New("accepted what was to be refused")

// refused is a batch that must be refused.
func (w *workload) refused(rows []placed, want error, store func() error) error {
	if w.h == nil {
		return nil
	}
	s := w.begin(&step{rows: rows})
	err := store()
	w.end(s, err)
	switch {
	case err == nil:
		return errUnrefused
	case errors.Is(err, want):
		return nil
	}
	return err
}

// refusing is a batch that is refused for its second row, if that is known.
func (w *workload) refusing(ctx context.Context) (call func() error) {
	first := w.next()
	rows := []placed{{place{fmt.Sprint("no/", first), first}, "0"}, {place{"r/0", first}, "0"}}
	return func() error {
		if sure, _ := w.sure("r/0"); len(sure) == 0 {
			return nil
		}
		return w.refused(rows, history.ErrCodec, func() error {
			numbers, err := jsonNumbers(w.h)
			if err != nil {
				return err
			}
			return numbers.StoreAll(ctx, []history.Entry[int]{{Name: rows[0].record, At: rows[0].at()}, {Name: rows[1].record, At: rows[1].at()}})
		})
	}
}

func (w *workload) store(ctx context.Context) error { return w.storing(ctx)() }

func (w *workload) record(ctx context.Context) error { return w.recording(ctx)() }

// placeOf is what a value begins with.
func placeOf(value string) (n int, err error) {
	digits := strings.TrimRight(value, ".")
	return strconv.Atoi(digits)
}
