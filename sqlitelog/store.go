package sqlitelog

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// store is one log of a file, as bytes.
type store struct {
	db     *sqlitedb.DB
	file   *file
	sql    *queries
	name   string
	codec  string
	number int64
	epoch  int64
	asText bool // values are text, so that the shell shows them

	head      atomic.Int64 // offset of the newest durable event
	replays   replays
	compactor *compactor // nil: the log is never compacted

	generation uint64 // of file, when the epoch was ours; for whoever has the writer
}

// openStore finds the log in its file, or registers it, and becomes its owner.
// A reader does neither.
func openStore(ctx context.Context, db *sqlitedb.DB, name, codec string) (*store, error) {
	if err := sqlitedb.Ensure(ctx, db, tables); err != nil {
		return nil, err
	}
	s := &store{db: db, file: fileOf(db), name: name, codec: codec, asText: codec == "json"}
	err := sqlitedb.View(ctx, db, s.find)
	if err == nil && !sqlitedb.IsReadOnly(db) {
		err = sqlitedb.Update(ctx, db, s.own)
	} else if err == nil && s.number == 0 {
		err = ErrNoLog
	}
	if err != nil {
		return nil, fmt.Errorf("log %q: %w", name, err)
	}
	return s, nil
}

// find sets the number of the log, 0 if the file has no such log, and its head.
func (s *store) find(rx sqlitedb.Rx) error {
	codec, exists, err := rx.Text("SELECT codec FROM logs WHERE name = ?", s.name)
	if err != nil || !exists {
		return err
	}
	if codec != s.codec {
		return fmt.Errorf("%w: it was written with %q, not with %q", ErrCodec, codec, s.codec)
	}
	if s.number, _, err = rx.Int("SELECT number FROM logs WHERE name = ?", s.name); err != nil {
		return err
	}
	s.sql = queriesFor(s.number)
	newest, _, err := rx.Int(s.sql.newest, s.number)
	if err != nil {
		return err
	}
	compacted, _, err := rx.Int(s.sql.newestCompacted, s.number)
	if err != nil {
		return err
	}
	floor, _, err := rx.Int("SELECT floor FROM logs WHERE number = ?", s.number)
	s.head.Store(max(newest, compacted, floor))
	return err
}

// own raises the epoch, which shuts out whoever owned the log before.
func (s *store) own(tx sqlitedb.Tx) error {
	err := tx.Exec(`INSERT INTO logs(name, codec, epoch, floor, compactions) VALUES(?, ?, 0, 0, 0)
		ON CONFLICT(name) DO NOTHING`, s.name, s.codec)
	if err != nil {
		return err
	}
	if err := tx.Exec("UPDATE logs SET epoch = epoch + 1 WHERE name = ?", s.name); err != nil {
		return err
	}
	s.file.generation++
	s.epoch, _, err = tx.Int("SELECT epoch FROM logs WHERE name = ?", s.name)
	if err != nil {
		return err
	}
	return s.find(tx.Rx)
}

// checkOwner must be called first in each transaction that writes to the log.
func (s *store) checkOwner(tx sqlitedb.Tx) error {
	if err := s.file.refresh(tx); err != nil {
		return err
	}
	if s.generation == s.file.generation {
		return nil
	}
	epoch, _, err := tx.Int("SELECT epoch FROM logs WHERE number = ?", s.number)
	if err != nil {
		return err
	}
	if epoch != s.epoch {
		return ErrConflict
	}
	s.generation = s.file.generation
	return nil
}

// named says where an error has happened.
func (s *store) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: log %q: %w", s.db.Path(), s.name, err)
}

// append makes the events of a batch durable, all or none.
func (s *store) append(ctx context.Context, b *batch) error {
	var last int64
	err := sqlitedb.Update(ctx, s.db, func(tx sqlitedb.Tx) (err error) {
		last, err = s.insert(tx, b)
		return s.named(err)
	})
	if err != nil {
		return err
	}
	for head := s.head.Load(); head < last && !s.head.CompareAndSwap(head, last); head = s.head.Load() {
	}
	if s.compactor != nil {
		s.compactor.grown(len(b.ends))
	}
	return nil
}

func (s *store) insert(tx sqlitedb.Tx, b *batch) (last int64, err error) {
	if err := s.checkOwner(tx); err != nil {
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
	offset := s.file.reserve(len(b.ends))
	stmt.BindInt64(1, s.number)
	stmt.BindInt64(6, time.Now().UnixMilli())
	for i := range b.ends {
		if err := stmt.Reset(); err != nil {
			return 0, err
		}
		k, value := b.key(i), b.value(i)
		stmt.BindInt64(2, offset)
		if k.has {
			stmt.BindText(3, k.text)
		} else {
			stmt.BindNull(3)
		}
		stmt.BindBool(4, k.tombstone)
		if s.asText {
			stmt.BindText(5, text[b.start(i):b.ends[i]])
		} else {
			stmt.BindBytes(5, value)
		}
		stmt.BindInt64(7, b.checksum.of(s.number, offset, k, value))
		if _, err := stmt.Step(); err != nil {
			return 0, err
		}
		if s.compactor != nil && k.has {
			s.compactor.note(k.text, offset)
		}
		offset++
	}
	return offset - 1, nil
}

// batch is the encoded events of one call, and their keys if the log is
// compacted.
type batch struct {
	data []byte
	ends []int // ends[i] is where value i ends in data
	keys []key

	checksum checksum
}

// key is what makes an older event superfluous. has is false if there is none.
type key struct {
	has       bool
	tombstone bool
	text      string
}

func (b *batch) start(i int) int {
	if i == 0 {
		return 0
	}
	return b.ends[i-1]
}

func (b *batch) value(i int) []byte { return b.data[b.start(i):b.ends[i]] }

func (b *batch) key(i int) (k key) {
	if len(b.keys) > 0 {
		k = b.keys[i]
	}
	return k
}
