package suite

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/edfsm/edfsm/bench/internal/device"
	"zombiezen.com/go/sqlite"
)

func TestUsable(t *testing.T) {
	memory := device.Info{FileSystem: "tmpfs", Mount: "/dev/shm", Unreal: "memory"}
	if err := (Scale{}).Usable("here", memory, false); err == nil || !strings.Contains(err.Error(), "-force") {
		t.Errorf("memory is measured: %v", err)
	}
	if err := (Scale{}).Usable(t.TempDir(), memory, true); err != nil {
		t.Errorf("with -force: %v", err)
	}
	if _, known := device.Free(t.TempDir()); known {
		for _, insists := range []bool{false, true} {
			if err := (Scale{Room: 1 << 60}).Usable(t.TempDir(), device.Info{}, insists); err == nil || !strings.Contains(err.Error(), "room") {
				t.Errorf("a disk without room is measured: %v", err)
			}
		}
	}
}

// The error of a full disk says so, and keeps what was done at the time.
func TestFullDiskIsExplained(t *testing.T) {
	full := fmt.Errorf("append: sqlite: %w", sqlite.ResultFull.ToError())
	for _, err := range []error{full, fmt.Errorf("device: %w", syscall.ENOSPC), errors.Join(full, errors.New("close"))} {
		got := Explain(t.Context(), "here", err)
		if !strings.HasPrefix(got.Error(), "no room left in here: ") || !errors.Is(got, err) {
			t.Errorf("%v became %v", err, got)
		}
	}
	other := errors.New("sqlite: broken")
	if got := Explain(t.Context(), "here", other); got != other {
		t.Errorf("another error became %v", got)
	}
}
