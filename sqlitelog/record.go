package sqlitelog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"zombiezen.com/go/sqlite"
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

// record is one row of a log. Its value is valid until its page is left.
type record struct {
	offset     int64
	key        key
	value      []byte
	recordedAt int64 // Unix ms
	crc        int64
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum computes CRC-32Cs of records. Its buffers would otherwise be
// allocated anew for each.
type checksum struct {
	head [25]byte
	key  []byte
}

// of ties a value to its place: a row that was damaged, or copied from
// elsewhere, does not match it.
func (c *checksum) of(log, offset int64, k key, value []byte) int64 {
	keyLen := int64(len(k.text))
	if !k.known {
		keyLen = -1
	}
	binary.BigEndian.PutUint64(c.head[0:], uint64(log))
	binary.BigEndian.PutUint64(c.head[8:], uint64(offset))
	binary.BigEndian.PutUint64(c.head[16:], uint64(keyLen))
	c.head[24] = 0
	if k.tombstone {
		c.head[24] = 1
	}
	c.key = append(c.key[:0], k.text...)
	crc := crc32.Update(0, castagnoli, c.head[:])
	crc = crc32.Update(crc, castagnoli, c.key)
	return int64(crc32.Update(crc, castagnoli, value))
}

// inOrder fails unless an offset comes after another. No checksum of a record
// tells that SQLite was led to the same page twice.
func inOrder(offset, after int64) error {
	if offset > after {
		return nil
	}
	return fmt.Errorf("%w: offset %d comes after %d", ErrCorrupt, offset, after)
}

// keyAt reads a key from the columns key and tombstone of a row.
func keyAt(stmt *sqlite.Stmt, col int) key {
	if stmt.ColumnIsNull(col) {
		return key{}
	}
	return key{known: true, tombstone: stmt.ColumnBool(col + 1), text: stmt.ColumnText(col)}
}
