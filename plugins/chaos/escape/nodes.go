package main

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/plugins/chaos/escape/attack"
)

// opens opens a file for reading and closes it.
func opens(path string, flags int) error {
	f, err := os.OpenFile(path, flags|unix.O_NONBLOCK, 0)
	if err == nil {
		_ = f.Close()
	}
	return err
}

// makeNode makes the machine's first disk again, in its own folder.
func makeNode(target) verdict {
	path := own("disk")
	defer os.Remove(path)
	var steps []step
	for _, major := range []uint32{8, 253, 254, 259} {
		steps = append(steps, step{fmt.Sprintf("mknod b %d 0", major), func() error {
			_ = os.Remove(path)
			if err := unix.Mknod(path, unix.S_IFBLK|0o600, int(unix.Mkdev(major, 0))); err != nil {
				return err
			}
			return opens(path, os.O_RDONLY)
		}})
	}
	return each(steps...)
}

func openDevices(target) verdict {
	var steps []step
	for _, path := range []string{"/dev/mem", "/dev/kmsg", "/dev/port", "/dev/sda", "/dev/vda", "/dev/nvme0n1", "/dev/kvm", "/dev/fuse", "/dev/net/tun", "/proc/kcore", "/sys/kernel/debug"} {
		steps = append(steps, step{"open " + path, func() error { return opens(path, os.O_RDONLY) }})
	}
	return each(steps...)
}

// openByHandle guesses the handle of the root folder, inode 2, of the file system that
// its data is on.
func openByHandle(target) verdict {
	dir, err := os.Open(own("."))
	if err != nil {
		return stopped("open: %v", err)
	}
	defer dir.Close()
	var steps []step
	for _, inode := range []uint32{2, 128, 256} {
		handle := unix.NewFileHandle(1, []byte{byte(inode), byte(inode >> 8), 0, 0, 0, 0, 0, 0})
		steps = append(steps, step{fmt.Sprintf("open_by_handle_at inode %d", inode), func() error {
			fd, err := unix.OpenByHandleAt(int(dir.Fd()), handle, unix.O_RDONLY)
			if err == nil {
				_ = unix.Close(fd)
			}
			if err == unix.ESTALE { // it may, and there is no such inode
				return nil
			}
			return err
		}})
	}
	return each(steps...)
}

// walkDescriptors climbs from every folder that it has open.
func walkDescriptors(target) verdict {
	var steps []step
	for fd := 3; fd < 16; fd++ {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
			continue
		}
		for _, path := range []string{"..", "../..", "../../..", "../../../../../../../../etc/passwd"} {
			steps = append(steps, step{fmt.Sprintf("open %d/%s", fd, path), func() error {
				got, err := unix.Openat(fd, path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
				if err != nil {
					return err
				}
				f := os.NewFile(uintptr(got), path)
				defer f.Close()
				_, err = f.Readdirnames(1)
				return err
			}}, step{fmt.Sprintf("open /proc/self/fd/%d/%s", fd, path), func() error {
				_, err := os.ReadDir(fmt.Sprintf("/proc/self/fd/%d/%s", fd, path))
				return err
			}})
		}
	}
	if len(steps) == 0 {
		return stopped("no folder is open")
	}
	return each(steps...)
}

func writeArtifact(t target) verdict {
	beside := filepath.Join(filepath.Dir(t.Get(attack.Artifact)), "escaped")
	defer os.Remove(beside)
	return each(
		step{"open /proc/self/exe", func() error { return opens("/proc/self/exe", os.O_RDWR) }},
		step{"open the artifact", func() error { return opens(t.Get(attack.Artifact), os.O_RDWR) }},
		step{"write beside it", func() error { return os.WriteFile(beside, nil, 0o600) }},
		step{"link it", func() error { return os.Link(t.Get(attack.Artifact), beside) }},
	)
}

func leaveCgroup(target) verdict {
	pid := fmt.Sprint(os.Getpid())
	var steps []step
	for _, path := range []string{"/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory/cgroup.procs", "/sys/fs/cgroup/pids/cgroup.procs", "/sys/fs/cgroup/unified/cgroup.procs"} {
		steps = append(steps, step{"write " + path, func() error { return os.WriteFile(path, []byte(pid), 0) }})
	}
	return each(steps...)
}

func changeOOMScore(target) verdict {
	return failed("write /proc/self/oom_score_adj", os.WriteFile("/proc/self/oom_score_adj", []byte("-1000"), 0))
}
