package sqlitelog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// RecordError says which record of a log cannot be read, and why: [ErrCorrupt],
// or the codec's error.
type RecordError struct {
	File   string
	Log    string
	Offset int64
	Key    string // "" also for a record without a key
	Err    error
}

func (e *RecordError) Error() string {
	if e.Key != "" {
		return fmt.Sprintf("%s: log %q, offset %d, key %q: %v", e.File, e.Log, e.Offset, e.Key, e.Err)
	}
	return fmt.Sprintf("%s: log %q, offset %d: %v", e.File, e.Log, e.Offset, e.Err)
}

func (e *RecordError) Unwrap() error { return e.Err }

// record is one row of the log. Its slices are valid until the next record.
type record struct {
	offset int64
	key    []byte // nil: none
	value  []byte
	crc    int64
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum computes CRC-32Cs of records. Its buffer would otherwise be
// allocated anew for each.
type checksum struct{ head [24]byte }

// of ties a value to its place: a row that was damaged, or copied from
// elsewhere, does not match it. A nil key means none.
func (c *checksum) of(log, offset int64, key, value []byte) int64 {
	keyLen := int64(len(key))
	if key == nil {
		keyLen = -1
	}
	binary.BigEndian.PutUint64(c.head[0:], uint64(log))
	binary.BigEndian.PutUint64(c.head[8:], uint64(offset))
	binary.BigEndian.PutUint64(c.head[16:], uint64(keyLen))
	crc := crc32.Update(0, castagnoli, c.head[:])
	crc = crc32.Update(crc, castagnoli, key)
	return int64(crc32.Update(crc, castagnoli, value))
}
