//go:build unix

package faultfs

import (
	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

func fileLock(tls *libc.TLS, p uintptr, level int32) int32 {
	o, below, use := handle(p)
	if _, struck := o.fs.strikes(Op{Kind: Lock, File: o.name}); struck {
		return sqlite3.SQLITE_IOERR_LOCK
	}
	return function[func(*libc.TLS, uintptr, int32) int32](use.FxLock)(tls, below, level)
}

// fileUnlock never fails, nor does a close: SQLite looks at neither answer.
func fileUnlock(tls *libc.TLS, p uintptr, level int32) int32 {
	_, below, use := handle(p)
	return function[func(*libc.TLS, uintptr, int32) int32](use.FxUnlock)(tls, below, level)
}

func fileCheckReservedLock(tls *libc.TLS, p, out uintptr) int32 {
	_, below, use := handle(p)
	return function[func(*libc.TLS, uintptr, uintptr) int32](use.FxCheckReservedLock)(tls, below, out)
}

func fileControl(tls *libc.TLS, p uintptr, op int32, arg uintptr) int32 {
	_, below, use := handle(p)
	return function[func(*libc.TLS, uintptr, int32, uintptr) int32](use.FxFileControl)(tls, below, op, arg)
}

func fileSectorSize(tls *libc.TLS, p uintptr) int32 {
	_, below, use := handle(p)
	return function[func(*libc.TLS, uintptr) int32](use.FxSectorSize)(tls, below)
}

func fileDevice(tls *libc.TLS, p uintptr) int32 {
	_, below, use := handle(p)
	return function[func(*libc.TLS, uintptr) int32](use.FxDeviceCharacteristics)(tls, below)
}

func fileShmMap(tls *libc.TLS, p uintptr, page, size, extend int32, out uintptr) int32 {
	o, below, use := handle(p)
	if fault, struck := o.fs.strikes(Op{Kind: ShmMap, File: o.name + "-shm"}); struck {
		*at[uintptr](out) = 0
		if fault == Full {
			return sqlite3.SQLITE_IOERR_SHMSIZE
		}
		return sqlite3.SQLITE_IOERR_SHMMAP
	}
	return function[func(*libc.TLS, uintptr, int32, int32, int32, uintptr) int32](use.FxShmMap)(tls, below, page, size, extend, out)
}

// fileShmLock fails to lock, never to unlock.
func fileShmLock(tls *libc.TLS, p uintptr, offset, n, flags int32) int32 {
	o, below, use := handle(p)
	if flags&sqlite3.SQLITE_SHM_LOCK != 0 {
		if _, struck := o.fs.strikes(Op{Kind: ShmLock, File: o.name + "-shm"}); struck {
			return sqlite3.SQLITE_IOERR_SHMLOCK
		}
	}
	return function[func(*libc.TLS, uintptr, int32, int32, int32) int32](use.FxShmLock)(tls, below, offset, n, flags)
}

func fileShmBarrier(tls *libc.TLS, p uintptr) {
	_, below, use := handle(p)
	function[func(*libc.TLS, uintptr)](use.FxShmBarrier)(tls, below)
}

func fileShmUnmap(tls *libc.TLS, p uintptr, remove int32) int32 {
	_, below, use := handle(p)
	return function[func(*libc.TLS, uintptr, int32) int32](use.FxShmUnmap)(tls, below, remove)
}
