package suite

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/edfsm/edfsm/sqlitelog"
)

// fill makes a log of so many events in a new file.
func fill[E any](ctx context.Context, path string, cfg sqlitelog.Config[E], events int, at func(n int) E) (err error) {
	log, err := sqlitelog.Open(ctx, path, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	return fillOpen(ctx, log, 0, events, at)
}

// fillOpen appends the events from one number to another, which is not included.
func fillOpen[E any](ctx context.Context, log *sqlitelog.Log[E], from, to int, at func(n int) E) error {
	const most = 10_000
	batch := make([]E, 0, most)
	for n := from; n < to; n++ {
		batch = append(batch, at(n))
		if len(batch) < most && n+1 < to {
			continue
		}
		if err := log.Notify(ctx, batch); err != nil {
			return err
		}
		batch = batch[:0]
	}
	return nil
}

// copyFile copies a database that nobody has open.
func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
