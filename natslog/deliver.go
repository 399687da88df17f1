package natslog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// Delivery says how events are handed over. The zero value hands over one at a
// time and stops at the first failure.
type Delivery struct {
	// Batch is the number of entries that are handed over at once at most; 0
	// means 1. The events of an old record are not parted and may be more.
	Batch int

	// Retries is how often a batch is handed over again after a failure.
	Retries int

	// Backoff is the pause before the first of them, which is doubled before
	// each further one, up to a minute; 0 means 100 ms.
	Backoff time.Duration
}

const maxBackoff = time.Minute

// Deliver hands the events after the position of the named subscription over, in
// order, first those that are stored, then those that come, and moves the
// position in the stream when handle has returned nil. A name that is new begins
// with the oldest event that is left; [Log.Seek] begins elsewhere.
//
// Delivery is at least once: what was handed over and not yet acknowledged when
// the process, or handle, has failed is handed over again. Nothing is left out:
// what lies after the position is not compacted, whoever owns the log. Each
// acknowledgement is a write to the stream; Batch makes them fewer.
//
// handle must neither keep nor change the slice. Its context ends with ctx, and
// when the log is closed; if it returns nil all the same, that still counts. It
// is not called concurrently, and may append to the log; to that of a machine,
// only through the machine. If a name is delivered twice at the same time, each
// event goes to at least one of the two. What this handle appends is seen at
// once, what others append within some 250 ms.
//
// Deliver returns when ctx ends, with its error, when the log is closed
// ([ErrClosed]) or the subscription deleted ([ErrUnsubscribed]), when handle has
// failed for good, with its error and the offset, when the position cannot be
// written, and when a record cannot be read.
func (l *Log[E]) Deliver(ctx context.Context, name string, d Delivery, handle func(ctx context.Context, entries []Entry[E]) error) error {
	if err := l.usable(name); err != nil {
		return err
	}
	open, end := context.WithCancel(ctx)
	defer end()
	defer context.AfterFunc(l.open, end)()
	run := delivery[E]{Delivery: d, log: l, handle: handle}
	run.position.Name = name
	err := run.run(open)
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return ctx.Err()
	case l.open.Err() != nil && errors.Is(err, context.Canceled):
		return l.store.named(ErrClosed)
	}
	return err
}

// delivery is one call of [Log.Deliver].
type delivery[E any] struct {
	Delivery
	log    *Log[E]
	handle func(ctx context.Context, entries []Entry[E]) error

	position position // as it is in the stream, unless somebody else has moved it
	entries  []Entry[E]
	events   []E
}

func (d *delivery[E]) run(ctx context.Context) error {
	s, name := d.log.store, d.position.Name
	if err := s.subscribe(ctx, name); err != nil {
		return s.namedSubscription(name, err)
	}
	passed := int64(0) // nothing between the position and here is an event
	for {
		next := s.news.next()
		position, err := s.position(ctx, name)
		if err != nil {
			return s.namedSubscription(name, err)
		}
		if position.offset != d.position.offset {
			passed = 0 // somebody else has moved it
		}
		d.position = position
		page, _, err := s.stream.page(ctx, s.events, max(position.After, passed), pageRecords)
		if err != nil {
			return s.namedSubscription(name, err)
		}
		given, err := d.page(ctx, page)
		switch {
		case errors.Is(err, errMoved), err == nil && given:
			continue
		case err != nil:
			return err
		case len(page) > 0:
			passed = page[len(page)-1].offset
			continue
		}
		if err := await(ctx, next); err != nil {
			return err
		}
	}
}

// page hands the events of a page over, if there are any.
func (d *delivery[E]) page(ctx context.Context, rest []record) (given bool, err error) {
	for len(rest) > 0 {
		if err := ctx.Err(); err != nil {
			return given, err
		}
		n, err := d.take(rest)
		if err != nil {
			return given, err
		}
		if len(d.entries) == 0 {
			return given, nil // openings at the end of the log: they are not worth a write
		}
		if err := d.deliver(ctx, rest[:n]); err != nil {
			return given, err
		}
		given, rest = true, rest[n:]
	}
	return given, nil
}

// take decodes records until the batch is full, and returns how many. It stops
// before one that cannot be read: what precedes it comes first.
func (d *delivery[E]) take(records []record) (n int, err error) {
	limit := max(d.Batch, 1)
	d.entries = d.entries[:0]
	for n < len(records) && len(d.entries) < limit {
		r := records[n]
		d.events = d.events[:0]
		if r.kind == "" {
			d.events, err = d.log.decode(d.events, r)
		}
		switch {
		case len(d.entries) > 0 && (err != nil || len(d.entries)+len(d.events) > limit):
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

// deliver hands over what take has taken, and acknowledges it.
func (d *delivery[E]) deliver(ctx context.Context, records []record) error {
	s, last := d.log.store, records[len(records)-1].offset
	if err := d.attempt(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return s.namedSubscription(d.position.Name, fmt.Errorf("offset %d: %w", d.entries[0].Offset, err))
	}
	d.position.After = last
	// It was handled, so it is acknowledged even if ctx has ended meanwhile.
	err := s.move(context.WithoutCancel(ctx), &d.position)
	if errors.Is(err, errMoved) {
		return err
	}
	return s.namedSubscription(d.position.Name, err)
}

// attempt calls handle until it succeeds, ctx ends, or no retries are left.
func (d *delivery[E]) attempt(ctx context.Context) error {
	pause := cmp.Or(d.Backoff, 100*time.Millisecond)
	for left := d.Retries; ; left-- {
		err := d.handle(ctx, d.entries)
		if err == nil || left <= 0 || ctx.Err() != nil {
			return err
		}
		if err := rest(ctx, pause); err != nil {
			return err
		}
		pause = max(pause, min(2*pause, maxBackoff))
	}
}
