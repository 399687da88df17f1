// Package device says what a benchmark runs on, and how fast that is without
// anything on top.
package device

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
)

// Info is the device and the computer around it. What the system does not tell
// is empty.
type Info struct {
	FileSystem string `json:"file_system"` // its type, such as ext4
	Mount      string `json:"mount"`
	Block      string `json:"block_device"` // such as /dev/nvme0n1p2
	Model      string `json:"model"`
	Rotational *bool  `json:"rotational"`       // nil: not known
	Unreal     string `json:"unreal,omitempty"` // why figures of it mean nothing

	System     string    `json:"system"` // the kernel
	CPU        string    `json:"cpu"`
	Cores      int       `json:"cores"`
	Go         string    `json:"go"`
	SQLite     string    `json:"sqlite"`
	Durability string    `json:"durability"`
	Date       time.Time `json:"date"`
	Quick      bool      `json:"quick"`        // a short run, whose figures are rough
	Load       string    `json:"load_average"` // of the minute before the run: what else the computer does

	Speed Speed `json:"speed"`
}

// Speed is what the device can do.
type Speed struct {
	Append    Sync `json:"append"`    // 4 KiB at the end of a file, and a sync
	Overwrite Sync `json:"overwrite"` // 4 KiB in a file that does not grow, and a sync

	WriteMBs   float64 `json:"write_mb_per_s"` // one file from its beginning to its end, and a sync
	ReadMBs    float64 `json:"read_mb_per_s"`
	ReadCached bool    `json:"read_cached"` // the system would not read past its memory
}

// Sync is how long a durable write takes, in ms.
type Sync struct {
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
}

// software fills in what is the same on all systems.
func (i *Info) software() {
	i.Cores = runtime.NumCPU()
	i.Go = runtime.Version()
	i.SQLite = sqlite.Version
	i.Durability = "WAL, synchronous=FULL: each commit is synced"
	if i.System == "" {
		i.System = runtime.GOOS
	}
	if i.CPU == "" {
		i.CPU = runtime.GOARCH
	}
}

// Line names everything in one line.
func (i Info) Line() string {
	return strings.Join([]string{
		i.disk(), i.System, fmt.Sprintf("%s, %d cores", i.CPU, i.Cores), i.Go, "SQLite " + i.SQLite + ", " + i.Durability,
	}, "; ")
}

func (i Info) disk() string {
	if i.FileSystem == "" {
		return "unknown file system"
	}
	s := i.FileSystem + " on " + i.Mount
	switch {
	case i.Unreal != "":
		return "NOT A DISK: " + s + " (" + i.Unreal + ")"
	case i.Block == "":
		return s + " (no block device)"
	}
	s += " (" + i.Block + ", "
	if i.Model == "" {
		s += "of no known model"
	} else {
		s += i.Model
	}
	switch {
	case i.Rotational == nil:
	case *i.Rotational:
		s += ", said to rotate"
	default:
		s += ", said not to rotate"
	}
	return s + ")"
}

// Text is the first lines of a report.
func (i Info) Text() string {
	run := "full run"
	if i.Quick {
		run = "quick run: rough figures"
	}
	if i.Load != "" {
		run += ", load average before it " + i.Load
	}
	cached := ""
	if i.Speed.ReadCached {
		cached = " from memory"
	}
	s := i.Speed
	return fmt.Sprintf(`%s
%s, %s

DEVICE
  4 KiB appended and synced     p50 %.3f ms  p99 %.3f ms
  4 KiB overwritten and synced  p50 %.3f ms  p99 %.3f ms
  written in sequence           %.0f MB/s
  read in sequence              %.0f MB/s%s
`, i.Line(), i.Date.Format("2006-01-02 15:04"), run, s.Append.P50, s.Append.P99, s.Overwrite.P50, s.Overwrite.P99, s.WriteMBs, s.ReadMBs, cached)
}
