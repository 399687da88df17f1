//go:build unix

package faultfs

import (
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// file is our part of an open file, in SQLite's memory. That of the operating
// system follows.
type file struct {
	methods uintptr
	id      uintptr
}

func (h *file) below() uintptr { return address(h) + unsafe.Sizeof(*h) }

// opened is what we know about an open file, in Go's memory.
type opened struct {
	fs   *FS
	name string

	// syncDir says that the next sync is one of the folder, too: the VFS of Unix
	// does so at the first of a WAL or journal. SQLite syncs a file from one
	// goroutine at a time.
	syncDir bool
}

var files = struct {
	mu   sync.RWMutex
	last uintptr
	open map[uintptr]*opened
}{open: make(map[uintptr]*opened)}

func keep(o *opened) (id uintptr) {
	files.mu.Lock()
	defer files.mu.Unlock()
	files.last++
	files.open[files.last] = o
	return files.last
}

// handle returns both parts of an open file, and how that of the operating
// system is used.
func handle(p uintptr) (o *opened, below uintptr, use *sqlite3.Tsqlite3_io_methods) {
	h := at[file](p)
	below = h.below()
	use = at[sqlite3.Tsqlite3_io_methods](at[sqlite3.Tsqlite3_file](below).FpMethods)
	files.mu.RLock()
	defer files.mu.RUnlock()
	return files.open[h.id], below, use
}

// methods is where SQLite finds our functions.
var methods uintptr

func makeMethods(tls *libc.TLS) {
	p, m := alloc[sqlite3.Tsqlite3_io_methods](tls)
	*m = sqlite3.Tsqlite3_io_methods{
		FiVersion:               2, // without xFetch, as a mapped file would be read past us
		FxClose:                 pointer(fileClose),
		FxRead:                  pointer(fileRead),
		FxWrite:                 pointer(fileWrite),
		FxTruncate:              pointer(fileTruncate),
		FxSync:                  pointer(fileSync),
		FxFileSize:              pointer(fileSize),
		FxLock:                  pointer(fileLock),
		FxUnlock:                pointer(fileUnlock),
		FxCheckReservedLock:     pointer(fileCheckReservedLock),
		FxFileControl:           pointer(fileControl),
		FxSectorSize:            pointer(fileSectorSize),
		FxDeviceCharacteristics: pointer(fileDevice),
		FxShmMap:                pointer(fileShmMap),
		FxShmLock:               pointer(fileShmLock),
		FxShmBarrier:            pointer(fileShmBarrier),
		FxShmUnmap:              pointer(fileShmUnmap),
	}
	methods = p
}

func fileClose(tls *libc.TLS, p uintptr) int32 {
	_, below, use := handle(p)
	files.mu.Lock()
	delete(files.open, at[file](p).id)
	files.mu.Unlock()
	return function[func(*libc.TLS, uintptr) int32](use.FxClose)(tls, below)
}

func fileRead(tls *libc.TLS, p, to uintptr, n int32, offset int64) int32 {
	o, below, use := handle(p)
	if _, struck := o.fs.strikes(Op{Kind: Read, File: o.name, Offset: offset}); struck {
		return sqlite3.SQLITE_IOERR_READ
	}
	return function[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](use.FxRead)(tls, below, to, n, offset)
}

func fileWrite(tls *libc.TLS, p, from uintptr, n int32, offset int64) int32 {
	o, below, use := handle(p)
	op := Op{Kind: Write, File: o.name, Offset: offset, Data: unsafe.Slice(at[byte](from), n)}
	fault, struck := o.fs.strikes(op)
	if struck && fault == Short {
		n /= 2
		op.Data = op.Data[:n]
	}
	if !struck || fault == Short {
		rc := o.fs.change(op, func() int32 {
			return function[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](use.FxWrite)(tls, below, from, n, offset)
		})
		if !struck || rc != sqlite3.SQLITE_OK {
			return rc
		}
	}
	switch fault {
	case Lost:
		return sqlite3.SQLITE_OK
	case Fail:
		return sqlite3.SQLITE_IOERR_WRITE
	}
	return sqlite3.SQLITE_FULL
}

func fileTruncate(tls *libc.TLS, p uintptr, size int64) int32 {
	o, below, use := handle(p)
	op := Op{Kind: Truncate, File: o.name, Offset: size}
	if _, struck := o.fs.strikes(op); struck {
		return sqlite3.SQLITE_IOERR_TRUNCATE
	}
	return o.fs.change(op, func() int32 {
		return function[func(*libc.TLS, uintptr, int64) int32](use.FxTruncate)(tls, below, size)
	})
}

// fileSync only records: on the device itself nothing need last.
func fileSync(_ *libc.TLS, p uintptr, _ int32) int32 {
	o, _, _ := handle(p)
	op := Op{Kind: Sync, File: o.name}
	if _, struck := o.fs.strikes(op); struck {
		op.Kind = SyncFailed
		o.fs.record(op)
		return sqlite3.SQLITE_IOERR_FSYNC
	}
	o.fs.record(op)
	if o.syncDir {
		o.syncDir = false
		o.fs.record(Op{Kind: SyncDir})
	}
	return sqlite3.SQLITE_OK
}

func fileSize(tls *libc.TLS, p, size uintptr) int32 {
	o, below, use := handle(p)
	if _, struck := o.fs.strikes(Op{Kind: Size, File: o.name}); struck {
		return sqlite3.SQLITE_IOERR_FSTAT
	}
	return function[func(*libc.TLS, uintptr, uintptr) int32](use.FxFileSize)(tls, below, size)
}
