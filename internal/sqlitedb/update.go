package sqlitedb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"zombiezen.com/go/sqlite"
)

// Update runs fn in the next write transaction and returns when its changes
// are durable. An error of fn undoes what fn did, and nothing else, and is
// returned. fn may run more than once and must leave no trace but through tx;
// statements it has stepped must have run to their end.
//
// Callers that wait for the writer share one transaction. A caller whose ctx
// ends while it waits leaves with ctx's error, and nothing was written; once
// its transaction has begun it stays for the outcome.
//
// Errors other than [ErrUncertain] mean that nothing was written.
func Update(ctx context.Context, db *DB, fn func(Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if db.readOnly {
		return fmt.Errorf("%s: %w", db.path, ErrReadOnly)
	}
	m := &member{fn: fn}
	g, leads, err := db.join(m)
	if err != nil {
		return err
	}
	if !leads {
		select {
		case <-g.done:
			return m.err
		case <-g.lead:
		case <-ctx.Done():
			if db.leave(g, m, false) {
				return ctx.Err()
			}
			<-g.done
			return m.err
		}
	}
	select {
	case db.writer <- struct{}{}:
	case <-ctx.Done():
		db.leave(g, m, true)
		return ctx.Err()
	}
	db.serve(g)
	return m.err
}

// group is the callers that share a transaction. The first to come leads: it
// waits for the writer, takes the group and commits for all. The idea is
// LevelDB's writer queue.
type group struct {
	members []*member
	taken   bool
	lead    chan struct{} // holds one: the right to lead, given on by a leader who left
	done    chan struct{} // closed when the members' errors are set
}

type member struct {
	fn  func(Tx) error
	err error
}

// join adds m to the group that waits for the writer, and reports whether m
// is to lead it.
func (db *DB) join(m *member) (g *group, leads bool, err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if err := db.usableLocked(); err != nil {
		return nil, false, err
	}
	if db.forming == nil {
		db.forming = &group{lead: make(chan struct{}, 1), done: make(chan struct{})}
		leads = true
	}
	g = db.forming
	g.members = append(g.members, m)
	return g, leads, nil
}

// leave takes m out of its group, unless the group was taken.
func (db *DB) leave(g *group, m *member, leads bool) bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	if g.taken {
		return false
	}
	i := slices.Index(g.members, m)
	g.members = slices.Delete(g.members, i, i+1)
	if len(g.members) == 0 {
		db.forming = nil
	} else if leads {
		g.lead <- struct{}{}
	}
	return true
}

// serve commits a group, wakes it, and hands the writer on.
func (db *DB) serve(g *group) {
	defer func() { <-db.writer }()
	members := db.take(g)
	func() {
		defer close(g.done)
		db.commit(members)
	}()
	db.checkpointIfDue()
}

// take closes the group. It first lets callers that were just woken by the
// commit before come back: otherwise they fall into two alternating halves.
func (db *DB) take(g *group) []*member {
	for size, round := 0, 0; ; round++ {
		db.mu.Lock()
		if len(g.members) == size || round == 8 {
			g.taken = true
			db.forming = nil
			db.mu.Unlock()
			return g.members
		}
		size = len(g.members)
		db.mu.Unlock()
		runtime.Gosched()
	}
}

var errPanic = errors.New("an update panicked")

// commit runs the members in one transaction and sets their errors.
func (db *DB) commit(members []*member) {
	err := errPanic
	defer func() {
		if err == errPanic {
			db.fail(err)
			err = db.rollback(err)
		}
		for _, m := range members {
			m.err = cmp.Or(err, m.err)
		}
	}()
	if err = db.usableForWriter(); err == nil {
		err = errPanic
		err = db.runTogether(members)
	}
	if err == errRunApart {
		err = errPanic
		err = db.runApart(members)
	}
}

// usableForWriter allows what was accepted before Close.
func (db *DB) usableForWriter() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.failed != nil {
		return fmt.Errorf("%s: %w: %w", db.path, ErrFailed, db.failed)
	}
	return nil
}

var errRunApart = errors.New("a member failed")

// runTogether is the usual case: no member fails, so none needs a savepoint,
// which costs as much as half an insert.
func (db *DB) runTogether(members []*member) error {
	tx, err := db.begin()
	if err != nil {
		return err
	}
	for _, m := range members {
		if err := m.fn(tx); err != nil {
			if len(members) > 1 && !db.conn.AutocommitEnabled() {
				err = errRunApart
			}
			return db.rollback(err)
		}
	}
	return db.end()
}

// runApart runs each member in a savepoint and undoes those that fail.
func (db *DB) runApart(members []*member) error {
	if db.conn == nil { // the rollback before has failed
		return db.usableForWriter()
	}
	tx, err := db.begin()
	if err != nil {
		return err
	}
	for _, m := range members {
		if err := db.savepoint(tx, m); err != nil {
			return db.rollback(err)
		}
	}
	return db.end()
}

// savepoint returns an error if the whole transaction cannot go on.
func (db *DB) savepoint(tx Tx, m *member) error {
	if err := tx.Exec("SAVEPOINT member"); err != nil {
		return err
	}
	if m.err = m.fn(tx); m.err != nil {
		if db.conn.AutocommitEnabled() { // SQLite has rolled everything back: disk full, I/O, memory
			return m.err
		}
		if err := tx.Exec("ROLLBACK TO member"); err != nil {
			return err
		}
	}
	return tx.Exec("RELEASE member")
}

func (db *DB) begin() (Tx, error) {
	db.tx++
	if err := exec(db.conn, "BEGIN IMMEDIATE"); err != nil {
		if sqlite.ErrCode(err).ToPrimary() == sqlite.ResultBusy {
			err = fmt.Errorf("%w: %w", ErrBusy, err)
		}
		return Tx{}, fmt.Errorf("%s: begin: %w", db.path, err)
	}
	return Tx{Rx{db.conn}, db.tx}, nil
}

// end commits. Only after COMMIT has failed is the outcome unknown.
func (db *DB) end() error {
	err := exec(db.conn, "COMMIT")
	if err == nil {
		return nil
	}
	db.fail(fmt.Errorf("commit: %w", err)) // later calls wrote nothing, so they are not uncertain
	return db.rollback(fmt.Errorf("%s: %w: %w", db.path, ErrUncertain, err))
}

// rollback undoes the transaction, if there still is one, and returns cause.
// A connection that cannot is given up, so that it holds no lock.
func (db *DB) rollback(cause error) error {
	if db.conn.AutocommitEnabled() {
		return cause
	}
	err := exec(db.conn, "ROLLBACK")
	if err == nil {
		return cause
	}
	err = fmt.Errorf("rollback: %w", err)
	db.fail(err)
	return errors.Join(cause, err, db.closeWriter())
}
