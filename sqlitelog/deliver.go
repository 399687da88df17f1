package sqlitelog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/edfsm/edfsm/internal/sqlitedb"
)

// Delivery says how events are handed over, and what happens to those that
// nobody can handle. The zero value hands over one at a time and stops at the
// first failure.
type Delivery struct {
	// Batch is the number of entries that are handed over at once at most; 0
	// means 1. The events of an old record are not parted and may be more.
	Batch int

	// Retries is how often a batch is handed over again after a failure.
	Retries int

	// Backoff is the pause before the first of them, which is doubled before
	// each further one, up to a minute; 0 means 100 ms.
	Backoff time.Duration

	// Skip, when there are no retries left, puts a record aside in the table
	// skipped, with the reason, and goes on. A batch that has failed is first
	// handed over anew, record by record, so that only those go which fail
	// alone. Otherwise the failure ends the delivery.
	Skip bool
}

const maxBackoff = time.Minute

// Deliver hands the events after the position of the named subscription over, in
// order, first those that are stored, then those that come, and moves the
// position in the file when handle has returned nil. A name that is new begins
// with the oldest event that is left, and with [ErrDropped] if any was dropped for
// a snapshot; [Log.Seek] begins elsewhere.
//
// Delivery is at least once: what was handed over and not yet acknowledged when
// the process, or handle, has failed is handed over again. Nothing is left out:
// what lies after the position is not compacted, whoever owns the log. Positions
// are acknowledged in the transactions of the appends.
//
// handle must neither keep nor change the slice. Its context ends with ctx, and
// when the log is closed; if it returns nil all the same, that still counts unless
// the file is closed. No transaction is open meanwhile, so it may append to the
// log; to that of a machine, only through the machine. It is not called
// concurrently. If a name is delivered twice at the same time, each event goes to
// at least one of the two.
//
// Deliver returns when ctx ends, with its error, when the log is closed
// ([ErrClosed]) or the subscription deleted ([ErrUnsubscribed]), when handle has
// failed for good, with its error and the offset, when the position cannot be
// written, and when a record cannot be read, as a replay does.
func (l *Log[E]) Deliver(ctx context.Context, name string, d Delivery, handle func(ctx context.Context, entries []Entry[E]) error) error {
	if err := l.usable(name); err != nil {
		return err
	}
	open, end := l.whileOpen(ctx)
	defer end()
	run := delivery[E]{Delivery: d, log: l, name: name, handle: handle}
	return l.ended(ctx, run.run(open))
}

// delivery is one call of [Log.Deliver].
type delivery[E any] struct {
	Delivery
	log    *Log[E]
	name   string
	handle func(ctx context.Context, entries []Entry[E]) error

	position int64 // as it is in the file, unless somebody else has moved it
	alone    int   // so many records are next to be handed over one by one
	entries  []Entry[E]
	events   []E
	sum      checksum
}

func (d *delivery[E]) run(ctx context.Context) error {
	s := d.log.store
	if err := s.subscribe(ctx, d.name); err != nil {
		return err
	}
	defer s.watch.begin(s.db)()
	var p page
	for {
		next := s.news.next()
		err := d.read(ctx, &p)
		if err == nil {
			err = d.page(ctx, &p)
		}
		switch {
		case errors.Is(err, errMoved):
			continue
		case err != nil:
			return err
		case p.after < p.end:
			continue
		}
		if err := await(ctx, next); err != nil {
			return err
		}
	}
}

// read reads the next page and the position it begins at, of one moment.
func (d *delivery[E]) read(ctx context.Context, p *page) error {
	s := d.log.store
	return sqlitedb.View(ctx, s.db, func(rx sqlitedb.Rx) (err error) {
		if d.position, err = s.position(rx, d.name); err == nil {
			p.after = d.position
			err = s.readAfter(rx, p)
		}
		return s.namedSubscription(d.name, err)
	})
}

func (d *delivery[E]) page(ctx context.Context, p *page) error {
	for rest := p.records; len(rest) > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := d.take(ctx, rest)
		if err != nil {
			return err
		}
		if n, err = d.deliver(ctx, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// take decodes records, at least one, until the batch is full, and returns how
// many. It stops before one that cannot be read: what precedes it comes first.
func (d *delivery[E]) take(ctx context.Context, records []record) (n int, err error) {
	limit := max(d.Batch, 1)
	d.entries = d.entries[:0]
	for n < len(records) && (n == 0 || d.alone == 0 && len(d.entries) < limit) {
		r := records[n]
		d.events, err = d.log.eventsOf(ctx, d.events[:0], r, &d.sum)
		switch {
		case n > 0 && (err != nil || len(d.entries)+len(d.events) > limit):
			return n, nil
		case err != nil:
			return 0, err
		}
		for _, e := range d.events {
			d.entries = append(d.entries, entryOf(r, e))
		}
		n++
	}
	return n, nil
}

// deliver hands over what take has taken and returns how many records are done
// with.
func (d *delivery[E]) deliver(ctx context.Context, records []record) (n int, err error) {
	s, last := d.log.store, records[len(records)-1].offset
	reason := d.attempt(ctx)
	switch {
	case reason == nil:
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case !d.Skip:
		return 0, s.namedSubscription(d.name, fmt.Errorf("offset %d: %w", records[0].offset, reason))
	case len(records) > 1:
		d.alone = len(records)
		return 0, nil
	}
	// It was handled, so it is acknowledged even if ctx has ended meanwhile.
	err = s.acknowledge(context.WithoutCancel(ctx), d.name, d.position, last, reason)
	if err != nil {
		return 0, err
	}
	if reason != nil {
		s.logger().Warn("edfsm: event skipped", "subscription", d.name, "offset", last, "error", reason)
	}
	d.position = last
	d.alone = max(0, d.alone-len(records))
	return len(records), nil
}

// attempt calls handle until it succeeds, ctx ends, or no retries are left.
func (d *delivery[E]) attempt(ctx context.Context) error {
	if len(d.entries) == 0 { // of old records that stand for nothing today
		return nil
	}
	pause := cmp.Or(d.Backoff, 100*time.Millisecond)
	for left := d.Retries; ; left-- {
		err := d.handle(ctx, d.entries)
		if err == nil || left <= 0 || ctx.Err() != nil {
			return err
		}
		if err := sqlitedb.Rest(ctx, pause); err != nil {
			return err
		}
		pause = max(pause, min(2*pause, maxBackoff))
	}
}
