package sqlitedb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"
)

// Update runs fn in the next write transaction and returns when its changes
// are durable. An error of fn undoes what fn did, and nothing else, and is
// returned. fn may run more than once and must leave no trace but through tx;
// unless it fails, statements it has stepped must have run to their end.
//
// Callers that wait for the writer share one transaction. A caller whose ctx
// ends while it waits leaves with ctx's error, and nothing was written; once fn
// runs it stays for the outcome.
//
// Errors other than [ErrUncertain] mean that nothing was written.
func Update(ctx context.Context, db *DB, fn func(Tx) error) error {
	return full(db.update(ctx, fn))
}

func (db *DB) update(ctx context.Context, fn func(Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if db.readOnly {
		return fmt.Errorf("%s: %w", db.path, ErrReadOnly)
	}
	m := &member{fn: fn, patience: time.Now().Add(busyTimeout)}
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
		defer func() { <-db.writer }()
	case <-ctx.Done():
		db.leave(g, m, true)
		return ctx.Err()
	}
	tx, err := db.begin(ctx, m.patience)
	if err != nil && (ctx.Err() != nil || errors.Is(err, ErrBusy)) { // others may wait longer
		db.leave(g, m, true)
		return cmp.Or(ctx.Err(), err)
	}
	db.serve(ctx, g, tx, err)
	return m.err
}

// group is the callers that share a transaction. The first to come leads: it
// waits for the writer and for other processes, runs them and commits for all.
// The idea is LevelDB's writer queue.
type group struct {
	members []*member
	taken   int           // how many of them run, or have
	begun   time.Time     // when the first was
	lead    chan struct{} // holds one: the right to lead, given on by a leader who left
	done    chan struct{} // closed when the members' errors are set
}

type member struct {
	fn       func(Tx) error
	patience time.Time // until when to wait for another process
	err      error
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

// leave takes m out of its group, unless it was taken.
func (db *DB) leave(g *group, m *member, leads bool) bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	i := slices.Index(g.members, m)
	if i < g.taken {
		return false
	}
	g.members = slices.Delete(g.members, i, i+1)
	if len(g.members) == 0 {
		db.forming = nil
	} else if leads {
		g.lead <- struct{}{}
	}
	return true
}

// serve commits a group in the transaction that was begun, or fails it if none
// could be, and wakes it.
func (db *DB) serve(ctx context.Context, g *group, tx Tx, begun error) {
	func() {
		defer close(g.done)
		db.commit(ctx, g, tx, begun)
	}()
	db.checkpointIfDue()
}

// A transaction that others join without end ends all the same.
const (
	maxMembers = 4096
	joinTime   = 10 * time.Millisecond
)

// take returns the members that have joined since it was called last. Without
// any it closes the group, for good; but first it lets callers that were just
// woken by the commit before come back: otherwise they fall into two alternating
// halves.
func (db *DB) take(g *group) []*member {
	for yielded := false; ; yielded = true {
		db.mu.Lock()
		joined := g.members[g.taken:]
		g.taken = len(g.members)
		if g.begun.IsZero() {
			g.begun = time.Now()
		}
		if len(joined) == 0 && yielded || g.taken >= maxMembers || time.Since(g.begun) > joinTime {
			db.shutLocked(g)
		}
		db.mu.Unlock()
		if len(joined) > 0 || yielded {
			return joined
		}
		runtime.Gosched()
	}
}

// shut closes a group and returns its members.
func (db *DB) shut(g *group) []*member {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.shutLocked(g)
}

func (db *DB) shutLocked(g *group) []*member {
	if db.forming == g {
		db.forming = nil
	}
	g.taken = len(g.members)
	return g.members
}

var errPanic = errors.New("an update panicked")

// commit runs the members in a transaction and sets their errors.
func (db *DB) commit(ctx context.Context, g *group, tx Tx, begun error) {
	err := errPanic
	defer func() {
		if err == errPanic {
			db.fail(err)
			err = db.rollback(err)
		}
		for _, m := range db.shut(g) {
			m.err = cmp.Or(err, m.err)
		}
	}()
	if begun != nil {
		err = begun
		return
	}
	again, outcome := db.runTogether(g, tx)
	if again {
		outcome = db.runApart(ctx, db.shut(g))
	}
	err = outcome
}

// runTogether is the usual case: no member fails, so none needs a savepoint,
// which costs as much as half an insert. Members join until all have run. It
// reports whether the members are to be run again, apart.
func (db *DB) runTogether(g *group, tx Tx) (again bool, err error) {
	for members := db.take(g); len(members) > 0; members = db.take(g) {
		for _, m := range members {
			if err := m.fn(tx); err != nil {
				again = len(db.shut(g)) > 1 && !db.conn.AutocommitEnabled()
				return again, db.rollback(err)
			}
		}
	}
	return false, db.end()
}

// runApart runs each member in a savepoint and undoes those that fail.
func (db *DB) runApart(ctx context.Context, members []*member) error {
	tx, err := db.begin(context.WithoutCancel(ctx), time.Now().Add(busyTimeout))
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
		db.resetStatements()
		if err := tx.Exec("ROLLBACK TO member"); err != nil {
			return err
		}
	}
	return tx.Exec("RELEASE member")
}

// begin waits for a process that is writing. It allows what was accepted before
// Close. No ctx ever reaches the connection: an interrupt would end what others
// do on it.
func (db *DB) begin(ctx context.Context, patience time.Time) (Tx, error) {
	db.mu.Lock()
	failed := db.failed
	db.mu.Unlock()
	if failed != nil {
		return Tx{}, fmt.Errorf("%s: %w: %w", db.path, ErrFailed, failed)
	}
	db.tx++
	err := patiently(ctx, patience, func() error { return exec(db.conn, "BEGIN IMMEDIATE") })
	if err != nil {
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
	db.resetStatements()
	err := exec(db.conn, "ROLLBACK")
	if err == nil {
		return cause
	}
	err = fmt.Errorf("rollback: %w", err)
	db.fail(err)
	return errors.Join(cause, err, db.closeWriter())
}

// resetStatements ends what a member that has failed was reading. Else the
// connection keeps its snapshot beyond the transaction, and can neither begin
// another, once somebody else has written, nor copy the WAL back.
func (db *DB) resetStatements() { db.conn.SetInterrupt(nil) }
