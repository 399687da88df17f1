package history

import (
	"context"
	"time"
)

// ErrDisorder is of a damaged file.
var ErrDisorder = errDisorder

// Queries are the statements on ranges, each of which is to seek.
func Queries() []string {
	return []string{namesInRange, newestRows, newestFirst, oldestFirst, deleteBefore}
}

// SetGrain makes pages, slices and blocks small, and returns what makes them
// large again.
func SetGrain(page, slice int, block int64) (reset func()) {
	oldRows, oldNames, oldKeys, oldSlice, oldStep := pageRows, pageNames, pageKeys, sliceRows, stepRows
	oldBlock, oldMargin := blockSize, blockMargin
	pageRows, pageNames, pageKeys, sliceRows, stepRows = page, page+1, page, int64(slice), (slice+1)/2
	blockSize, blockMargin = block, block/3
	return func() {
		pageRows, pageNames, pageKeys, sliceRows, stepRows = oldRows, oldNames, oldKeys, oldSlice, oldStep
		blockSize, blockMargin = oldBlock, oldMargin
	}
}

// SetSliceTime says how long a slice may last, and returns what takes it back.
func SetSliceTime(d time.Duration) (reset func()) {
	old := sliceTime
	sliceTime = d
	return func() { sliceTime = old }
}

// RunRetention applies the rules again and again until ctx ends.
func (h *History) RunRetention(ctx context.Context) { h.runRetention(ctx) }

// Empty deletes all rows, and then gives no pages back in one transaction.
func (h *History) Empty(ctx context.Context) (int64, error) {
	return h.clean(ctx, 1, func(context.Context, record) (key, error) { return lastKey, nil })
}

// Places returns how many calls may wait.
func (h *History) Places() int { return cap(h.places) }

// Retain applies rules as if it were now.
func (h *History) Retain(ctx context.Context, now time.Time, rules []Rule) (int64, error) {
	compiled, err := compile(rules)
	if err != nil {
		return 0, err
	}
	before := h.rules
	defer func() { h.rules = before }()
	h.rules = compiled
	return h.retain(ctx, now)
}

// File returns the file that Open has opened.
func (h *History) File() *DB { return h.own }
