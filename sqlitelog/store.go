package sqlitelog

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// tables is what a log keeps in a file. The offset is the rowid, so that events
// are appended to the end of one b-tree and read back without a sort. The
// index lets logs other than the first be read without passing over it, and
// costs a file with one log nothing.
var tables = sqlitedb.Part{
	Name:    "log",
	Version: 1,
	Schema: []string{
		`CREATE TABLE logs(
			number INTEGER PRIMARY KEY,
			name   TEXT NOT NULL UNIQUE,
			codec  TEXT NOT NULL,
			epoch  INTEGER NOT NULL
		) STRICT`,
		`CREATE TABLE log(
			offset      INTEGER PRIMARY KEY,
			log         INTEGER NOT NULL,
			key         TEXT,
			value       ANY NOT NULL,
			recorded_at INTEGER NOT NULL,
			crc         INTEGER NOT NULL
		) STRICT`,
		`CREATE INDEX log_by_log ON log(log) WHERE log > 1`,
	},
}

// store is one log of a file, as bytes.
type store struct {
	db      *sqlitedb.DB
	name    string
	codec   string
	number  int64
	epoch   int64
	ownedIn uint64 // the last transaction in which the epoch was ours
	asText  bool   // values are text, so that the shell shows them
	offsets *offsets
	head    atomic.Int64 // offset of the newest durable event
}

// openStore registers the log in its file and becomes its owner.
func openStore(ctx context.Context, db *sqlitedb.DB, name, codec string) (*store, error) {
	if err := sqlitedb.Ensure(ctx, db, tables); err != nil {
		return nil, err
	}
	s := &store{
		db: db, name: name, codec: codec,
		asText:  codec == "json",
		offsets: sqlitedb.Shared(db, "log", func() *offsets { return new(offsets) }),
	}
	err := sqlitedb.View(ctx, db, func(rx sqlitedb.Rx) error { return s.checkCodec(rx) })
	if err == nil {
		err = sqlitedb.Update(ctx, db, s.own)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *store) checkCodec(rx sqlitedb.Rx) error {
	codec, exists, err := rx.Text("SELECT codec FROM logs WHERE name = ?", s.name)
	if err != nil {
		return err
	}
	if exists && codec != s.codec {
		return fmt.Errorf("log %q: %w: it was written with %q, not with %q", s.name, ErrCodec, codec, s.codec)
	}
	return nil
}

// own raises the epoch, which shuts out whoever owned the log before.
func (s *store) own(tx sqlitedb.Tx) error {
	if err := s.checkCodec(tx.Rx); err != nil {
		return err
	}
	err := tx.Exec("INSERT INTO logs(name, codec, epoch) VALUES(?, ?, 0) ON CONFLICT(name) DO NOTHING", s.name, s.codec)
	if err != nil {
		return err
	}
	if err := tx.Exec("UPDATE logs SET epoch = epoch + 1 WHERE name = ?", s.name); err != nil {
		return err
	}
	if s.number, _, err = tx.Int("SELECT number FROM logs WHERE name = ?", s.name); err != nil {
		return err
	}
	if s.epoch, _, err = tx.Int("SELECT epoch FROM logs WHERE name = ?", s.name); err != nil {
		return err
	}
	query := "SELECT max(offset) FROM log WHERE log = ?"
	if s.number > 1 {
		query = "SELECT max(offset) FROM log WHERE log = ? AND log > 1"
	}
	head, _, err := tx.Int(query, s.number)
	s.head.Store(head)
	return err
}

// offsets hands out the offsets of a file. It is used by whoever has the
// writer.
type offsets struct {
	tx   uint64
	next int64
}

// reserve returns the first of n new offsets. Those of a transaction that is
// rolled back are given again: nobody was told of them.
func (o *offsets) reserve(tx sqlitedb.Tx, n int) (int64, error) {
	if o.tx != tx.ID() { // another process may have written since
		newest, _, err := tx.Int("SELECT max(offset) FROM log")
		if err != nil {
			return 0, err
		}
		o.tx, o.next = tx.ID(), newest+1
	}
	first := o.next
	o.next += int64(n)
	return first, nil
}

const insertEvent = "INSERT INTO log(offset, log, key, value, recorded_at, crc) VALUES(?, ?, ?, ?, ?, ?)"

// append makes the values of a batch durable, all or none.
func (s *store) append(ctx context.Context, b *batch) error {
	var last int64
	err := sqlitedb.Update(ctx, s.db, func(tx sqlitedb.Tx) (err error) {
		last, err = s.insert(tx, b)
		return err
	})
	if err != nil {
		return err
	}
	for head := s.head.Load(); head < last && !s.head.CompareAndSwap(head, last); head = s.head.Load() {
	}
	return nil
}

func (s *store) insert(tx sqlitedb.Tx, b *batch) (last int64, err error) {
	if err := s.checkOwner(tx); err != nil {
		return 0, err
	}
	offset, err := s.offsets.reserve(tx, len(b.ends))
	if err != nil {
		return 0, err
	}
	stmt, err := tx.Prepare(insertEvent)
	if err != nil {
		return 0, err
	}
	var text string
	if s.asText {
		text = string(b.data)
	}
	now := time.Now().UnixMilli()
	for i := range b.ends {
		if err := stmt.Reset(); err != nil {
			return 0, err
		}
		value := b.value(i)
		stmt.BindInt64(1, offset)
		stmt.BindInt64(2, s.number)
		if s.asText {
			stmt.BindText(4, text[b.start(i):b.ends[i]])
		} else {
			stmt.BindBytes(4, value)
		}
		stmt.BindInt64(5, now)
		stmt.BindInt64(6, b.checksum.of(s.number, offset, nil, value))
		if _, err := stmt.Step(); err != nil {
			return 0, err
		}
		offset++
	}
	return offset - 1, nil
}

// checkOwner looks once in each transaction whether the log is still ours.
func (s *store) checkOwner(tx sqlitedb.Tx) error {
	if s.ownedIn == tx.ID() {
		return nil
	}
	epoch, _, err := tx.Int("SELECT epoch FROM logs WHERE number = ?", s.number)
	if err != nil {
		return err
	}
	if epoch != s.epoch {
		return fmt.Errorf("log %q: %w", s.name, ErrConflict)
	}
	s.ownedIn = tx.ID()
	return nil
}

// batch is the encoded events of one call.
type batch struct {
	data []byte
	ends []int // ends[i] is where value i ends in data

	checksum checksum
}

func (b *batch) start(i int) int {
	if i == 0 {
		return 0
	}
	return b.ends[i-1]
}

func (b *batch) value(i int) []byte { return b.data[b.start(i):b.ends[i]] }
