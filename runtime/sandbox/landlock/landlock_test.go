package landlock_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/sandbox/landlock"
)

// nobody is the ordinary user that root's tests are made as, too.
const nobody = 65534

func users() []int {
	if os.Getuid() == 0 {
		return []int{0, nobody}
	}
	return []int{os.Getuid()}
}

// makeYard makes the folders that the child tries to reach; all are uid's, so that
// nothing but Landlock is in the way.
func makeYard(t *testing.T, uid int) string {
	t.Helper()
	yard := t.TempDir()
	must(t, os.Chmod(filepath.Dir(yard), 0o755))
	program, err := os.ReadFile(nothing)
	must(t, err)
	for _, dir := range []string{"own", "second", "folder", "listed", "single", "foreign", "bin"} {
		must(t, os.Mkdir(filepath.Join(yard, dir), 0o755))
	}
	for _, name := range []string{
		"own/file", "own/a", "own/c", "own/d", "own/f", "listed/file", "listed/long", "single/file",
		"single/other", "foreign/file", "foreign/long",
	} {
		must(t, os.WriteFile(filepath.Join(yard, name), []byte("some words"), 0o644))
	}
	for _, name := range []string{"artifact", "bin/nothing", "own/nothing", "foreign/nothing"} {
		must(t, os.WriteFile(filepath.Join(yard, name), program, 0o755))
	}
	must(t, os.Symlink(filepath.Join(yard, "foreign/file"), filepath.Join(yard, "own/link")))
	must(t, filepath.WalkDir(yard, func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			err = os.Lchown(path, uid, -1)
		}
		return err
	}))
	return yard
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, path string, flags int) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, flags, 0)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// rulesOf are those that the tests' expectations are about.
func rulesOf(t *testing.T, yard string, abi int) landlock.Rules {
	t.Helper()
	return landlock.Rules{
		ABI:     abi,
		Read:    []string{filepath.Join(yard, "listed"), filepath.Join(yard, "single/file")},
		Write:   []string{filepath.Join(yard, "own"), filepath.Join(yard, "second")},
		Exec:    []string{filepath.Join(yard, "bin")},
		Files:   []*os.File{open(t, filepath.Join(yard, "artifact"), os.O_RDONLY)},
		Folders: []*os.File{open(t, filepath.Join(yard, "folder"), unix.O_PATH)},
		Devices: []string{"/dev/null"},
	}
}

// try has a child of that user make all attempts under the rules, and gives what came of
// each: nothing, or an errno.
func try(t *testing.T, yard string, uid int, rules landlock.Rules) map[string]string {
	t.Helper()
	seen, _ := trying(t, yard, uid, rules)
	return seen
}

// trying is try, and gives the child's process number as well.
func trying(t *testing.T, yard string, uid int, rules landlock.Rules) (seen map[string]string, pid int) {
	t.Helper()
	ruleset, flags, missing, err := landlock.New(rules)
	must(t, err)
	defer ruleset.Close()
	if len(missing) > 0 {
		t.Fatalf("missing: %q", missing)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer tcp.Close()
	name := fmt.Sprintf("@segue-landlock-%d-%s", os.Getpid(), filepath.Base(filepath.Dir(yard)))
	abstract, err := net.Listen("unix", name)
	must(t, err)
	defer abstract.Close()

	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "LANDLOCK_YARD="+yard, "LANDLOCK_UID="+strconv.Itoa(uid),
		"LANDLOCK_FLAGS="+strconv.Itoa(int(flags)), "LANDLOCK_SOCKET="+name,
		"LANDLOCK_PORT="+strconv.Itoa(tcp.Addr().(*net.TCPAddr).Port))
	cmd.ExtraFiles = []*os.File{ruleset}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	must(t, err)
	must(t, json.Unmarshal(out, &seen))
	return seen, cmd.Process.Pid
}

// Attempts by what they come to under rulesOf: some pass at every version, some are
// denied at every version, some from one on.
var (
	passing = []string{
		"read own", "read listed", "read single", "read program", "list listed", "make symlink at home",
		"create at home", "create in second", "create in folder", "truncate own", "rename within",
		"remove own", "make folder", "make fifo", "execute listed", "execute artifact",
		"write device", "read device", "signal itself",
	}
	denied = []string{
		"read foreign", "read beside single", "list foreign", "read by symlink", "make symlink abroad",
		"create in listed", "create abroad", "overwrite listed", "overwrite foreign", "rename abroad",
		"rename home", "link abroad", "link home", "remove foreign", "remove listed",
		"make folder abroad", "make device", "execute own", "execute foreign", "other device",
	}
	deniedFrom = map[string]struct {
		abi  int
		lack string
	}{
		"truncate listed":  {3, "truncate"},
		"truncate foreign": {3, "truncate"},
		"bind tcp":         {4, "TCP"},
		"connect tcp":      {4, "TCP"},
		"control device":   {5, "ioctl"},
		"connect abstract": {6, "abstract unix sockets"},
		"signal parent":    {6, "signals"},
	}
)

func TestEachVersionDeniesWhatItCoversAndLacksSaysTheRest(t *testing.T) {
	if landlock.ABI() == 0 {
		t.Fatal("this test needs a kernel with Landlock")
	}
	for abi := 1; abi <= landlock.ABI(); abi++ {
		for _, uid := range users() {
			t.Run(fmt.Sprintf("version %d as %d", abi, uid), func(t *testing.T) {
				yard := makeYard(t, uid)
				seen := try(t, yard, uid, rulesOf(t, yard, abi))
				lacks := strings.Join(landlock.Lacks(abi), "\n")
				for name, errno := range seen {
					want := slices.Contains(denied, name)
					if from, ok := deniedFrom[name]; ok {
						want = abi >= from.abi
						if want == strings.Contains(lacks, from.lack) {
							t.Errorf("%s at version %d: lacks %q", name, abi, lacks)
						}
					}
					if name == "rename between" {
						want = strings.Contains(lacks, "renaming")
					}
					if name == "signal parent" && uid != os.Getuid() {
						want = true // whose process it is comes first
					}
					if want != (errno != "") {
						t.Errorf("%s: %q, want denied: %v", name, errno, want)
					}
					if errno != "" && !slices.Contains([]string{"EACCES", "EPERM", "EXDEV"}, errno) {
						t.Errorf("%s: %s is not what Landlock says", name, errno)
					}
				}
			})
		}
	}
}

func TestTheExpectationsAreAboutEveryAttempt(t *testing.T) {
	told := slices.Concat(passing, denied, slices.Collect(maps.Keys(deniedFrom)), []string{"rename between"})
	slices.Sort(told)
	if all := slices.Sorted(maps.Keys(attempts)); !slices.Equal(told, all) {
		t.Errorf("attempts are\n%q, expectations\n%q", all, told)
	}
}

func TestTheZeroRulesAllowNothing(t *testing.T) {
	uid := users()[len(users())-1]
	yard := makeYard(t, uid)
	for name, errno := range try(t, yard, uid, landlock.Rules{}) {
		if errno == "" && name != "signal itself" {
			t.Errorf("%s passes", name)
		}
	}
}

func TestARuleFollowsALinkToWhatItNamesNow(t *testing.T) {
	uid := users()[len(users())-1]
	yard := makeYard(t, uid)
	seen := try(t, yard, uid, landlock.Rules{Read: []string{filepath.Join(yard, "own/link")}})
	if seen["read foreign"] != "" || seen["read by symlink"] != "" || seen["read own"] == "" {
		t.Errorf("foreign %q, by the link %q, beside the link %q",
			seen["read foreign"], seen["read by symlink"], seen["read own"])
	}
}

func TestWhatDoesNotExistIsLeftOutAndTold(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, nil, 0o600))
	ruleset, _, missing, err := landlock.New(landlock.Rules{
		Read: []string{dir, filepath.Join(dir, "b")}, Write: []string{filepath.Join(file, "below")},
		Exec: []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}, Devices: []string{"/dev/null"},
	})
	must(t, err)
	must(t, ruleset.Close())
	want := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(file, "below")}
	if !slices.Equal(missing, want) {
		t.Errorf("missing %q, want %q", missing, want)
	}
}

func TestAPathThatMustNotBeAllowedIsRefused(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink("/proc/self", link))
	for _, path := range []string{
		"relative", "", "/proc/self", "/proc/self/environ", "/proc/thread-self/fd", "/dev/fd", link,
		fmt.Sprintf("/proc/%d", os.Getpid()),
	} {
		ruleset, _, _, err := landlock.New(landlock.Rules{Read: []string{path}})
		if err == nil {
			ruleset.Close()
			t.Errorf("%q is allowed", path)
		}
	}
}

func TestTheFlagsLogTheNewProgramWhereThereIsALog(t *testing.T) {
	for abi := 1; abi <= landlock.ABI(); abi++ {
		ruleset, flags, _, err := landlock.New(landlock.Rules{ABI: abi})
		must(t, err)
		must(t, ruleset.Close())
		if want := abi >= 7; want != (flags == unix.LANDLOCK_RESTRICT_SELF_LOG_NEW_EXEC_ON) {
			t.Errorf("version %d: flags %#x", abi, flags)
		}
	}
}

func TestAVersionAboveTheKernelsIsTheKernels(t *testing.T) {
	ruleset, _, _, err := landlock.New(landlock.Rules{ABI: 1000})
	must(t, err)
	must(t, ruleset.Close())
	if len(landlock.Lacks(7)) != 0 || len(landlock.Lacks(0)) != 7 {
		t.Errorf("version 7 lacks %q, version 0 %q", landlock.Lacks(7), landlock.Lacks(0))
	}
}
