package natslog

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/edfsm/edfsm/codec"
)

// MaxEvents is how many events a call of [Log.Notify] may have: the servers
// take no larger batch.
const MaxEvents = 1000

// Config says which log is opened and how its events are kept. The zero value
// is the log "main" in the stream "edfsm", in JSON, on three servers; it never
// compacts.
type Config[E any] struct {
	// Stream is the name of the stream; "" means "edfsm". It is made if there
	// is none, and then has all subjects that begin with its name.
	Stream string

	// Name is the name of the log in its stream; "" means "main". A stream has
	// room for thousands.
	Name string

	// Replicas is on how many servers the stream is kept when it is made; 0
	// means 3. One that exists is left as it is.
	Replicas int

	// Codec turns events into bytes; nil means codec.Of[E](codec.JSON). The
	// log remembers its name and refuses another.
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

	// HighWater is the number of events that come after a compaction until the
	// next, which lets the newest LowWater as they are. 0 means 100,000 (at
	// least twice LowWater) and half of HighWater.
	HighWater, LowWater int

	// Reader opens a log without becoming its owner, so that whoever owns it
	// goes on. Nothing can be appended or compacted, but subscriptions can be
	// delivered and moved. The log must exist.
	Reader bool

	// Timeout is how long an outcome is waited for, while servers fail and
	// others take over; 0 means 30 s.
	Timeout time.Duration

	// Logger is told what doc.go lists; nil: nobody is.
	Logger *slog.Logger

	grace time.Duration // how long a tombstone outlives what it has ended; 0 means tombstoneGrace
}

// complete checks the configuration and sets defaults.
func (cfg *Config[E]) complete() (err error) {
	if cfg.Stream == "" {
		cfg.Stream = "edfsm"
	}
	if cfg.Name == "" {
		cfg.Name = "main"
	}
	if err := checkStream(cfg.Stream); err != nil {
		return err
	}
	if err := checkName("a log", cfg.Name); err != nil {
		return err
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
	if cfg.Replicas == 0 {
		cfg.Replicas = 3
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.grace == 0 {
		cfg.grace = tombstoneGrace
	}
	return nil
}
