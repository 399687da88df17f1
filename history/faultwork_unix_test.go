//go:build unix

package history_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/edfsm/edfsm/history"
	"github.com/edfsm/edfsm/internal/crashtest"
)

// workload is somebody who uses a history and remembers what it has promised.
// Use it in a bubble.
type workload struct {
	*promises
	here   crashtest.Place
	file   history.Options
	source string // of imports

	hasty bool // takes for accepted what was not yet stored
	torn  bool // stores the rows of a batch one by one

	db      *history.DB
	h       *history.History // nil: it could not be opened
	batches int              // tried so far
	found   error            // what was seen and must never be
}

// Run goes on after an error.
func (w *workload) Run(ctx context.Context) error {
	return errors.Join(
		w.start(ctx),
		w.store(ctx),
		w.record(ctx),
		w.store(ctx),
		w.together(ctx, w.storing(ctx), w.recording(ctx), w.refusing(ctx), w.storing(ctx)),
		w.imports(ctx, 1),
		w.look(ctx),
		w.cleanup(ctx, 304),
		w.store(ctx),
		w.Close(),
		w.start(ctx),
		w.store(ctx),
		w.record(ctx),
		w.retain(ctx, 4),
		w.together(ctx, w.cleaning(ctx, 502), w.storing(ctx), w.recording(ctx)),
		w.look(ctx),
		w.imports(ctx, importPages),
		w.retain(ctx, 1),
		w.store(ctx),
		w.look(ctx),
	)
}

// start opens the history and looks what is there.
func (w *workload) start(ctx context.Context) error { return errors.Join(w.open(ctx), w.look(ctx)) }

func (w *workload) open(ctx context.Context) (err error) {
	w.h, err = history.Open(ctx, w.here.Path("history.db"), history.Config{File: w.file})
	if err != nil {
		w.h = nil
		return err
	}
	w.db = w.h.File()
	return nil
}

func (w *workload) Close() (err error) {
	if w.h != nil {
		err = w.h.Close()
		w.h = nil
	}
	return err
}

// try has a batch stored, and remembers what came of it.
func (w *workload) try(rows []placed, store func() error) error {
	if w.h == nil {
		return nil
	}
	s := w.begin(&step{rows: rows})
	if w.hasty {
		w.hasten(s)
	}
	err := store()
	w.end(s, err)
	return err
}

// next is the first place of a new batch.
func (w *workload) next() int {
	w.batches++
	return 100 * w.batches
}

// together makes calls that share a transaction, one after the other.
func (w *workload) together(ctx context.Context, calls ...func() error) error {
	if w.h == nil {
		return nil
	}
	release := holdWriter(context.WithoutCancel(ctx), w.db)
	errs := make([]error, len(calls))
	var wg sync.WaitGroup
	for i, call := range calls {
		wg.Go(func() { errs[i] = call() })
		synctest.Wait()
	}
	err := release()
	wg.Wait()
	return errors.Join(append(errs, err)...)
}

// cleaning deletes what is older than a place.
func (w *workload) cleaning(ctx context.Context, before int) (call func() error) {
	return func() error {
		if w.h == nil {
			return nil
		}
		s := w.begin(w.cutoff(before))
		_, err := w.h.Cleanup(ctx, place{n: before}.at())
		w.end(s, err)
		return err
	}
}

func (w *workload) cleanup(ctx context.Context, before int) error { return w.cleaning(ctx, before)() }

// retain applies a rule by number and one that goes by age too.
func (w *workload) retain(ctx context.Context, n int) error {
	if w.h == nil {
		return nil
	}
	const age = 50 * time.Millisecond // a batch
	newest := 100 * w.batches
	s := &step{may: make(map[string]int), must: make(map[string]int)}
	w.keep(s, func(record string) bool { return strings.HasPrefix(record, "r/") }, never, n)
	w.keep(s, func(record string) bool { return record == "all" }, newest-100, n)
	w.begin(s)
	_, err := w.h.Retain(ctx, place{n: newest}.at(), []history.Rule{{Pattern: "r/*", Keep: n}, {Pattern: "all", Age: age, Keep: n}})
	w.end(s, err)
	return err
}

// look compares what is there with what was promised.
func (w *workload) look(ctx context.Context) error {
	_, err := w.compare(ctx, w.read)
	return err
}

// compare takes what is there from several sources, and returns the clock of the
// newest batch.
func (w *workload) compare(ctx context.Context, from ...func(context.Context) ([]seen, error)) (newest int, err error) {
	if w.h == nil {
		return 0, nil
	}
	var rows []seen
	for _, read := range from {
		more, err := read(ctx)
		if err != nil {
			return 0, w.note(err)
		}
		rows = append(rows, more...)
	}
	newest, err = w.check(rows)
	return newest, w.note(err)
}

// note keeps in mind what must never be seen.
func (w *workload) note(err error) error {
	if errors.Is(err, errWrong) {
		w.found = errors.Join(w.found, err)
	}
	return err
}

// Until is also true of the promises that a power cut breaks with Normal.
func (w *workload) Until(moment int, here crashtest.Place) *workload {
	then := &workload{
		promises: w.until(moment, here.Now), here: here, file: w.file, source: w.source,
		hasty: w.hasty, torn: w.torn, batches: w.batches, found: w.found,
	}
	if w.file.Durability == history.Normal {
		then.Forget()
	}
	return then
}

// Forget leaves the order.
func (w *workload) Forget() { w.forget() }

// GoOn stores, and deletes, with the handle that is open.
func (w *workload) GoOn(ctx context.Context) error {
	err := errors.Join(w.store(ctx), w.record(ctx), w.cleanup(ctx, 702))
	if errors.Is(err, history.ErrFailed) {
		return errors.Join(w.found, ignored(w.Close()))
	}
	return errors.Join(err, w.look(ctx), w.found, w.Close())
}

// ignored is an error of a history that has failed before.
func ignored(error) error { return nil }

// Again stores and deletes.
func (w *workload) Again(ctx context.Context) (left int, err error) {
	if err := w.open(ctx); err != nil {
		return 0, fmt.Errorf("open again: %w", err)
	}
	left, err = w.compare(ctx, w.read)
	if err := errors.Join(err, w.checkFile(ctx)); err != nil {
		return left, err
	}
	if err := errors.Join(w.store(ctx), w.record(ctx), w.imports(ctx, importPages), w.cleanup(ctx, 904)); err != nil {
		return left, fmt.Errorf("again: %w", err)
	}
	_, err = w.compare(ctx, w.readRows)
	return left, errors.Join(err, w.found, w.Close())
}
