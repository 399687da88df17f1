// Package peer keeps events through what people would pick instead of edfsm, each
// as its documentation says and with one durable event as the unit: a caller
// waits until its own event is kept.
package peer

import (
	"encoding/binary"
	"iter"

	"github.com/edfsm/edfsm/bench/internal/engine"
)

// All is every peer.
func All() []engine.Engine {
	return append(cgoEngines,
		moderncDB.engine("modernc.org/sqlite"), ncruces, bboltUpdate, bboltBatch, pebbleSync, badgerSync, tidwall,
		jetstreamSync, jetstreamDefault)
}

// Filler is a log that takes many events at once, where an Append for each would
// take long.
type Filler interface {
	Fill(events iter.Seq[[]byte]) error
}

// key is a number in the order of bytes, as ordered stores of keys want it.
func key(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
