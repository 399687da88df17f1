package sqlitedb

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Size returns how many bytes the file and its WAL take on the disk. Of a
// database in memory it is the size of that.
func Size(ctx context.Context, db *DB) (file, wal int64, err error) {
	if !filepath.IsAbs(db.name) {
		err = View(ctx, db, func(rx Rx) error {
			file, _, err = rx.Int("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
			return err
		})
		return file, 0, err
	}
	name, err := filepath.EvalSymlinks(db.name) // the WAL is beside the file itself
	if err != nil {
		return 0, 0, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return 0, 0, err
	}
	beside, err := os.Stat(name + walSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return info.Size(), 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	return info.Size(), beside.Size(), nil
}
