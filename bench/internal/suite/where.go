package suite

import (
	"context"
	"errors"
	"fmt"

	"github.com/edfsm/edfsm/bench/internal/device"
)

// Usable says why a folder is not to be measured. Whoever insists may measure
// where figures mean nothing, but not where a run has no room.
func (s Scale) Usable(dir string, info device.Info, insists bool) error {
	if info.Unreal != "" && !insists {
		return fmt.Errorf("%s is on %s, where figures mean nothing (%s): give -dir a folder on a disk, or use -force", dir, info.FileSystem, info.Unreal)
	}
	if free, ok := device.Free(dir); ok && free < s.Room {
		return fmt.Errorf("%s has room for %d MB, and a run may take %d MB", dir, free>>20, s.Room>>20)
	}
	return nil
}

// Explain is the error of a run in a folder for whoever started it.
func Explain(ctx context.Context, dir string, err error) error {
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted")
	case isFull(err):
		return fmt.Errorf("no room left in %s: %w", dir, err)
	}
	return err
}
