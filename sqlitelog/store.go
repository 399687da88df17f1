package sqlitelog

import (
	"context"
	"errors"
	"fmt"
	"sync"
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
	epoch  int64 // 0: of a reader
	asText bool  // values are text, so that the shell shows them

	unchecked bool // set by a test: checksums that do not match are taken as if they did

	head    atomic.Int64 // offset of the newest durable event
	replays replays
	watch   *watch
	news    *news

	// snapshotAt is the position of the newest snapshot that somebody needs: the
	// tombstones after it are kept, as the state in it may have their keys.
	// contained is that of one without which nobody can start, so that the
	// events before it may go.
	snapshotAt, contained atomic.Int64
	saving                chan struct{} // held by whoever saves one

	compactor *compactor // nil: the log is never compacted
	counts    counts
	replaced  sync.Once // the report that the log has another owner

	generation uint64 // of file, when the epoch was ours; for whoever has the writer
}

// openStore finds the log in its file, or registers it, and becomes its owner.
// A reader does neither. A log that ends before minHead is left alone.
func openStore(ctx context.Context, db *sqlitedb.DB, name, codec string, minHead int64, reader bool) (*store, error) {
	if minHead > 0 { // else the tables are made
		err := sqlitedb.View(ctx, db, tables.Check)
		if errors.Is(err, sqlitedb.ErrNoPart) {
			return nil, fmt.Errorf("log %q: %w", name, &LostTailError{MinHead: minHead})
		}
	}
	err := sqlitedb.Ensure(ctx, db, tables)
	if errors.Is(err, sqlitedb.ErrNoPart) {
		return nil, fmt.Errorf("log %q: %w", name, ErrNoLog)
	}
	if err != nil {
		return nil, err
	}
	s := &store{db: db, file: fileOf(db), name: name, codec: codec, asText: codec == "json", watch: watchOf(db), saving: make(chan struct{}, 1)}
	var seen, head int64
	find := func(rx sqlitedb.Rx, from, known int64) (err error) {
		seen, head, err = s.find(rx, from, known)
		if err == nil && head < minHead {
			err = &LostTailError{head, minHead}
		}
		return err
	}
	err = sqlitedb.View(ctx, db, func(rx sqlitedb.Rx) error { return find(rx, 0, 0) })
	if err == nil && !reader {
		from, known := seen, head
		err = sqlitedb.Update(ctx, db, func(tx sqlitedb.Tx) error {
			if err := s.own(tx); err != nil {
				return err
			}
			if err := find(tx.Rx, from, known); err != nil {
				return err
			}
			return s.needSnapshot(tx.Rx)
		})
	} else if err == nil && s.number == 0 {
		err = ErrNoLog
	}
	if err != nil {
		return nil, fmt.Errorf("log %q: %w", name, err)
	}
	s.head.Store(head)
	s.news = s.watch.of(s.number)
	return s, nil
}

// find sets the number of the log, 0 if the file has no such log, and returns
// its head. It is told through which offset the head is known, and returns
// through which it is then.
func (s *store) find(rx sqlitedb.Rx, from, known int64) (seen, head int64, err error) {
	codec, exists, err := rx.Text("SELECT codec FROM logs WHERE name = ?", s.name)
	if err != nil || !exists {
		return 0, 0, err
	}
	if codec != s.codec {
		return 0, 0, fmt.Errorf("%w: it was written with %q, not with %q", ErrCodec, codec, s.codec)
	}
	if s.number, _, err = rx.Int("SELECT number FROM logs WHERE name = ?", s.name); err != nil {
		return 0, 0, err
	}
	s.sql = queriesFor(s.number)
	newest, err := newestIn(rx, s.number, from)
	if err != nil {
		return 0, 0, err
	}
	floor, _, err := rx.Int("SELECT floor FROM logs WHERE number = ?", s.number)
	if err != nil {
		return 0, 0, err
	}
	seen, err = newestOf(rx)
	return seen, max(known, newest, floor), err
}

// own raises the epoch, which shuts out whoever owned the log before.
func (s *store) own(tx sqlitedb.Tx) error {
	err := tx.Exec(`INSERT INTO logs(name, codec, epoch, floor, dropped, tombstones, compactions) VALUES(?, ?, 0, 0, 0, 0, 0)
		ON CONFLICT(name) DO NOTHING`, s.name, s.codec)
	if err != nil {
		return err
	}
	if err := tx.Exec("UPDATE logs SET epoch = epoch + 1 WHERE name = ?", s.name); err != nil {
		return err
	}
	s.file.generation++
	s.epoch, _, err = tx.Int("SELECT epoch FROM logs WHERE name = ?", s.name)
	return err
}

// checkOwner must be called first in each transaction that writes to the log.
func (s *store) checkOwner(tx sqlitedb.Tx) error {
	if s.epoch == 0 {
		return ErrReadOnly
	}
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

// intact reports whether the checksum of a row is that of what is in the row.
func (s *store) intact(stored, computed int64) bool { return stored == computed || s.unchecked }

// named says where an error has happened.
func (s *store) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: log %q: %w", sqlitedb.Path(s.db), s.name, err)
}

// append makes the events of a batch durable, all or none.
func (s *store) append(ctx context.Context, b *batch) error {
	var last int64
	err := sqlitedb.Update(ctx, s.db, func(tx sqlitedb.Tx) (err error) {
		last, err = s.insert(tx, b)
		return s.named(err)
	})
	if err != nil {
		return s.refused(err)
	}
	raise(&s.head, last)
	s.counts.committed(len(b.ends), b.share)
	s.news.tell()
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
		if k.known {
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
		if s.compactor != nil {
			s.compactor.appended(k, offset)
		}
		offset++
	}
	b.share = s.counts.joined(tx, len(b.ends))
	return offset - 1, nil
}

// batch is the encoded events of one call, and their keys if the log is
// compacted.
type batch struct {
	data []byte
	ends []int // ends[i] is where value i ends in data
	keys []key

	checksum checksum
	share    share
}

// key is what makes an older event superfluous; "" never does.
type key struct {
	known     bool // false if the event was appended without Config.Key
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
