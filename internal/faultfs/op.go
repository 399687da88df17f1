package faultfs

import "fmt"

// Kind is what an operation does.
type Kind uint8

const (
	Open Kind = iota
	Read
	Write
	Truncate
	Sync
	Size
	Lock
	Access
	Delete
	ShmMap
	ShmLock
	Create  // a name appears; only recorded
	SyncDir // names become durable; only recorded

	// SyncFailed is a Sync that has failed, and is only recorded. What it was to
	// make durable can be read, and may be lost for ever, whatever is synced
	// later: Linux takes it for written.
	SyncFailed
)

var kinds = [...]string{"open", "read", "write", "truncate", "sync", "size", "lock", "access", "delete", "shm-map", "shm-lock", "create", "sync-dir", "failed sync"}

func (k Kind) String() string { return kinds[k] }

// Op is one operation on a file.
type Op struct {
	Kind   Kind
	File   string // its name in the folder
	Offset int64  // of a write or read; of a truncation, the new size
	Data   []byte // what is written
}

func (op Op) String() string {
	switch op.Kind {
	case Write:
		return fmt.Sprintf("write %s at %d, %d bytes", op.File, op.Offset, len(op.Data))
	case Truncate:
		return fmt.Sprintf("truncate %s to %d", op.File, op.Offset)
	}
	return fmt.Sprintf("%v %s", op.Kind, op.File)
}

// Fault is how an operation fails.
type Fault uint8

const (
	// Fail is a device that answers with an error and does nothing.
	Fail Fault = iota

	// Full is a device without room: what would need some fails.
	Full

	// Short is Full, after the first half of a write has found room.
	Short

	// Lost is a device that says it has written, and has not.
	Lost

	// NoSync is Fail for syncs.
	NoSync
)

func (f Fault) String() string { return [...]string{"fail", "full", "short", "lost", "no sync"}[f] }

// hits reports whether the fault can happen to an operation.
func (f Fault) hits(op Op) bool {
	switch f {
	case Full:
		return op.Kind == Write || op.Kind == ShmMap
	case Short, Lost:
		return op.Kind == Write
	case NoSync:
		return op.Kind == Sync
	}
	return true
}
