package measure

import (
	"bytes"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
)

// Peak is by how many MiB the process grows while f runs, at its greatest;
// not known where the system does not tell.
func Peak(f func() error) (mib float64, known bool, err error) {
	debug.FreeOSMemory()
	reset := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // the peak begins anew
	before, errBefore := status("VmRSS")
	err = f()
	peak, errPeak := status("VmHWM")
	known = reset == nil && errBefore == nil && errPeak == nil
	return max(0, peak-before) / 1024, known, err
}

// status is a line of /proc/self/status, in KiB.
func status(name string) (kib float64, err error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(text) {
		if value, ok := bytes.CutPrefix(line, []byte(name+":")); ok {
			return strconv.ParseFloat(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(value), []byte("kB")))), 64)
		}
	}
	return 0, fmt.Errorf("no %s in /proc/self/status", name)
}
