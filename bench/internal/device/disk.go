package device

import (
	"io/fs"
	"path"
	"strings"
)

// disk is a block device.
type disk struct {
	name       string // in /dev
	model      string
	rotational *bool
}

// diskOf finds the block device of a mount by its number, or, for file systems
// that have numbers of their own, such as btrfs, by the name of its source.
func diskOf(root fs.FS, m mount) (disk, bool) {
	for _, link := range []string{"sys/dev/block/" + m.number, "sys/class/block/" + path.Base(m.source)} {
		// The link leads to …/block/sda, or for a partition to …/block/sda/sda1.
		target, err := fs.ReadLink(root, link)
		if err != nil {
			continue
		}
		d := describe(root, path.Base(target), 0)
		if parent := path.Base(path.Dir(target)); parent != "block" {
			whole := describe(root, parent, 0)
			d.model, d.rotational = whole.model, whole.rotational
		}
		return d, true
	}
	return disk{}, false
}

// describe looks at a whole device. One that is made of others, such as an
// encrypted one, has the models of those.
func describe(root fs.FS, name string, depth int) disk {
	d := disk{name: name}
	dir := "sys/block/" + name
	switch line(root, dir+"/queue/rotational") {
	case "0":
		d.rotational = new(bool)
	case "1":
		d.rotational = new(true)
	}
	if d.model = modelOf(root, dir); d.model != "" || depth > 4 {
		return d
	}
	parts, err := fs.ReadDir(root, dir+"/slaves")
	if err != nil {
		return d
	}
	var models []string
	for _, part := range parts {
		models = append(models, describe(root, wholeOf(root, part.Name()), depth+1).model)
	}
	d.model = strings.Trim(strings.Join(models, " and "), " and")
	return d
}

// wholeOf is the device that a partition is of, or the device itself.
func wholeOf(root fs.FS, name string) string {
	target, err := fs.ReadLink(root, "sys/class/block/"+name)
	if err != nil {
		return name
	}
	if parent := path.Base(path.Dir(target)); parent != "block" {
		return parent
	}
	return name
}

// modelOf asks a device where SCSI, ATA and NVMe have their model, then where
// memory cards have it; virtio has none but is known by its driver's name.
func modelOf(root fs.FS, dir string) string {
	for _, name := range []string{"/device/model", "/device/name"} {
		if model := line(root, dir+name); model != "" {
			return model
		}
	}
	if strings.HasPrefix(line(root, dir+"/device/modalias"), "virtio:") {
		return "virtual disk (virtio)"
	}
	return ""
}
