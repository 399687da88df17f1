//go:build !unix

package sqlitedb

import (
	"errors"
	"os"
)

var errAttribute = errors.New("it has the attribute read-only")

// mayWrite tells whether a file may be written, as far as its attributes tell.
func mayWrite(name string) error {
	info, err := os.Stat(name)
	if err == nil && info.Mode().Perm()&0o200 == 0 {
		err = errAttribute
	}
	return err
}
