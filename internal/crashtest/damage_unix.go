//go:build unix

package crashtest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/edfsm/edfsm/internal/faultfs"
)

const (
	walHeader = 32
	walFrame  = 24 + 4096
	sector    = 512
)

// WALCut cuts the WAL of a file off at n of these sizes: at the edges of its
// frames, a byte before and behind, and at each sector. With n = 0 it cuts at
// every byte. That takes the newest with it, and nothing else.
func WALCut[W Workload[W]](t *testing.T, n int, name string, d Day[W]) (errs []error) {
	files := faultfs.Image(nil, d.ops, d.awake, faultfs.KeepAll)
	wal := files[name+"-wal"]
	sizes := cutSizes(len(wal))
	if n == 0 {
		sizes = allSizes(len(wal))
	}
	tried := spread(len(sizes), n, Random(t))
	left := make([]int, len(tried))
	errs = each(t, len(tried), func(t *testing.T, i int) (err error) {
		size := sizes[tried[i]-1]
		left[i], err = d.forgetful(t, with(files, name+"-wal", wal[:size]))
		if err != nil {
			return fmt.Errorf("with %d of %d bytes of the WAL: %w", size, len(wal), err)
		}
		return nil
	})
	for i := 1; len(errs) == 0 && i < len(left); i++ {
		if left[i] < left[i-1] {
			errs = append(errs, fmt.Errorf("with %d bytes of the WAL %d are left, and with %d only %d",
				sizes[tried[i-1]-1], left[i-1], sizes[tried[i]-1], left[i]))
		}
	}
	t.Logf("%d of %d sizes, up to %d bytes; %d were left at last", len(tried), len(sizes), len(wal), slices.Max(left))
	return errs
}

// with returns files of which one has other data.
func with(files map[string][]byte, name string, data []byte) map[string][]byte {
	files = maps.Clone(files)
	files[name] = data
	return files
}

func cutSizes(length int) (sizes []int) {
	for size := 0; size <= length; size += sector {
		sizes = append(sizes, size)
	}
	for edge := walHeader; edge <= length; edge += walFrame {
		sizes = append(sizes, edge-1, edge, min(edge+1, length))
	}
	slices.Sort(sizes)
	return slices.Compact(sizes)
}

func allSizes(length int) (sizes []int) {
	for size := range length + 1 {
		sizes = append(sizes, size)
	}
	return sizes
}

// WALBitFlips turns over n bits of the WAL of a file, one at a time, which ends it
// there.
func WALBitFlips[W Workload[W]](t *testing.T, n int, name string, d Day[W]) (errs []error) {
	files := faultfs.Image(nil, d.ops, d.awake, faultfs.KeepAll)
	wal := files[name+"-wal"]
	tried := spread(8*len(wal), n, Random(t))
	t.Logf("%d of %d bits", len(tried), 8*len(wal))
	return each(t, len(tried), func(t *testing.T, i int) error {
		at, bit := (tried[i]-1)/8, (tried[i]-1)%8
		if _, err := d.forgetful(t, with(files, name+"-wal", flipped(wal, at, bit))); err != nil {
			return fmt.Errorf("byte %d of the WAL, bit %d: %w", at, bit, err)
		}
		return nil
	})
}

// forgetful opens files of which the newest may be lost.
func (d Day[W]) forgetful(t *testing.T, files map[string][]byte) (left int, err error) {
	watched(t, files, func(_ *faultfs.FS, at Place) {
		work := d.work.Until(d.awake, at)
		work.Forget()
		left, err = again(t, work)
	})
	return left, err
}

// BitFlips turns over n bits of a file that was closed, one at a time, of the bytes
// that hold something. look opens the store in a folder, tries all that can be done
// with it, returns how much it has seen, and the first error; wrong is what it has
// seen and was never written. A flip is noticed, or does no harm, or hides
// something, which is logged.
func BitFlips[W Workload[W]](t *testing.T, n int, name string, d Day[W], look func(t *testing.T, at Place) (seen int, wrong, err error)) (errs []error) {
	whole := faultfs.Image(nil, d.ops, len(d.ops), faultfs.KeepAll)[name]
	all, wrong, err := lookAt(t, name, whole, look)
	must(t, wrong)
	must(t, err)
	var noticed, hidden atomic.Int64
	used := inUse(whole)
	tried := spread(8*len(used), n, Random(t))
	errs = each(t, len(tried), func(t *testing.T, i int) error {
		at, bit := used[(tried[i]-1)/8], (tried[i]-1)%8
		seen, wrong, err := lookAt(t, name, flipped(whole, at, bit), look)
		switch {
		case wrong != nil:
			return fmt.Errorf("byte %d, bit %d: %w", at, bit, wrong)
		case err != nil:
			noticed.Add(1)
		case seen < all:
			hidden.Add(1)
			t.Logf("byte %d, bit %d: %d of %d are there", at, bit, seen, all)
		}
		return nil
	})
	t.Logf("%d of %d bits in use: %d flips were noticed, %d have hidden something", len(tried), 8*len(used), noticed.Load(), hidden.Load())
	return errs
}

// inUse returns where in a file there is something. Zeros in a row are room that
// is free, and never read.
func inUse(data []byte) (at []int) {
	const free = 32
	zeros := 0
	for i, b := range data {
		if b == 0 {
			zeros++
			continue
		}
		if zeros >= free {
			zeros = 0
		}
		for ; zeros >= 0; zeros-- {
			at = append(at, i-zeros)
		}
		zeros = 0
	}
	return at
}

func lookAt(t *testing.T, name string, data []byte, look func(*testing.T, Place) (int, error, error)) (seen int, wrong, err error) {
	watched(t, map[string][]byte{name: data}, func(_ *faultfs.FS, at Place) {
		synctest.Test(t, func(t *testing.T) { seen, wrong, err = look(t, at) })
	})
	return seen, wrong, err
}

func flipped(data []byte, at, bit int) []byte {
	data = bytes.Clone(data)
	data[at] ^= 1 << bit
	return data
}
