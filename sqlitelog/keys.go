package sqlitelog

import (
	"context"
	"hash/maphash"
	"math"

	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// keys tells the newest event of each key by the key's hash. It takes some 40
// bytes a key. It may be wrong where two keys collide or an append was rolled
// back, so that the row itself is looked at before anything is deleted.
type keys struct {
	seed   maphash.Seed
	newest map[uint64]int64
}

func newKeys() *keys {
	return &keys{seed: maphash.MakeSeed(), newest: make(map[uint64]int64)}
}

func (k *keys) of(text string) int64 { return k.newest[maphash.String(k.seed, text)] }

func (k *keys) set(text string, offset int64) { k.newest[maphash.String(k.seed, text)] = offset }

// raise sets the newest offset of a key unless a newer one is known, and
// returns the one that was superseded, 0 if there was none.
func (k *keys) raise(text string, offset int64) (before int64) {
	h := maphash.String(k.seed, text)
	if before = k.newest[h]; offset <= before {
		return 0
	}
	k.newest[h] = offset
	return before
}

// forget ends a key unless it has a newer event.
func (k *keys) forget(text string, offset int64) {
	if h := maphash.String(k.seed, text); k.newest[h] == offset {
		delete(k.newest, h)
	}
}

// learner reads the keys of a whole log.
type learner struct {
	c       *compactor
	keys    *keys
	after   int64 // offset it has come to
	inLog   int64
	unkeyed int64
}

// learn reads the keys of the log beside the appends, and the last of them
// while nobody appends.
func (c *compactor) learn(ctx context.Context) error {
	l := &learner{c: c, keys: newKeys(), unkeyed: math.MaxInt64}
	err := sqlitedb.View(ctx, c.s.db, func(rx sqlitedb.Rx) error {
		moved, _, err := rx.Int(c.s.sql.compacted.newest, c.s.number, int64(0))
		c.moved.Store(moved)
		return err
	})
	for more := true; more && err == nil; {
		err = sqlitedb.View(ctx, c.s.db, func(rx sqlitedb.Rx) (err error) {
			more, err = l.scan(rx, 4096)
			return err
		})
	}
	if err != nil {
		return err
	}
	err = sqlitedb.Update(ctx, c.s.db, func(tx sqlitedb.Tx) error {
		_, err := l.scan(tx.Rx, math.MaxInt)
		c.keys, c.unkeyed = l.keys, l.unkeyed
		return err
	})
	if err != nil {
		return err
	}
	c.inLog.Store(0)
	c.grown(int(l.inLog))
	return nil
}

// scan reads on, and reports whether it has stopped at the limit.
func (l *learner) scan(rx sqlitedb.Rx, limit int) (full bool, err error) {
	newest, err := newestOf(rx)
	if err != nil {
		return false, err
	}
	n, err := l.table(rx, l.c.s.sql.compacted.keys, limit)
	if err != nil || n == limit {
		return true, err
	}
	n, err = l.table(rx, l.c.s.sql.log.keys, limit)
	l.inLog += int64(n)
	if err != nil || n == limit {
		return true, err
	}
	l.after = newest // so that other logs' events are passed over once
	return false, nil
}

// table notes the keys of a table's next events and returns how many there were.
func (l *learner) table(rx sqlitedb.Rx, query string, limit int) (n int, err error) {
	stmt, err := rx.Prepare(query)
	if err != nil {
		return 0, err
	}
	stmt.BindInt64(1, l.c.s.number)
	stmt.BindInt64(2, l.after)
	stmt.BindInt64(3, math.MaxInt64)
	for ; n < limit; n++ {
		found, err := stmt.Step()
		if err != nil || !found {
			return n, err
		}
		offset := stmt.ColumnInt64(0)
		if err := inOrder(offset, l.after); err != nil {
			return n, err
		}
		l.after = offset
		switch k := keyAt(stmt, 1); {
		case !k.known:
			l.unkeyed = min(l.unkeyed, l.after)
		case k.text != "":
			l.c.note(l.keys, k.text, l.after)
			if k.tombstone && l.after <= l.c.moved.Load() {
				l.c.dead.Add(1) // it was kept for somebody who is gone
			}
		}
	}
	return n, stmt.Reset()
}
