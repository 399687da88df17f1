package device

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// mount is a line of /proc/self/mountinfo.
type mount struct {
	number string // major:minor of the device
	point  string
	kind   string // of the file system
	source string
	upper  string // of an overlay, the folder that is written to
}

// mountOf finds the mount that a folder is on: of those above it the longest,
// and of those in the same place the last, which covers the others.
func mountOf(mountinfo []byte, dir string) (found mount, err error) {
	for line := range bytes.Lines(mountinfo) {
		m, ok := parseMount(string(line))
		if ok && within(dir, m.point) && len(m.point) >= len(found.point) {
			found = m
		}
	}
	if found.point == "" {
		return found, fmt.Errorf("no mount for %s in /proc/self/mountinfo", dir)
	}
	return found, nil
}

// parseMount reads what proc(5) describes: after six fields come optional ones,
// and after a dash the type, the source and the options.
func parseMount(line string) (m mount, ok bool) {
	before, after, ok := strings.Cut(line, " - ")
	left, right := strings.Fields(before), strings.Fields(after)
	if !ok || len(left) < 6 || len(right) < 2 {
		return m, false
	}
	m = mount{number: left[2], point: unescape(left[4]), kind: right[0], source: unescape(right[1])}
	if len(right) > 2 {
		for option := range strings.SplitSeq(right[2], ",") {
			if upper, ok := strings.CutPrefix(option, "upperdir="); ok {
				m.upper = unescape(upper)
			}
		}
	}
	return m, true
}

// unescape undoes what mountinfo does to white space and backslashes.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace

func within(dir, point string) bool {
	return dir == point || point == "/" || strings.HasPrefix(dir, point+"/")
}

// nameLinux fills in what /proc and /sys tell of a folder, which is absolute
// and without symbolic links. root is the folder / .
func (i *Info) nameLinux(root fs.FS, dir string) error {
	mountinfo, err := fs.ReadFile(root, "proc/self/mountinfo")
	if err != nil {
		return err
	}
	m, err := mountOf(mountinfo, dir)
	if err != nil {
		return err
	}
	i.FileSystem, i.Mount = m.kind, m.point
	if m.kind == "overlay" {
		m = below(mountinfo, m)
	}
	disk, ok := diskOf(root, m)
	if ok {
		i.Block = "/dev/" + disk.name
		i.Model, i.Rotational = disk.model, disk.rotational
	}
	switch i.FileSystem {
	case "tmpfs", "ramfs":
		i.Unreal = "memory"
	case "overlay":
		if !ok {
			i.Unreal = "no device is known behind it"
		}
	}
	i.System = "Linux " + line(root, "proc/sys/kernel/osrelease")
	i.CPU = cpu(root)
	i.Load, _, _ = strings.Cut(line(root, "proc/loadavg"), " ")
	return nil
}

// below is the mount that an overlay writes to, if it is to be seen: in a
// container it mostly is not, and the path leads to the overlay again.
func below(mountinfo []byte, overlay mount) mount {
	if overlay.upper == "" {
		return overlay
	}
	m, err := mountOf(mountinfo, path.Clean(overlay.upper))
	if err != nil {
		return overlay
	}
	return m
}

// cpu is the model of the processors, "" where /proc does not say it.
func cpu(root fs.FS) string {
	text, err := fs.ReadFile(root, "proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(name) {
		case "model name", "Model", "Hardware":
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// line is a file of one line, "" if there is none.
func line(root fs.FS, name string) string {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
