package device

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
	"unsafe"
)

func TestMeasure(t *testing.T) {
	dir := t.TempDir()
	const size = 3 * chunkSize
	s, err := Measure(t.Context(), dir, 5*time.Millisecond, size)
	if err != nil {
		t.Fatal(err)
	}
	for what, figure := range map[string]float64{
		"append": s.Append.P50, "append p99": s.Append.P99, "overwrite": s.Overwrite.P50, "overwrite p99": s.Overwrite.P99,
		"write": s.WriteMBs, "read": s.ReadMBs,
	} {
		if figure <= 0 {
			t.Errorf("%s: %v", what, figure)
		}
	}
	if f, err := os.Stat(filepath.Join(dir, "sequence")); err != nil || f.Size() != size {
		t.Errorf("the file is %+v: %v", f, err)
	}
}

// The probe overwrites and does not grow: after its last page comes its first.
func TestProbeStaysInItsFile(t *testing.T) {
	dir := t.TempDir()
	p, err := OpenProbe(dir)
	if err != nil {
		t.Fatal(err)
	}
	p.pages = 3 // what is behind it stays as it is
	for range 4 {
		if err := p.Overwrite(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "probe"))
	if err != nil || len(data) != 1024*pageSize {
		t.Fatalf("the file has %d bytes: %v", len(data), err)
	}
	var first []byte
	for page := range slices.Chunk(data[:4*pageSize], pageSize) {
		first = append(first, page[0])
	}
	if !bytes.Equal(first, []byte{4, 2, 3, 0}) {
		t.Errorf("pages were written as %v", first)
	}
}

// However fast the device is, the file does not fill it.
func TestProbeDoesNotGrowForEver(t *testing.T) {
	dir := t.TempDir()
	p, err := OpenProbe(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, c := range []struct{ before, after int64 }{{0, 1}, {mostPages - 1, mostPages}, {mostPages, 1}} {
		p.appended = c.before
		if err := p.appendPage(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		f, err := p.file.Stat()
		if err != nil || f.Size() != (p.pages+c.after)*pageSize {
			t.Errorf("after %d pages the file has %d bytes: %v", c.before, f.Size(), err)
		}
	}
}

func TestMeasureEnds(t *testing.T) {
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stopped)
	if _, err := Measure(ctx, t.TempDir(), time.Hour, 1<<40); !errors.Is(err, stopped) {
		t.Errorf("it was interrupted: %v", err)
	}
	if err := writeFile(ctx, filepath.Join(t.TempDir(), "f"), 1<<40); !errors.Is(err, context.Canceled) {
		t.Errorf("writing was interrupted: %v", err)
	}
}

func TestAligned(t *testing.T) {
	for range 20 {
		b := aligned(chunkSize)
		if uintptr(unsafe.Pointer(unsafe.SliceData(b)))%pageSize != 0 || len(b) != chunkSize {
			t.Fatalf("%d bytes at %p", len(b), b)
		}
	}
}
