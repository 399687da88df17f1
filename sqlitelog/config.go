package sqlitelog

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/edfsm/edfsm/codec"
)

// Config says how events are kept. The zero value writes JSON and never
// compacts.
type Config[E any] struct {
	// Codec turns events into bytes; nil means codec.Of[E](codec.JSON). The
	// file remembers its name and refuses another.
	Codec codec.Codec[E]

	// Key says which events replace each other. Of those with the same key
	// only the newest needs to be kept; an event with the key "" is always
	// kept. nil: nothing is ever deleted. The state must not depend on what
	// may go: machine/machinetest can prove that.
	//
	// The key of an event is stored with it when it is appended. Events that
	// were appended without Key are always kept, and so are tombstones after
	// them, which may be of the same key.
	Key func(E) (key string, op KeyOp)

	// HighWater is the number of events in the table log above which it is
	// compacted in the background, until LowWater are left. 0 means 100,000
	// (at least twice LowWater) and half of HighWater.
	HighWater, LowWater int

	// DropSnapshotted lets the events go that the newest snapshot contains, with
	// whatever key, when the table log has grown beyond HighWater: then only
	// that snapshot and the events after it are left, and LowWater events. A
	// state whose snapshot cannot be read any more is lost. See
	// [Log.SaveSnapshot].
	DropSnapshotted bool

	// Quarantine lets a replay go on when a record cannot be read: the record
	// is moved to the table quarantine, counted and reported. Otherwise, and
	// if the log cannot be written, it ends the replay.
	Quarantine bool

	// Reader opens a log of a file that may be written without becoming its
	// owner, so that whoever owns it, in this process or another, goes on.
	// Nothing can be appended or compacted, but subscriptions can be delivered
	// and moved. The log must exist.
	Reader bool

	// MinHead is an offset that somebody outside has seen: the log must have an
	// event there, or have had one. If it ends before, opening it fails with a
	// [*LostTailError], whoever owns it goes on owning it, and nothing was
	// written. The WAL too is as it was, unless with Options.Exclusive. 0: the log
	// may be new.
	MinHead int64

	// File says how Open opens the file. New does not look at it.
	File Options
}

// complete checks the configuration and sets defaults.
func (cfg *Config[E]) complete(name string) (err error) {
	if err := checkName("a log", name); err != nil {
		return err
	}
	if cfg.MinHead < 0 {
		return fmt.Errorf("MinHead is %d", cfg.MinHead)
	}
	if cfg.Codec == nil {
		if cfg.Codec, err = codec.Of[E](codec.JSON); err != nil {
			return err
		}
	}
	if cfg.HighWater == 0 {
		cfg.HighWater = max(100_000, 2*cfg.LowWater)
	}
	if cfg.LowWater == 0 {
		cfg.LowWater = cfg.HighWater / 2
	}
	if cfg.LowWater < 0 || cfg.HighWater < cfg.LowWater {
		return fmt.Errorf("LowWater %d and HighWater %d: want 0 <= LowWater <= HighWater", cfg.LowWater, cfg.HighWater)
	}
	return nil
}

// checkName refuses names that somebody could not tell apart, or SQLite would cut.
func checkName(of, name string) error {
	if name == "" || len(name) > 255 || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return fmt.Errorf("%w for %s: %.64q has not 1 to 255 bytes of UTF-8 without NUL", ErrName, of, name)
	}
	return nil
}
