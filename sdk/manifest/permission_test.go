package manifest_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/segue-run/segue/sdk/manifest"
)

const asking = least + `permissions:
  read: [/etc/ssl/certs, "{data}/in", "/srv/with a space/ä"]
  write: ["{data}", "{tmp}/cache", /dev/null]
  connect:
    - api.example.com:443
    - "*.example.com:443"
    - localhost:*
    - 10.0.0.1:80
    - 10.0.0.0/8:*
    - "[2001:db8::1]:443"
    - "[::/0]:1"
  listen: [":9000", "127.0.0.1:65535", "0.0.0.0:1", "[::1]:9000"]
  env: [TZ, BILLING_REGION, _x, PATHS]
  exec: [/usr/bin/convert]
  capabilities: [payments@1.2, shop.cart@2, ledger@0.1.30]
  tenants: [acme, Client-7_b.c, "*"]
quotas: {memory: 64MiB, cpu: 0.5, cpu_time: 90s, open_files: 64, processes: 64, file_size: 1048576, storage: 5 GiB, log_lines: 1, requests: 10}
`

func TestWhatAModuleAsksForIsReadAndWrittenWithoutLoss(t *testing.T) {
	m, err := manifest.Parse([]byte(asking))
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range manifest.PermissionKinds {
		if list := m.Permissions.Of(kind); list == nil || len(*list) == 0 {
			t.Errorf("nothing of %s", kind)
		}
	}
	if m.Permissions.Of("mood") != nil {
		t.Error("there is a list of mood")
	}
	want := manifest.Quotas{Memory: 64 << 20, CPU: 500, CPUTime: 90e9, OpenFiles: 64, Processes: 64, FileSize: 1 << 20, Storage: 5 << 30, LogLines: 1, Requests: 10}
	if m.Quotas != want {
		t.Errorf("quotas are %+v", m.Quotas)
	}
	for name, marshal := range map[string]func(any) ([]byte, error){"YAML": yaml.Marshal, "JSON": json.Marshal} {
		text, err := marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := manifest.Parse(text); err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("%s reads as %+v, %v:\n%s", name, again, err, text)
		}
	}
	text, err := json.Marshal(m.Quotas)
	if err != nil || string(text) != `{"memory":"64MiB","cpu":"0.5","cpu_time":"1m30s","open_files":64,"processes":64,"file_size":"1MiB","storage":"5GiB","log_lines":1,"requests":10}` {
		t.Errorf("JSON is %s, %v", text, err)
	}
	var back manifest.Quotas
	if err := json.Unmarshal(text, &back); err != nil || back != want {
		t.Errorf("back from JSON: %+v, %v", back, err)
	}
	if text, err := json.Marshal(manifest.Manifest{}); err != nil || strings.Contains(string(text), "quotas") || strings.Contains(string(text), "permissions") {
		t.Errorf("what asks for nothing is %s, %v", text, err)
	}
}

// refusals are entries that are refused, by their kind, with what is said of them.
var refusals = map[string]map[string]string{
	"read": {
		"":                        "is empty; leave it out",
		"etc":                     "is not absolute; begin it with '/'",
		"./etc":                   "is not absolute",
		"~/x":                     "is not absolute",
		"/etc/":                   "is not clean; write /etc",
		"//etc":                   "is not clean; write /etc",
		"/etc/./ssl":              "is not clean; write /etc/ssl",
		"/etc/../root":            "has the segment '..'",
		"/..":                     "has the segment '..'",
		"{data}/../other":         "has the segment '..'",
		"{data}/":                 "is not clean; write {data}",
		"{data}//a":               "is not clean; write {data}/a",
		"{data}x":                 "has a placeholder that there is not",
		"{home}/x":                "has a placeholder that there is not; the placeholders are {data} and {tmp}",
		"/srv/{data}":             "has a placeholder that there is not",
		"{data}/{tmp}":            "has a placeholder that there is not",
		"{DATA}":                  "has a placeholder that there is not",
		"/a\x00b":                 "has a character that cannot be seen",
		"/a\x1b[2J":               "has a character that cannot be seen",
		"/a\u202eb":               "has a character that cannot be seen",
		"/a\xff":                  "has a character that cannot be seen",
		"/proc":                   "is another thing for each process; name the files below it",
		"/proc/self/cwd":          "is another thing for each process",
		"/proc/1/environ":         "is another thing for each process",
		"/proc/thread-self":       "is another thing for each process",
		"/proc/mounts":            "is another thing for each process",
		"/dev/fd/3":               "is another thing for each process",
		"/dev/stdin":              "is another thing for each process",
		strings.Repeat("/a", 129): "is too long; write at most 256 bytes",
	},
	"write": {
		"/":            "is everything; name the folders",
		"/proc/sys/vm": "belongs to the kernel",
		"/sys":         "belongs to the kernel",
	},
	"exec": {
		"convert":               "is not absolute",
		"{data}/tool":           "has a placeholder; name a program outside",
		"/usr/bin/../x":         "has the segment '..'",
		"/":                     "is no program",
		"/proc/self/exe":        "is no program",
		"/usr/bin/sh -c true\n": "has a character that cannot be seen",
	},
	"connect": {
		"api.example.com":         "is no HOST:PORT; write HOST:PORT",
		"https://api.example.com": "is a URL; write HOST:PORT",
		"https://example.com/":    "is a URL; write HOST:PORT",
		"https://example.com:443": "is a URL; write HOST:PORT",
		"api.example.com:":        "has no port; write a number",
		":443":                    "names no host",
		"*:443":                   "names no host",
		"api.example.com:0":       "0 is no port; write a number from 1 to 65535",
		"api.example.com:65536":   "65536 is no port",
		"api.example.com:https":   "https is no port",
		"api.example.com:-1":      "-1 is no port",
		"api.example.com:+1":      "+1 is no port",
		"api.example.com:0443":    "is not how it is written; write api.example.com:443",
		"API.example.com:443":     "has capitals; write api.example.com",
		"api..example.com:443":    "is no host name",
		"api.example.com.:443":    "is no host name",
		"a_b.example.com:443":     "is no host name",
		"-a.example.com:443":      "is no host name",
		"*.:443":                  "has a wildcard in the wrong place",
		"a.*.com:443":             "has a wildcard in the wrong place; write *.example.com",
		"*.*.com:443":             "has a wildcard in the wrong place",
		"*example.com:443":        "has a wildcard in the wrong place",
		"[api.example.com]:443":   "is not how it is written; write api.example.com:443",
		"10.0.0.256:443":          "is no address and no network",
		"127.1:443":               "is no address and no network",
		"2130706433:443":          "is no address and no network",
		"0x7f.0x1:443":            "is no address and no network",
		"a.1:443":                 "is no address and no network",
		"10.0.0.1/8:443":          "is not how it is written; write 10.0.0.0/8:443",
		"10.0.0.1/32:443":         "is not how it is written; write 10.0.0.1:443",
		"10.0.0.0/33:443":         "is no address and no network",
		"[10.0.0.1]:443":          "is not how it is written; write 10.0.0.1:443",
		"[::ffff:10.0.0.1]:443":   "is not how it is written; write 10.0.0.1:443",
		"[::ffff:10.0.0.0/104]:1": "is no address and no network",
		"[0:0::1]:443":            "is not how it is written; write [::1]:443",
		"[fe80::1%eth0]:443":      "is no address and no network",
		"::1:443":                 "is no HOST:PORT",
		"example.com/a:443":       "is no address and no network",
	},
	"listen": {
		"9000":                  "is no ADDRESS:PORT; write ADDRESS:PORT",
		":0":                    "0 is no port",
		":*":                    "* is no port",
		"[::]:9000":             "is not how it is written; write :9000",
		":09000":                "is not how it is written; write :9000",
		"localhost:9000":        "names no address of this machine",
		"[fe80::1%a]:9000":      "names no address of this machine",
		"[0::1]:9000":           "is not how it is written; write [::1]:9000",
		"[127.0.0.1]:9000":      "is not how it is written; write 127.0.0.1:9000",
		"[::ffff:1.2.3.4]:9000": "is not how it is written; write 1.2.3.4:9000",
		"10.0.0.0/8:9000":       "names no address of this machine",
	},
	"env": {
		"A=b":                "is no name of a variable",
		"1A":                 "is no name of a variable",
		"A-B":                "is no name of a variable",
		"Ä":                  "is no name of a variable",
		"SEGUE_STATE":        "is for the runtime, or steers the process",
		"LD_PRELOAD":         "is for the runtime, or steers the process",
		"LISTEN_FDS":         "is for the runtime, or steers the process",
		"PLUGIN_CLIENT_CERT": "is for the runtime, or steers the process",
		"NOTIFY_SOCKET":      "is for the runtime, or steers the process",
		"GLIBC_TUNABLES":     "is for the runtime, or steers the process",
		"GODEBUG":            "is for the runtime, or steers the process",
		"GOMEMLIMIT":         "is for the runtime, or steers the process",
		"PATH":               "is for the runtime, or steers the process",
		"TMPDIR":             "is for the runtime, or steers the process",
	},
	"capabilities": {
		"payments":                     "is no capability; write NAME@VERSION",
		"payments@":                    "is no capability",
		"@1":                           "is no capability",
		"payments@v1":                  "is no capability",
		"payments@1.2.3.4":             "is no capability",
		"payments@01":                  "is no capability",
		"payments@1@2":                 "is no capability",
		"Payments@1":                   "is no capability",
		"1st@1":                        "is no capability",
		"a..b@1":                       "is no capability",
		"../a@1":                       "is no capability",
		strings.Repeat("a", 64) + "@1": "is no capability",
	},
	"tenants": {
		"-a":                    "is no tenant's id",
		"a/b":                   "is no tenant's id",
		"acme*":                 "is no tenant's id",
		"../acme":               "is no tenant's id",
		strings.Repeat("a", 65): "is no tenant's id",
	},
}

func TestAnImpossiblePermissionIsRefusedWithFieldValueAndRemedy(t *testing.T) {
	for kind, entries := range refusals {
		for entry, want := range entries {
			var p manifest.Permissions
			*p.Of(kind) = []string{entry}
			problems := manifest.Problems(p.Validate())
			if len(problems) != 1 {
				t.Errorf("%s %q: got %v", kind, entry, problems)
				continue
			}
			e := problems[0]
			if said := e.Msg + "; " + e.Hint; e.Field != kind+"[0]" || e.Value != entry || e.Hint == "" || !strings.HasPrefix(said, want) {
				t.Errorf("%s %q: got %+v, want %q", kind, entry, e, want)
			}
		}
	}
}

func TestWhatIsRefusedForReadingIsRefusedForWriting(t *testing.T) {
	for entry := range refusals["read"] {
		if (manifest.Permissions{Write: []string{entry}}).Validate() == nil {
			t.Errorf("%q may be written", entry)
		}
	}
}

func TestAPermissionIsAskedForOnce(t *testing.T) {
	for kind, entry := range map[string]string{
		"read": "/a", "write": "/a", "connect": "a:1", "listen": ":1", "env": "A", "exec": "/a", "capabilities": "a@1", "tenants": "*",
	} {
		var p manifest.Permissions
		*p.Of(kind) = []string{entry, entry}
		problems := manifest.Problems(p.Validate())
		if len(problems) != 1 || problems[0].Field != kind+"[1]" || problems[0].Msg != "is the same as "+kind+"[0]" {
			t.Errorf("%s: got %v", kind, problems)
		}
		*p.Of(kind) = slices.Repeat([]string{entry}, 65)
		problems = manifest.Problems(p.Validate())
		if len(problems) != 1 || problems[0].Field != kind || problems[0].Hint != "list at most 64" {
			t.Errorf("%s: got %v", kind, problems)
		}
	}
}

func TestAMistakeInWhatIsAskedForIsNamedWithItsLine(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"an unknown permission": {"permissions: {raed: [/a]}", []string{"line 5: permissions.raed: is no field of a manifest; there are read, write, connect, listen, env, exec, capabilities, tenants"}},
		"an unknown quota":      {"quotas: {ram: 1GiB}", []string{"line 5: quotas.ram: is no field of a manifest; there are memory, cpu, cpu_time"}},
		"a bare placeholder":    {"permissions:\n  read:\n    - {data}", []string{"line 7: permissions.read[0]", "in quotes"}},
		"a bare wildcard":       {"permissions:\n  connect:\n    - *.a.com:1", []string{"line 7: the manifest uses", "in quotes"}},
		"a path for a list":     {"permissions: {read: /a}", []string{"line 5: permissions.read", "a list"}},
		"two wrong entries":     {"permissions:\n  read:\n    - a\n    - /b\n  env: [LD_PRELOAD]", []string{`line 7: permissions.read[0] "a"`, `line 9: permissions.env[0] "LD_PRELOAD"`}},
		"a unit of its own":     {"quotas:\n  memory: 5MB", []string{`line 6: quotas.memory "5MB": is no size; write bytes`}},
		"a list for a size":     {"quotas:\n  memory: [1]", []string{`line 6: quotas.memory: must be one value`}},
		"little memory":         {"quotas:\n  memory: 31MiB", []string{`line 6: quotas.memory "31MiB": is out of bounds; write 32MiB to`}},
		"no memory":             {"quotas:\n  memory: 0", []string{`line 6: quotas.memory "0": is out of bounds`}},
		"no processes":          {"quotas:\n  processes: 0", []string{`line 6: quotas.processes "0": is out of bounds`}},
		"fewer than none":       {"quotas:\n  processes: -1", []string{`line 6: quotas.processes "-1": is out of bounds`}},
		"a word for a count":    {"quotas:\n  requests: many", []string{`line 6: quotas.requests "many": has the wrong type`}},
		"a time without unit":   {"quotas:\n  cpu_time: 10", []string{`line 6: quotas.cpu_time "10": is no duration`}},
		"a comma":               {"quotas:\n  cpu: '0,5'", []string{`line 6: quotas.cpu "0,5": is no number of processors`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := manifest.Parse([]byte(least + c.text + "\n"))
			if err == nil {
				t.Fatal("accepted")
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
}

func FuzzPermissions(f *testing.F) {
	for kind, entries := range refusals {
		for entry := range entries {
			f.Add(kind, entry)
		}
	}
	m, err := manifest.Parse([]byte(asking))
	if err != nil {
		f.Fatal(err)
	}
	for _, kind := range manifest.PermissionKinds {
		for _, entry := range *m.Permissions.Of(kind) {
			f.Add(kind, entry)
		}
	}
	f.Fuzz(func(t *testing.T, kind, entry string) {
		var p manifest.Permissions
		list := p.Of(kind)
		if list == nil {
			return
		}
		*list = []string{entry}
		if err := p.Validate(); err != nil {
			for _, e := range manifest.Problems(err) {
				if e.Field != kind+"[0]" || e.Hint == "" || len(e.Error()) > 1000 {
					t.Fatalf("no field or remedy, or no end: %+v", e)
				}
			}
			return
		}
		if entry == "" || strings.ContainsAny(entry, "\x00\n") || (kind == "read" || kind == "write" || kind == "exec") && slices.Contains(strings.Split(entry, "/"), "..") {
			t.Fatalf("accepted %q", entry)
		}
		if kind == "connect" {
			if peers, err := manifest.ParsePeers(entry); err != nil || peers.String() != entry || (peers.Name == "") != peers.Net.IsValid() {
				t.Fatalf("%q is %+v, %v", entry, peers, err)
			}
		}
		text, err := yaml.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var again manifest.Permissions
		if err := yaml.UnmarshalWithOptions(text, &again, yaml.Strict()); err != nil || !reflect.DeepEqual(again, p) {
			t.Fatalf("%q comes back from YAML as %+v, %v", entry, again, err)
		}
	})
}
