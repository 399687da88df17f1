//go:build unix

package faultfs

import (
	"fmt"
	"path/filepath"
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// lower is the VFS of the operating system, to which all is passed on.
var lower *sqlite3.Tsqlite3_vfs

// register makes ours the default VFS of the process.
var register = sync.OnceValue(func() error {
	tls := libc.NewTLS()
	defer tls.Close()
	below := sqlite3.Xsqlite3_vfs_find(tls, 0)
	if below == 0 {
		return fmt.Errorf("faultfs: SQLite has no VFS")
	}
	lower = at[sqlite3.Tsqlite3_vfs](below)
	name, err := libc.CString("faultfs")
	if err != nil {
		return err
	}
	ours, vfs := alloc[sqlite3.Tsqlite3_vfs](tls)
	*vfs = *lower
	vfs.FiVersion = 2
	vfs.FzName = name
	vfs.FpNext = 0
	vfs.FszOsFile += int32(unsafe.Sizeof(file{}))
	vfs.FxOpen = pointer(vfsOpen)
	vfs.FxDelete = pointer(vfsDelete)
	vfs.FxAccess = pointer(vfsAccess)
	vfs.FxFullPathname = pointer(vfsFullPathname)
	makeMethods(tls)
	if rc := sqlite3.Xsqlite3_vfs_register(tls, ours, 1); rc != sqlite3.SQLITE_OK {
		return fmt.Errorf("faultfs: register: SQLite error %d", rc)
	}
	return nil
})

// Seed makes what SQLite draws at random, such as the salt of a WAL, the same
// from here on in each run. 0 ends that.
func Seed(seed uint32) error {
	if err := register(); err != nil {
		return err
	}
	tls := libc.NewTLS()
	defer tls.Close()
	args := libc.NewVaList(int32(seed), uintptr(0))
	defer libc.Xfree(tls, args)
	if rc := sqlite3.Xsqlite3_test_control(tls, sqlite3.SQLITE_TESTCTRL_PRNG_SEED, args); rc != sqlite3.SQLITE_OK {
		return fmt.Errorf("faultfs: seed: SQLite error %d", rc)
	}
	return nil
}

func address[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }

// vfsOpen gives a file that nobody watches to the operating system as a whole.
func vfsOpen(tls *libc.TLS, _, name, p uintptr, flags int32, outFlags uintptr) int32 {
	open := function[func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32](lower.FxOpen)
	path := libc.GoString(name)
	f := watched(path)
	if name == 0 || f == nil {
		return open(tls, address(lower), name, p, flags, outFlags)
	}
	h := at[file](p)
	h.methods = 0 // a file that is not open has none
	base := filepath.Base(path)
	if _, struck := f.strikes(Op{Kind: Open, File: base}); struck {
		return sqlite3.SQLITE_CANTOPEN
	}
	rc := open(tls, address(lower), name, h.below(), flags, outFlags)
	if at[sqlite3.Tsqlite3_file](h.below()).FpMethods == 0 {
		return rc
	}
	const journals = sqlite3.SQLITE_OPEN_MAIN_JOURNAL | sqlite3.SQLITE_OPEN_SUPER_JOURNAL | sqlite3.SQLITE_OPEN_WAL
	h.id = keep(&opened{
		fs:      f,
		name:    base,
		syncDir: flags&sqlite3.SQLITE_OPEN_CREATE != 0 && flags&journals != 0,
	})
	h.methods = methods
	f.appeared(base)
	return rc
}

func vfsDelete(tls *libc.TLS, _, name uintptr, syncDir int32) int32 {
	run := func() int32 {
		remove := function[func(*libc.TLS, uintptr, uintptr, int32) int32](lower.FxDelete)
		return remove(tls, address(lower), name, syncDir)
	}
	path := libc.GoString(name)
	f := watched(path)
	if f == nil {
		return run()
	}
	op := Op{Kind: Delete, File: filepath.Base(path)}
	if _, struck := f.strikes(op); struck {
		return sqlite3.SQLITE_IOERR_DELETE
	}
	if !f.exists(op.File) {
		return run()
	}
	rc := f.change(op, run)
	if rc == sqlite3.SQLITE_OK && syncDir != 0 {
		f.record(Op{Kind: SyncDir})
	}
	return rc
}

func vfsAccess(tls *libc.TLS, _, name uintptr, flags int32, out uintptr) int32 {
	path := libc.GoString(name)
	if f := watched(path); f != nil {
		if _, struck := f.strikes(Op{Kind: Access, File: filepath.Base(path)}); struck {
			return sqlite3.SQLITE_IOERR_ACCESS
		}
	}
	access := function[func(*libc.TLS, uintptr, uintptr, int32, uintptr) int32](lower.FxAccess)
	return access(tls, address(lower), name, flags, out)
}

func vfsFullPathname(tls *libc.TLS, _, name uintptr, n int32, out uintptr) int32 {
	full := function[func(*libc.TLS, uintptr, uintptr, int32, uintptr) int32](lower.FxFullPathname)
	return full(tls, address(lower), name, n, out)
}
