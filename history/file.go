package history

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// record is a row of the table records.
type record struct {
	number      int64
	name, codec string
}

// maxNames is how many names of records a process remembers.
const maxNames = 1 << 16

// file is what the histories of one DB have in common.
type file struct {
	// For whoever has the writer.
	tx      uint64            // the transaction that refresh has seen last
	version int64             // SQLite's data_version then
	names   map[string]record // as in the file
	made    []string          // names made in this transaction, which may be rolled back

	reserving chan struct{} // held by whoever reserves a block

	mu        sync.Mutex
	next, end int64 // of the sequence, reserved for this DB
}

func fileOf(db *sqlitedb.DB) *file {
	return sqlitedb.Shared(db, "history", func() *file {
		return &file{version: -1, names: make(map[string]record), reserving: make(chan struct{}, 1)}
	})
}

// update is sqlitedb.Update for functions that use names. What they have put
// there goes with what they have written.
func (f *file) update(ctx context.Context, db *sqlitedb.DB, fn func(sqlitedb.Tx) error) error {
	return sqlitedb.Update(ctx, db, func(tx sqlitedb.Tx) error {
		if err := f.refresh(tx); err != nil {
			return err
		}
		err := fn(tx)
		if err != nil {
			f.forgetMade()
		}
		return err
	})
}

// refresh forgets, once in a transaction, what the one before may not have
// committed, and everything if somebody else has written since.
func (f *file) refresh(tx sqlitedb.Tx) error {
	if f.tx == tx.ID() {
		return nil
	}
	version, _, err := tx.Int("PRAGMA data_version")
	if err != nil {
		return err
	}
	f.forgetMade()
	f.made = f.made[:0]
	if version != f.version || len(f.names) > maxNames {
		clear(f.names)
	}
	f.version, f.tx = version, tx.ID()
	return nil
}

func (f *file) forgetMade() {
	for _, name := range f.made {
		delete(f.names, name)
	}
}

// record finds the record with a name, or makes it.
func (f *file) record(tx sqlitedb.Tx, name, codec string) (r record, err error) {
	r, known := f.names[name]
	if !known {
		if r, err = findOrMake(tx, name, codec, &f.made); err != nil {
			return r, err
		}
		f.names[name] = r
	}
	return r, sameCodec(r.codec, codec)
}

// sameCodec refuses a record's codec if another one is wanted.
func sameCodec(codec, want string) error {
	if codec != want {
		return fmt.Errorf("%w: %q, not %q", ErrCodec, codec, want)
	}
	return nil
}

func findOrMake(tx sqlitedb.Tx, name, codec string, made *[]string) (r record, err error) {
	const findNumber = "SELECT number FROM records WHERE name = ?"
	r = record{name: name, codec: codec}
	number, exists, err := tx.Int(findNumber, name)
	if err != nil {
		return r, err
	}
	if exists {
		r.number = number
		r.codec, _, err = tx.Text("SELECT codec FROM records WHERE number = ?", number)
		return r, err
	}
	*made = append(*made, name)
	if err := tx.Exec("INSERT INTO records(name, codec) VALUES(?, ?)", name, codec); err != nil {
		return r, err
	}
	r.number, _, err = tx.Int(findNumber, name)
	return r, err
}

var (
	// blockSize is how many numbers of the sequence are reserved at a time. They
	// may be used only once that is durable: so none is ever given twice.
	blockSize int64 = 1 << 16

	// A new block is reserved before the old one is used up, as a call that
	// finds none costs all that share its transaction another one.
	blockMargin int64 = 1 << 12
)

var errUsedUp = errors.New("the reserved numbers are used up")

// take returns the first of n new numbers of the sequence.
func (f *file) take(n int) (first int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.end-f.next < int64(n) {
		return 0, errUsedUp
	}
	first = f.next
	f.next += int64(n)
	return first, nil
}

func (f *file) has(n int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.end-f.next >= int64(n)+blockMargin
}

// reserve makes sure that there are n numbers to take.
func (f *file) reserve(ctx context.Context, db *sqlitedb.DB, n int) error {
	if f.has(n) {
		return nil
	}
	select {
	case f.reserving <- struct{}{}:
		defer func() { <-f.reserving }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if f.has(n) {
		return nil
	}
	size := ((int64(n)+blockMargin)/blockSize + 1) * blockSize
	var first int64
	err := sqlitedb.Update(ctx, db, func(tx sqlitedb.Tx) (err error) {
		if first, _, err = tx.Int("SELECT next FROM history_sequence"); err != nil {
			return err
		}
		return tx.Exec("UPDATE history_sequence SET next = next + ?", size)
	})
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if first != f.end { // another process has reserved in between
		f.next = first
	}
	f.end = first + size
	return nil
}
