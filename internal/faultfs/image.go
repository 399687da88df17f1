package faultfs

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
)

// sector is what a device writes whole or not at all.
const sector = 512

// Seeds of an image that leave nothing to chance.
const (
	DropAll uint64 = iota // what was not synced is lost
	KeepAll               // nothing is lost
	Drawn                 // from here on each write is kept, lost or torn by chance
)

// Image returns the files, by name, that are there after a power cut when of some
// operations the first n have been done. What was synced is there. Of each write
// and truncation since, the seed decides whether it is, or which of its sectors;
// and of each new or deleted name since the last sync of the folder, whether that
// is as before.
func Image(base map[string][]byte, ops []Op, n int, seed uint64) map[string][]byte {
	d := disk{names: make(map[string]*inode)}
	for name, data := range base {
		d.names[name] = &inode{data: bytes.Clone(data)}
	}
	d.synced = maps.Clone(d.names)
	for _, op := range ops[:n] {
		d.do(op)
	}
	return d.cut(chance{rand.New(rand.NewPCG(seed, uint64(n))), seed})
}

// disk is a folder, as it is seen and as it is on the device.
type disk struct {
	names, synced map[string]*inode
	changes       []change // to names, not yet synced
}

type change struct {
	name string
	to   *inode // nil: deleted
}

// inode is the content of a file as it is on the device, and what is on its way.
type inode struct {
	data    []byte
	pending []pending
}

type pending struct {
	Op
	fate fate
}

// fate is what is known of a write.
type fate uint8

const (
	unsynced fate = iota
	doubtful      // its sync has failed
	synced        // but one before it is doubtful
)

func (d *disk) do(op Op) {
	switch op.Kind {
	case Create:
		d.names[op.File] = &inode{}
		d.changes = append(d.changes, change{op.File, d.names[op.File]})
	case Delete:
		delete(d.names, op.File)
		d.changes = append(d.changes, change{op.File, nil})
	case SyncDir:
		d.synced = maps.Clone(d.names)
		d.changes = nil
	case Sync, SyncFailed, Write, Truncate:
		if i := d.names[op.File]; i != nil {
			i.do(op)
		}
	}
}

func (i *inode) do(op Op) {
	switch op.Kind {
	case Sync:
		i.end(synced)
		if !slices.ContainsFunc(i.pending, func(p pending) bool { return p.fate == doubtful }) {
			for _, p := range i.pending {
				i.data = apply(i.data, p.Op)
			}
			i.pending = nil
		}
	case SyncFailed:
		i.end(doubtful)
	default:
		i.pending = append(i.pending, pending{Op: op})
	}
}

// end gives what was not synced its fate.
func (i *inode) end(f fate) {
	for n := range i.pending {
		if i.pending[n].fate == unsynced {
			i.pending[n].fate = f
		}
	}
}

// cut ends the disk.
func (d *disk) cut(c chance) map[string][]byte {
	left := maps.Clone(d.synced)
	for _, change := range d.changes {
		if !c.keeps() {
			continue
		}
		if change.to == nil {
			delete(left, change.name)
		} else {
			left[change.name] = change.to
		}
	}
	image := make(map[string][]byte)
	for _, name := range slices.Sorted(maps.Keys(left)) {
		data := bytes.Clone(left[name].data)
		for _, p := range left[name].pending {
			if p.fate == synced {
				data = apply(data, p.Op)
			} else {
				data = c.apply(data, p.Op)
			}
		}
		image[name] = data
	}
	return image
}

// apply does a write or a truncation.
func apply(data []byte, op Op) []byte {
	end := op.Offset + int64(len(op.Data))
	if op.Kind == Truncate || end > int64(len(data)) {
		data = resize(data, end)
	}
	copy(data[op.Offset:], op.Data)
	return data
}

func resize(data []byte, size int64) []byte {
	if size <= int64(len(data)) {
		return data[:size:size]
	}
	return append(data, make([]byte, size-int64(len(data)))...)
}

// chance decides what a power cut takes.
type chance struct {
	random *rand.Rand
	seed   uint64
}

func (c chance) keeps() bool {
	if c.seed < Drawn {
		return c.seed == KeepAll
	}
	return c.random.IntN(2) == 0
}

// apply does what is left of a write or truncation.
func (c chance) apply(data []byte, op Op) []byte {
	torn := c.seed >= Drawn && op.Kind == Write && c.random.IntN(3) == 0
	if !torn {
		if c.keeps() {
			return apply(data, op)
		}
		return data
	}
	for len(op.Data) > 0 {
		n := min(sector-op.Offset%sector, int64(len(op.Data)))
		if c.keeps() {
			data = apply(data, Op{Kind: Write, Offset: op.Offset, Data: op.Data[:n]})
		}
		op.Offset, op.Data = op.Offset+n, op.Data[n:]
	}
	return data
}
