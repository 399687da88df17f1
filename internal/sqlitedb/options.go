package sqlitedb

import "log/slog"

// Options say how a file is opened. The zero value is durable, shared and
// silent.
type Options struct {
	Durability Durability

	// Exclusive keeps every other process out, and all work of this one on a
	// single connection, so that SQLite needs no shared memory. On a device
	// whose disk may fill up that is the safe way: on some file systems a
	// write to memory that is mapped to a full disk ends the process.
	Exclusive bool

	// ReadOnly opens an existing file beside its owner, of whatever process.
	// Update is refused with ErrReadOnly.
	ReadOnly bool

	// ForeignCheckpoints leaves it to somebody else, such as Litestream, to copy
	// the WAL back. This handle never does, nor does SQLite when it is closed. If
	// nobody does, the WAL grows without end; the logger is told. After a sync of
	// the WAL that failed, a power cut may damage the file until the WAL was copied
	// back and begun anew; otherwise that is done when the file is opened.
	ForeignCheckpoints bool

	// Logger is told of checkpoints that are late and of a file that was given
	// up, and by the parts of the file of what they say. It may be told while the
	// file is held, so its handler must not use the file. nil: silent.
	Logger *slog.Logger
}

// Durability is what a commit survives.
type Durability uint8

const (
	// Full syncs each commit: it survives the process and, if the device
	// honours syncs, a power cut.
	Full Durability = iota

	// Normal syncs at checkpoints only. A commit survives the process; a power
	// cut may take the newest commits, never one before them.
	Normal
)
