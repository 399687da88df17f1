package natslog

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/edfsm/edfsm/machine"
)

// ErrDiffers: a log is not a copy, or the beginning of one.
var ErrDiffers = errors.New("the logs differ")

// copyBytes is after how many bytes a batch of [Copy] ends at the latest.
const copyBytes = 4 << 20

// Copy appends the events of another log, such as one of sqlitelog, and then
// reads both again and compares them: without an error they are equal. It
// returns how many there are. progress, unless nil, is told every some [MaxEvents]
// events how many were appended or found, and how many were compared.
//
// What is copied without Config.Key is never compacted. Nobody else may append to
// either log meanwhile. A copy that has ended early is taken up where it was: what
// is in the log must be what from begins with, else Copy fails with [ErrDiffers].
// Nothing is compacted while it runs; so that nothing is between two runs, open
// the log with a HighWater above what there is to copy.
func Copy[E any](ctx context.Context, to *Log[E], from machine.Feed[E], progress func(copied, compared int)) (n int, err error) {
	if progress == nil {
		progress = func(int, int) {}
	}
	defer to.store.replays.begin(0)()
	c := copying[E]{to: to, progress: progress}
	if err := c.append(ctx, from); err != nil {
		return c.copied, err
	}
	if err := c.compare(ctx, from); err != nil {
		return c.copied, err
	}
	return c.copied, nil
}

// copying is one call of [Copy].
type copying[E any] struct {
	to       *Log[E]
	progress func(copied, compared int)
	copied   int

	batch []E
	size  int // of the batch in bytes
	a, b  []byte
}

// append passes over the events that are there already and appends the others.
func (c *copying[E]) append(ctx context.Context, from machine.Feed[E]) error {
	there, stop := iter.Pull2(c.to.Feed(ctx))
	defer stop()
	more := true
	for e, err := range from.Feed(ctx) {
		if err != nil {
			return err
		}
		var old E
		if more {
			old, err, more = there()
		}
		switch {
		case err != nil:
			return err
		case more:
			err = c.found(e, old)
		default:
			err = c.add(ctx, e)
		}
		if err != nil {
			return err
		}
	}
	if more {
		if _, err, more := there(); more {
			return cmp.Or(err, fmt.Errorf("%w: one ends after %d events", ErrDiffers, c.copied))
		}
	}
	return c.flush(ctx)
}

// found counts an event that is there already, if it is the same.
func (c *copying[E]) found(source, copied E) error {
	if err := c.same(source, copied); err != nil {
		return err
	}
	if c.copied++; c.copied%MaxEvents == 0 {
		c.progress(c.copied, 0)
	}
	return nil
}

// add puts an event into the batch, which is appended when it is full.
func (c *copying[E]) add(ctx context.Context, e E) (err error) {
	if c.a, err = c.to.cfg.Codec.Append(c.a[:0], e); err != nil {
		return err
	}
	if len(c.batch) == MaxEvents || c.size+len(c.a) > copyBytes {
		if err := c.flush(ctx); err != nil {
			return err
		}
	}
	c.batch, c.size = append(c.batch, e), c.size+len(c.a)
	return nil
}

func (c *copying[E]) flush(ctx context.Context) error {
	if err := c.to.Notify(ctx, c.batch); err != nil {
		return err
	}
	c.copied += len(c.batch)
	c.batch, c.size = c.batch[:0], 0
	c.progress(c.copied, 0)
	return nil
}

// compare reads both logs from the beginning.
func (c *copying[E]) compare(ctx context.Context, from machine.Feed[E]) error {
	there, stop := iter.Pull2(from.Feed(ctx))
	defer stop()
	n := 0
	for e, err := range c.to.Feed(ctx) {
		if err != nil {
			return err
		}
		source, err, more := there()
		if err != nil {
			return err
		}
		if !more {
			return fmt.Errorf("%w: the source ends after %d events", ErrDiffers, n)
		}
		if err := c.same(source, e); err != nil {
			return err
		}
		if n++; n%MaxEvents == 0 {
			c.progress(c.copied, n)
		}
	}
	if _, err, more := there(); more {
		return cmp.Or(err, fmt.Errorf("%w: the copy ends after %d events", ErrDiffers, n))
	}
	c.progress(c.copied, n)
	return nil
}

// same compares two events as the log's codec writes them.
func (c *copying[E]) same(source, copied E) (err error) {
	if c.a, err = c.to.cfg.Codec.Append(c.a[:0], source); err != nil {
		return err
	}
	if c.b, err = c.to.cfg.Codec.Append(c.b[:0], copied); err != nil {
		return err
	}
	if !bytes.Equal(c.a, c.b) {
		return fmt.Errorf("%w: %q was to be a copy of %q", ErrDiffers, c.b, c.a)
	}
	return nil
}
