package device

import (
	"errors"
	"os"
	"syscall"
)

// syncData is the sync that SQLite does: without the times of the file.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

// openDirect opens a file to be read past the system's memory, if it lets one.
func openDirect(name string) (f *os.File, direct bool, err error) {
	f, err = os.OpenFile(name, os.O_RDONLY|syscall.O_DIRECT, 0)
	if errors.Is(err, syscall.EINVAL) {
		f, err = os.Open(name)
		return f, false, err
	}
	return f, true, err
}

// Free is how many bytes may still be written where a folder is; false if the
// system does not tell.
func Free(dir string) (bytes int64, ok bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}
