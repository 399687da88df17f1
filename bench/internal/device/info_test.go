package device

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

// computer is /proc and /sys of a computer with several disks.
func computer() fstest.MapFS {
	root := fstest.MapFS{}
	file := func(name, text string) { root[name] = &fstest.MapFile{Data: []byte(text + "\n")} }
	link := func(name, target string) {
		root[name] = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
	}
	file("proc/self/mountinfo", strings.TrimSpace(`
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
30 27 8:17 / /data rw,noatime shared:7 master:2 - xfs /dev/sdb1 rw
31 30 0:44 / /data/in\040memory rw - tmpfs tmpfs rw,size=1024k
32 27 259:2 / /fast rw - ext4 /dev/nvme0n1p2 rw
33 27 252:1 / /secret rw - ext4 /dev/mapper/secret rw
34 27 0:50 /@home /home rw - btrfs /dev/nvme0n1p2 rw,subvol=/@home
35 27 0:51 / /box rw - overlay overlay rw,lowerdir=/l,upperdir=/var/lib/box/upper,workdir=/w
36 27 0:52 / /lost rw - overlay overlay rw,lowerdir=/l,upperdir=/lost/upper,workdir=/w
37 27 0:53 / /net rw - nfs4 server:/export rw
38 27 0:54 / /ram rw - ramfs ramfs rw
39 27 8:17 / /twice rw - xfs /dev/sdb1 rw
40 39 0:55 / /twice rw - tmpfs tmpfs rw
41 27 179:1 / /card rw - ext4 /dev/mmcblk0p1 rw
this line is not one of a mount
`))
	file("proc/sys/kernel/osrelease", "6.18.44")
	file("proc/loadavg", "0.25 1.50 2.00 1/100 4242")
	file("proc/cpuinfo", "processor\t: 0\nmodel\t\t: 1\nmodel name\t: Fast 9000\nprocessor\t: 1\nmodel name\t: Fast 9000")

	link("sys/dev/block/254:0", "../../devices/pci0000:00/0000:00:02.0/virtio1/block/vda")
	file("sys/block/vda/queue/rotational", "1")
	file("sys/block/vda/device/modalias", "virtio:d00000002v00001AF4")

	link("sys/dev/block/8:17", "../../devices/pci0000:00/ata1/host0/block/sdb/sdb1")
	file("sys/block/sdb/queue/rotational", "1")
	file("sys/block/sdb/device/model", "SPINNING RUST   ")

	link("sys/dev/block/259:2", "../../devices/pci0000:00/nvme/nvme0/block/nvme0n1/nvme0n1p2")
	link("sys/class/block/nvme0n1p2", "../../devices/pci0000:00/nvme/nvme0/block/nvme0n1/nvme0n1p2")
	link("sys/class/block/sdb1", "../../devices/pci0000:00/ata1/host0/block/sdb/sdb1")
	file("sys/block/nvme0n1/queue/rotational", "0")
	file("sys/block/nvme0n1/device/model", "Flash 980")

	link("sys/dev/block/252:1", "../../devices/virtual/block/dm-1")
	file("sys/block/dm-1/queue/rotational", "0")
	file("sys/block/dm-1/slaves/nvme0n1p2/partition", "2")
	file("sys/block/dm-1/slaves/sdb1/partition", "1")

	link("sys/dev/block/179:1", "../../devices/platform/mmc/block/mmcblk0/mmcblk0p1")
	file("sys/block/mmcblk0/device/name", "SD32G")
	return root
}

func TestName(t *testing.T) {
	for _, c := range []struct{ dir, want string }{
		{"/", "ext4 on / (/dev/vda, virtual disk (virtio), said to rotate)"},
		{"/database", "ext4 on / (/dev/vda, virtual disk (virtio), said to rotate)"},
		{"/data", "xfs on /data (/dev/sdb1, SPINNING RUST, said to rotate)"},
		{"/data/deep/down", "xfs on /data (/dev/sdb1, SPINNING RUST, said to rotate)"},
		{"/data/in memory/x", "NOT A DISK: tmpfs on /data/in memory (memory)"},
		{"/ram", "NOT A DISK: ramfs on /ram (memory)"},
		{"/fast", "ext4 on /fast (/dev/nvme0n1p2, Flash 980, said not to rotate)"},
		{"/secret", "ext4 on /secret (/dev/dm-1, Flash 980 and SPINNING RUST, said not to rotate)"},
		{"/home/me", "btrfs on /home (/dev/nvme0n1p2, Flash 980, said not to rotate)"},
		{"/box", "overlay on /box (/dev/vda, virtual disk (virtio), said to rotate)"},
		{"/lost", "NOT A DISK: overlay on /lost (no device is known behind it)"},
		{"/net", "nfs4 on /net (no block device)"},
		{"/twice", "NOT A DISK: tmpfs on /twice (memory)"},
		{"/card", "ext4 on /card (/dev/mmcblk0p1, SD32G)"},
	} {
		var i Info
		if err := i.nameLinux(computer(), c.dir); err != nil {
			t.Errorf("%s: %v", c.dir, err)
		}
		if got := i.disk(); got != c.want {
			t.Errorf("%s is %s\nwant %s", c.dir, got, c.want)
		}
		if i.System != "Linux 6.18.44" || i.CPU != "Fast 9000" || i.Load != "0.25" {
			t.Errorf("the system is %q, the CPU %q, the load %q", i.System, i.CPU, i.Load)
		}
	}
}

// Computers without some of the files are named as far as they go.
func TestNameOfLittle(t *testing.T) {
	root := fstest.MapFS{"proc/self/mountinfo": {Data: []byte("27 1 254:0 / / rw - ext4 /dev/vda rw\n")}}
	var i Info
	if err := i.nameLinux(root, "/"); err != nil {
		t.Fatal(err)
	}
	i.software()
	if got := i.Line(); !strings.HasPrefix(got, "ext4 on / (no block device); Linux") {
		t.Errorf("it is %s", got)
	}
	if strings.ContainsAny(i.Line(), "\n") {
		t.Errorf("%q is more than one line", i.Line())
	}

	if err := i.nameLinux(fstest.MapFS{}, "/"); err == nil {
		t.Error("without /proc there is no error")
	}
	root["proc/self/mountinfo"].Data = []byte("27 1 254:0 / /elsewhere rw - ext4 /dev/vda rw\n")
	if err := i.nameLinux(root, "/here"); err == nil {
		t.Error("a folder on no mount has a name")
	}
}

func TestNameHere(t *testing.T) {
	i, err := Name(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if i.Cores < 1 || i.Go == "" || i.SQLite == "" || i.Durability == "" || i.CPU == "" || i.System == "" {
		t.Errorf("something is not named: %+v", i)
	}
	if _, err := Name(t.TempDir() + "/missing"); err == nil {
		t.Error("a folder that is not there has a name")
	}
}
