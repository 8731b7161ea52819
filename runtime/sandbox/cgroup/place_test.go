package cgroup_test

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/segue-run/segue/runtime/sandbox/cgroup"
)

func TestTheOwnGroupsAreFoundWhereTheyAreMounted(t *testing.T) {
	for _, c := range []struct {
		name, cgroup, mountinfo string
		want                    map[string]string
	}{
		{
			"version 1, controllers together and apart",
			"5:cpu,cpuacct:/a\n4:memory:/b/c\n1:name=systemd:/d\n",
			"31 1 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n" +
				"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n" +
				"33 31 0:30 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n",
			map[string]string{"1 cpu": "/sys/fs/cgroup/cpu,cpuacct/a", "1 cpuacct": "/sys/fs/cgroup/cpu,cpuacct/a", "1 memory": "/sys/fs/cgroup/memory/b/c"},
		},
		{
			"version 2 alone, at a place with a space",
			"0::/system.slice/segue.service\n",
			"30 23 0:26 / /mnt/control\\040groups rw - cgroup2 cgroup2 rw,nsdelegate\n",
			map[string]string{"2": "/mnt/control groups/system.slice/segue.service"},
		},
		{
			"a container that sees its own group only",
			"0::/docker/0a/inner\n",
			"30 23 0:26 /docker/0a /sys/fs/cgroup rw - cgroup2 cgroup rw\n",
			map[string]string{"2": "/sys/fs/cgroup/inner"},
		},
		{
			"a group that is not seen from here",
			"0::/docker/0ab\n",
			"30 23 0:26 /docker/0a /sys/fs/cgroup rw - cgroup2 cgroup rw\n",
			map[string]string{},
		},
		{"nothing mounted", "0::/\n", "1 1 0:1 / / rw - ext4 /dev/vda rw\n", map[string]string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{"cgroup": c.cgroup, "mountinfo": c.mountinfo} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			found, err := cgroup.Places(dir)
			if err != nil || !maps.Equal(found, c.want) {
				t.Errorf("found %v, %v", found, err)
			}
		})
	}
}
