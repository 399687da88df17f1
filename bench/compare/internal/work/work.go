// Package work is what bench measures, done beside it by what people would pick
// instead.
package work

import (
	"errors"
	"os"

	"github.com/edfsm/edfsm/bench/internal/suite"
)

// in calls f with a new folder, which is deleted afterwards.
func in(r *suite.Run, f func(dir string) error) error {
	dir, err := os.MkdirTemp(r.Dir, "")
	if err != nil {
		return err
	}
	return errors.Join(f(dir), os.RemoveAll(dir))
}
