package natslog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net/url"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

// The headers of a record. What the record holds is the message's data.
const (
	headerID        = "Edfsm-Id"        // of the write that the record belongs to
	headerPart      = "Edfsm-Part"      // which of its records it is, and of how many: 2/5
	headerCodec     = "Edfsm-Codec"     // the name of the log's codec
	headerKind      = "Edfsm-Kind"      // what the record is, if it is no event
	headerKey       = "Edfsm-Key"       // the key, as in a URL; none if the log had no Config.Key
	headerTombstone = "Edfsm-Tombstone" // 1 if the event is one
	headerPosition  = "Edfsm-Position"  // of a snapshot: the offset of the last event in it
	headerState     = "Edfsm-State"     // of a snapshot: how the state was encoded
	headerCRC       = "Edfsm-Crc"       // CRC-32C of all that

	headerAfter = "Nats-Expected-Last-Subject-Sequence"
)

// kindOpen is the kind of the record that an owner begins with.
const kindOpen = "open"

// key is what makes an older event superfluous; "" never does.
type key struct {
	known     bool // false if the event was appended without Config.Key
	tombstone bool
	text      string
}

// record is one message of a log.
type record struct {
	subject    string
	offset     int64
	id         string
	part, of   int
	codec      string
	kind       string
	key        key
	position   int64
	state      string
	value      []byte
	crc        uint32
	after      int64 // where the log had to end when it was written; -1 if that was not asked
	recordedAt time.Time
}

// newRecord is the part-th of the records of a write.
func newRecord(subject, id string, part, of int) record {
	return record{subject: subject, id: id, part: part, of: of, after: -1}
}

// message is a record as it is published.
func (r *record) message() *nats.Msg {
	m := nats.NewMsg(r.subject)
	set := func(header, value string) { m.Header[header] = []string{value} }
	set(headerID, r.id)
	set(headerPart, fmt.Sprintf("%d/%d", r.part, r.of))
	if r.codec != "" {
		set(headerCodec, r.codec)
	}
	if r.kind != "" {
		set(headerKind, r.kind)
	}
	if r.key.known {
		set(headerKey, url.QueryEscape(r.key.text))
	}
	if r.key.tombstone {
		set(headerTombstone, "1")
	}
	if r.state != "" {
		set(headerState, url.QueryEscape(r.state))
	}
	if r.position > 0 {
		set(headerPosition, strconv.FormatInt(r.position, 10))
	}
	set(headerCRC, strconv.FormatUint(uint64(r.checksum()), 16))
	m.Data = r.value
	return m
}

// recordOf reads a record. It keeps the data.
func recordOf(subject string, offset int64, at time.Time, h nats.Header, data []byte) (r record, err error) {
	r = record{subject: subject, offset: offset, recordedAt: at, value: data, after: -1}
	first := func(header string) string {
		if values := h[header]; len(values) > 0 {
			return values[0]
		}
		return ""
	}
	r.id, r.codec, r.kind = first(headerID), first(headerCodec), first(headerKind)
	if _, known := h[headerKey]; known {
		r.key.known = true
		if r.key.text, err = url.QueryUnescape(first(headerKey)); err != nil {
			return r, fmt.Errorf("offset %d: %s: %w", offset, headerKey, err)
		}
	}
	r.key.tombstone = first(headerTombstone) == "1"
	if r.state, err = url.QueryUnescape(first(headerState)); err != nil {
		return r, fmt.Errorf("offset %d: %s: %w", offset, headerState, err)
	}
	r.position, _ = strconv.ParseInt(first(headerPosition), 10, 64)
	if after, err := strconv.ParseInt(first(headerAfter), 10, 64); err == nil {
		r.after = after
	}
	if crc, err := strconv.ParseUint(first(headerCRC), 16, 32); err == nil {
		r.crc = uint32(crc)
	}
	fmt.Sscanf(first(headerPart), "%d/%d", &r.part, &r.of)
	return r, nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum ties a record to its subject and to all that it says.
func (r *record) checksum() uint32 {
	var b []byte
	for _, text := range []string{r.subject, r.id, r.codec, r.kind, r.key.text, r.state} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	b = fmt.Append(b, r.part, r.of, r.position, r.key.known, r.key.tombstone)
	return crc32.Update(crc32.Checksum(b, castagnoli), castagnoli, r.value)
}
