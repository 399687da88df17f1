package device

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"
	"unsafe"

	"github.com/edfsm/edfsm/bench/internal/measure"
)

const (
	pageSize  = 4 << 10
	chunkSize = 1 << 20
)

// Probe is a file that is overwritten page by page, to know what a sync takes
// at the moment. It is not for concurrent use.
type Probe struct {
	file  *os.File
	page  []byte
	pages int64

	next     int64 // page to be overwritten, counted on
	appended int64
}

// OpenProbe makes a file of 4 MiB, as large as SQLite lets its own grow before
// it begins it anew.
func OpenProbe(dir string) (*Probe, error) {
	f, err := os.Create(filepath.Join(dir, "probe"))
	if err != nil {
		return nil, err
	}
	p := &Probe{file: f, page: make([]byte, pageSize), pages: 1024}
	for range p.pages {
		if _, err = f.Write(p.page); err != nil {
			break
		}
	}
	if err = errors.Join(err, f.Sync()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return p, nil
}

// Close closes the file, which stays.
func (p *Probe) Close() error { return p.file.Close() }

// Overwrite writes 4 KiB where there are some, and syncs.
func (p *Probe) Overwrite(context.Context, int64) error {
	p.page[0]++ // a device may notice what does not change
	if _, err := p.file.WriteAt(p.page, p.next%p.pages*pageSize); err != nil {
		return err
	}
	p.next++
	return syncData(p.file)
}

// mostPages is how long the file may get: on a device that is no disk syncs take
// no time.
const mostPages = 16 << 10

// appendPage writes 4 KiB at the end, and syncs.
func (p *Probe) appendPage(context.Context, int64) error {
	if p.appended == mostPages {
		p.appended = 0
		if err := p.file.Truncate(p.pages * pageSize); err != nil {
			return err
		}
	}
	if _, err := p.file.WriteAt(p.page, (p.pages+p.appended)*pageSize); err != nil {
		return err
	}
	p.appended++
	return syncData(p.file)
}

// Measure finds out what the device can do in a folder: syncs for so long each,
// and a file of so many bytes. The file and the probe's stay.
func Measure(ctx context.Context, dir string, turn time.Duration, size int64) (s Speed, err error) {
	p, err := OpenProbe(dir)
	if err != nil {
		return s, err
	}
	s.Append, err = syncs(ctx, turn, p.appendPage)
	if err == nil {
		s.Overwrite, err = syncs(ctx, turn, p.Overwrite)
	}
	if err = errors.Join(err, p.Close()); err != nil {
		return s, err
	}
	name := filepath.Join(dir, "sequence")
	s.WriteMBs, err = bandwidth(size, func() error { return writeFile(ctx, name, size) })
	if err != nil {
		return s, err
	}
	s.ReadMBs, err = bandwidth(size, func() (err error) {
		s.ReadCached, err = readFile(ctx, name)
		return err
	})
	return s, err
}

func syncs(ctx context.Context, turn time.Duration, write measure.Operation) (Sync, error) {
	load, err := measure.For(ctx, 1, turn, write)
	return Sync{P50: load.Latencies.Quantile(0.5), P99: load.Latencies.Quantile(0.99)}, err
}

func bandwidth(size int64, f func() error) (mbs float64, err error) {
	seconds, err := measure.Seconds(f)
	return float64(size) / 1e6 / seconds, err
}

func writeFile(ctx context.Context, name string, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	chunk := make([]byte, chunkSize)
	for i := range chunk {
		chunk[i] = byte(i * 31) // not zeros, which a device may not store
	}
	for written := int64(0); written < size && err == nil; written += chunkSize {
		if err = ctx.Err(); err == nil {
			_, err = f.Write(chunk)
		}
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func readFile(ctx context.Context, name string) (cached bool, err error) {
	f, direct, err := openDirect(name)
	if err != nil {
		return false, err
	}
	chunk := aligned(chunkSize)
	for err == nil {
		if err = ctx.Err(); err == nil {
			_, err = f.Read(chunk)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return !direct, errors.Join(err, f.Close())
}

// aligned is memory that begins where a page does, as direct reads need it.
func aligned(size int) []byte {
	b := make([]byte, size+pageSize)
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(b))) % pageSize
	return b[skip:][:size]
}
