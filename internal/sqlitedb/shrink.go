package sqlitedb

import (
	"context"
	"time"
)

// shrinkStep is the number of pages given back in one transaction: some 1 ms.
const shrinkStep = "PRAGMA incremental_vacuum(64)"

// Shrink gives free pages back to the file system, in small steps that share
// the transactions of others, until at most keep, as a share of the file, is
// free. At the end the WAL is copied back, and then the file is shorter; where a
// reader holds that up, or it is left to somebody else, a later checkpoint makes
// it so.
func Shrink(ctx context.Context, db *DB, keep float64) error {
	shorter := false
	for more := true; more; {
		start := time.Now()
		err := Update(ctx, db, func(tx Tx) error {
			free, _, err := tx.Int("PRAGMA freelist_count")
			if err != nil {
				return err
			}
			pages, _, err := tx.Int("PRAGMA page_count")
			if err != nil {
				return err
			}
			if more = free > int64(keep*float64(pages)); !more {
				return nil
			}
			if err := tx.Exec(shrinkStep); err != nil {
				return err
			}
			left, _, err := tx.Int("PRAGMA freelist_count")
			more = left < free // else the file was made without auto_vacuum
			return err
		})
		if err != nil {
			return err
		}
		shorter = shorter || more
		if err := Rest(ctx, time.Since(start)); err != nil {
			return err
		}
	}
	if !shorter {
		return nil
	}
	return db.checkpointNow(ctx)
}

// Rest leaves the writer to others for a while.
func Rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
