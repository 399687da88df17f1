//go:build unix

package faultfs

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// FS is a folder whose files are watched. It may be used concurrently.
type FS struct {
	dir  string
	base map[string][]byte // what was there when the watch began, durable

	mu      sync.Mutex
	plan    *Plan
	seen    int  // operations the plan could have hit
	struck  []Op // those it has hit, without their data
	ops     []Op // what has changed the folder
	present map[string]bool
}

// Plan is which operations fail.
type Plan struct {
	Fault  Fault
	At     int  // the first, counted from 1, of those the fault can happen to
	Always bool // and all after it

	SparesSyncs bool // they do not fail
}

var folders = struct {
	mu  sync.RWMutex
	all map[string]*FS
}{all: make(map[string]*FS)}

// New begins to watch a folder, in which no file may be open yet.
func New(dir string) (*FS, error) {
	if err := register(); err != nil {
		return nil, err
	}
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	f := &FS{dir: dir, base: make(map[string][]byte), present: make(map[string]bool)}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		f.base[e.Name()], f.present[e.Name()] = data, true
	}
	folders.mu.Lock()
	defer folders.mu.Unlock()
	folders.all[dir] = f
	return f, nil
}

// Close ends the watch. Files that are still open stay in it.
func (f *FS) Close() {
	folders.mu.Lock()
	defer folders.mu.Unlock()
	delete(folders.all, f.dir)
}

// watched returns who watches a file, or nil.
func watched(path string) *FS {
	folders.mu.RLock()
	defer folders.mu.RUnlock()
	return folders.all[filepath.Dir(path)]
}

// Inject makes operations fail from now on as the plan says.
func (f *FS) Inject(p Plan) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan, f.seen, f.struck = &p, 0, nil
}

// Heal ends the faults and returns which operations have met one.
func (f *FS) Heal() (struck []Op) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan = nil
	return f.struck
}

// Seen is how many operations the plan could have hit, so far or until Heal.
func (f *FS) Seen() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen
}

// Ops returns what has changed the folder so far. The slice grows behind the
// one returned and is otherwise not written again.
func (f *FS) Ops() []Op {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ops
}

// strikes reports whether an operation is to fail, and how.
func (f *FS) strikes(op Op) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.plan
	if p == nil || !p.Fault.hits(op) || p.SparesSyncs && op.Kind == Sync {
		return 0, false
	}
	f.seen++
	if f.seen < p.At || f.seen > p.At && !p.Always {
		return 0, false
	}
	f.struck = append(f.struck, Op{Kind: op.Kind, File: op.File, Offset: op.Offset})
	return p.Fault, true
}

// change runs an operation and records it if it has worked. Such operations are
// run one at a time, so that they are recorded in their order.
func (f *FS) change(op Op, run func() int32) int32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	rc := run()
	if rc == 0 {
		f.recordLocked(op)
	}
	return rc
}

func (f *FS) record(op Op) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.recordLocked(op)
}

func (f *FS) recordLocked(op Op) {
	op.Data = bytes.Clone(op.Data)
	f.ops = append(f.ops, op)
	switch op.Kind {
	case Create:
		f.present[op.File] = true
	case Delete:
		delete(f.present, op.File)
	}
}

// appeared records a name that SQLite, or whoever made the file for it, has
// given since.
func (f *FS) appeared(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.present[name] {
		f.recordLocked(Op{Kind: Create, File: name})
	}
}

// exists tells a deletion that had nothing to delete.
func (f *FS) exists(name string) bool {
	_, err := os.Lstat(filepath.Join(f.dir, name))
	return !errors.Is(err, fs.ErrNotExist)
}

// Image is [Image] of the operations so far.
func (f *FS) Image(n int, seed uint64) map[string][]byte { return Image(f.base, f.Ops(), n, seed) }
