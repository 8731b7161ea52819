package config_test

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/runtime/config"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/sdk/manifest"
)

func TestEverySettingOfTrafficCanBeWrittenInTheFile(t *testing.T) {
	got, err := load(t, `
drain_timeout: 7s
drain_long: 8s
proxy:
  tls:
    listen: 0.0.0.0:443
    certificates:
      - {cert: a.pem, key: a.key}
      - cert: /etc/ssl/b.pem
        key: /etc/ssl/b.key
    redirect: true
  acme: {hosts: [www.example.com, example.com], email: ops@example.com, directory: "https://acme.example.com/dir", cache: /var/acme}
  proxy_protocol: {from: [10.0.0.1, "2001:db8::/32"]}
  trusted_proxies: [10.0.0.0/8, "::ffff:192.0.2.1"]
  limits: {head: 16KiB, headers: 50, url: 4KiB, body: 10MiB, connections: 1000, per_address: 10}
  timeouts: {head: 1s, idle: 2s, connect: 3s, answer: 4s, body_idle: 5s, long_idle: 5m, total: 6s, body_rate: 1KiB, body_grace: 7s}
  access_log: {path: /var/log/access, sample: 10, per_second: 5, slow: 2s, query: true}
modules:
  hello:
    replicas: 3
    limits: {rate: 100/s, burst: 50, concurrent: 20, per_client: 10/m, body: 1GiB}
    timeouts: {connect: 1s, answer: 2s, idle: none, total: 4s}
    retry: {enabled: on, routes: [POST /orders, /search], budget: 10%}
    queue: {length: 100, wait: 3s}
    ejection: {enabled: off, failures: 3, above: 20%, first: 5s, most: 1m, most_out: 34%}
    slow_start: none
`)
	if err != nil {
		t.Fatal(err)
	}
	network := netip.MustParsePrefix
	want := config.Default()
	want.DrainTimeout, want.DrainLong = 7*time.Second, 8*time.Second
	want.Proxy = config.Proxy{
		TLS:            config.TLS{Listen: "0.0.0.0:443", Certificates: []config.Certificate{{Cert: "a.pem", Key: "a.key"}, {Cert: "/etc/ssl/b.pem", Key: "/etc/ssl/b.key"}}, Redirect: true},
		ACME:           config.ACME{Hosts: []string{"www.example.com", "example.com"}, Email: "ops@example.com", Directory: "https://acme.example.com/dir", Cache: "/var/acme"},
		ProxyProtocol:  []netip.Prefix{network("10.0.0.1/32"), network("2001:db8::/32")},
		TrustedProxies: []netip.Prefix{network("10.0.0.0/8"), network("192.0.2.1/32")},
		Limits:         config.ProxyLimits{Head: 16 << 10, Headers: 50, URL: 4 << 10, Body: 10 << 20, Connections: 1000, PerAddress: 10},
		Timeouts: config.ProxyTimeouts{Head: time.Second, Idle: 2 * time.Second, Connect: 3 * time.Second, Answer: 4 * time.Second, BodyIdle: 5 * time.Second, LongIdle: 5 * time.Minute,
			Total: 6 * time.Second, BodyRate: 1024, BodyGrace: 7 * time.Second},
		AccessLog: config.AccessLog{Path: "/var/log/access", Sample: 10, PerSecond: 5, Slow: 2 * time.Second, Query: true},
	}
	want.Modules = map[string]config.Module{"hello": {
		Replicas: 3,
		Limits:   config.ModuleLimits{Rate: manifest.Rate{Requests: 100, Per: time.Second}, Burst: 50, Concurrent: 20, PerClient: manifest.Rate{Requests: 10, Per: time.Minute}, Body: 1 << 30},
		Timeouts: proxy.Timeouts{Connect: time.Second, Answer: 2 * time.Second, Idle: config.Unlimited, Total: 4 * time.Second},
		Retry:    config.Retry{Enabled: policy.On, Routes: []policy.Match{{Method: "POST", Path: "/orders"}, {Path: "/search"}}, Budget: new(manifest.Weight(1000))},
		Queue:    config.Queue{Length: 100, Wait: 3 * time.Second},
		Ejection: config.Ejection{Enabled: policy.Off, Failures: 3, Above: 2000, First: 5 * time.Second, Most: time.Minute, MostOut: 3400}, SlowStart: config.Unlimited,
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestWhatHasNoBoundIsWrittenAsNone(t *testing.T) {
	got, err := load(t, `proxy:
  tls: {listen: none, certificates: []}
  acme: {hosts: [], email: none, cache: none}
  limits: {body: none, connections: none, per_address: none}
  timeouts: {answer: none, body_idle: none, total: none, body_rate: none}
  access_log: {path: none, sample: none, slow: none}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default().Proxy
	want.Limits.Connections, want.Limits.PerAddress = config.Unlimited, config.Unlimited
	want.Timeouts.Answer, want.Timeouts.BodyIdle, want.Timeouts.Total, want.Timeouts.BodyRate = config.Unlimited, config.Unlimited, config.Unlimited, config.Unlimited
	want.AccessLog.Sample, want.AccessLog.Slow = config.Unlimited, config.Unlimited
	if !reflect.DeepEqual(got.Proxy, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got.Proxy, want)
	}
	if got, err := load(t, "proxy: {limits: {connections: auto}}\n"); err != nil || got.Proxy.Limits.Connections != 0 {
		t.Errorf("got %+v and %v", got.Proxy.Limits, err)
	}
}

func TestTheAddressOfTLSMayBeAFlag(t *testing.T) {
	file := write(t, "proxy: {tls: {certificates: [{cert: a.pem, key: a.key}], redirect: true}}\n")
	got, err := config.Load(config.Sources{File: file, Env: noEnv, Flags: map[string]string{"tls-listen": "127.0.0.1:8443"}})
	if err != nil || got.Proxy.TLS.Listen != "127.0.0.1:8443" {
		t.Errorf("got %+v and %v", got.Proxy.TLS, err)
	}
}

func TestLongAnswersHaveNoLessTimeToEndThanOthers(t *testing.T) {
	got, err := load(t, "drain_timeout: 10m\n")
	if err != nil || got.DrainLong != 10*time.Minute {
		t.Errorf("got %s and %v", got.DrainLong, err)
	}
}

func TestWrongSettingsOfTrafficAreRefusedWithPlaceValueAndRemedy(t *testing.T) {
	tls := func(rest string) string { return "proxy:\n  tls:\n    listen: 127.0.0.1:443\n    " + rest + "\n" }
	ofHello := func(rest string) string { return "modules:\n  hello:\n    " + rest + "\n" }
	for text, want := range map[string][]string{
		"proxy: {access_log: {sample: 0}}\n":                  {"proxy.access_log.sample", "write a whole number of 1 or more, or none"},
		ofHello("slow_start: yes"):                            {"modules.hello.slow_start", "such as 250ms, 10s or 5m, or none"},
		"proxy: fast\n":                                       {"proxy", "fast", "line 1", "tls"},
		"proxy: {tls: {port: 443}}\n":                         {"proxy.tls.port", "there are proxy.tls.listen, proxy.tls.certificates"},
		"proxy: {tls: {listen: 443}}\n":                       {"proxy.tls.listen", `"443"`, "host:port"},
		tls(""):                                               {"proxy.tls.listen", `"127.0.0.1:443"`, "line 3", "has no certificate", "proxy.acme.hosts"},
		tls("certificates: [{cert: a.pem}]"):                  {"proxy.tls.certificates[0].cert", `"a.pem"`, "line 4", "has no key beside it"},
		tls("certificates: [{key: a.key}]"):                   {"proxy.tls.certificates[0].key", `"a.key"`, "line 4", "has no certificate beside it"},
		tls("certificates: [{}, {cert: a, key: b}]"):          {"proxy.tls.certificates[0]", "is empty", "{cert: FILE, key: FILE}"},
		tls("certificates: [{cert: a, key: b, ca: c}]"):       {"proxy.tls.certificates[0].ca", `"c"`, "no such setting", "cert and key"},
		tls("certificates: [{cert: \"\", key: b}]"):           {"proxy.tls.certificates[0].cert", "is no file"},
		tls("certificates: [{cert: {a: b}, key: b}]"):         {"proxy.tls.certificates[0].cert.a", "no such setting"},
		tls("certificates: [a.pem]"):                          {"proxy.tls.certificates", `"a.pem"`, "line 4", "is no mapping"},
		tls("certificates: a.pem"):                            {"proxy.tls.certificates", "is no mapping"},
		tls("certificates: [{cert: a, key: b}, b.pem]"):       {"proxy.tls.certificates", "is written as a mapping"},
		tls("certificates: {cert: a, key: b}"):                {"proxy.tls.certificates.cert", "no such setting"},
		"proxy: {tls: {certificates: [{cert: a, key: b}]}}\n": {"proxy.tls.certificates[0].cert", "where nothing listens", "0.0.0.0:443"},
		"proxy: {acme: {hosts: [a.example.com]}}\n":           {"proxy.acme.hosts", "where nothing listens"},
		"proxy: {tls: {redirect: true}}\n":                    {"proxy.tls.redirect", "leads nowhere"},
		"listen: 127.0.0.1:1\nproxy: {tls: {listen: 127.0.0.1:1, certificates: [{cert: a, key: b}]}}\n": {"proxy.tls.listen", "line 2", "is the address that listen has"},
		"proxy: {acme: {hosts: [\"*.example.com\"]}}\n":                                                 {"proxy.acme.hosts", `"*.example.com"`, "is no host name", "a wildcard needs"},
		"proxy: {acme: {hosts: [192.0.2.1]}}\n":                                                         {"proxy.acme.hosts", `"192.0.2.1"`, "is no host name"},
		"proxy: {acme: {hosts: [a.b, a.b]}}\n":                                                          {"proxy.acme.hosts", `"a.b"`, "twice"},
		"proxy: {acme: {email: ops}}\n":                                                                 {"proxy.acme.email", `"ops"`, "ops@example.com"},
		"proxy: {acme: {directory: \"http://a\"}}\n":                                                    {"proxy.acme.directory", "is no https URL"},
		"proxy: {trusted_proxies: [10.0.0.0/8, load-balancer]}\n":                                       {"proxy.trusted_proxies", `"load-balancer"`, "is no address and no network"},
		"proxy: {trusted_proxies: [10.0.0.1/8]}\n":                                                      {"proxy.trusted_proxies", `"10.0.0.1/8"`, "write 10.0.0.0/8"},
		"proxy: {proxy_protocol: {from: [10.0.0.1, 10.0.0.1/32]}}\n":                                    {"proxy.proxy_protocol.from", `"10.0.0.1/32"`, "twice"},
		"proxy: {proxy_protocol: [10.0.0.1]}\n":                                                         {"proxy.proxy_protocol", "has settings below it"},
		"proxy: {limits: {head: 100}}\n":                                                                {"proxy.limits.head", "write 1KiB to 16MiB"},
		"proxy: {limits: {headers: 0}}\n":                                                               {"proxy.limits.headers", "10 or more"},
		"proxy:\n  limits:\n    url: 1MiB\n":                                                            {"proxy.limits.url", `"1MiB"`, "line 3", "more than a whole head may have (64KiB)"},
		"proxy: {limits: {body: 0}}\n":                                                                  {"proxy.limits.body", "is out of bounds"},
		"proxy: {limits: {connections: many}}\n":                                                        {"proxy.limits.connections", `"many"`, "auto, or none"},
		"proxy: {limits: {connections: 0}}\n":                                                           {"proxy.limits.connections", "1 or more"},
		"proxy: {limits: {connections: 10, per_address: 11}}\n":                                         {"proxy.limits.per_address", `"11"`, "(10)"},
		"proxy: {timeouts: {head: none}}\n":                                                             {"proxy.timeouts.head", "is no duration"},
		"proxy: {timeouts: {answer: 0s}}\n":                                                             {"proxy.timeouts.answer", "too short"},
		"proxy: {timeouts: {body_rate: fast}}\n":                                                        {"proxy.timeouts.body_rate", "is no size"},
		"proxy: {timeouts: {read: 1s}}\n":                                                               {"proxy.timeouts.read", "there are proxy.timeouts.body_rate, proxy.timeouts.head"},
		"proxy: {access_log: {query: maybe}}\n":                                                         {"proxy.access_log.query", "true or false"},
		"drain_timeout: 10s\ndrain_long: 5s\n":                                                          {"drain_long", `"5s"`, "line 2", "shorter than drain_timeout (10s)"},
		ofHello("replicas: 0"):                                                                          {"modules.hello.replicas", "line 3", "1 or more"},
		ofHello("replicas: 33"):                                                                         {"modules.hello.replicas", "at most 32"},
		ofHello("limits: {rate: 10}"):                                                                   {"modules.hello.limits.rate", `"10"`, "is no rate", "100/s"},
		ofHello("limits: {burst: 10}"):                                                                  {"modules.hello.limits.burst", `"10"`, "line 3", "without a rate"},
		ofHello("limits: {concurrent: 0}"):                                                              {"modules.hello.limits.concurrent", "1 or more"},
		ofHello("limits: {per_client: 1/d}"):                                                            {"modules.hello.limits.per_client", "is no rate"},
		ofHello("timeouts: {answer: soon}"):                                                             {"modules.hello.timeouts.answer", `"soon"`, "is no duration"},
		ofHello("retry: {enabled: maybe}"):                                                              {"modules.hello.retry.enabled", "write on or off"},
		ofHello("retry: {routes: [orders]}"):                                                            {"modules.hello.retry.routes", `"orders"`, "begins with '/'"},
		ofHello("retry: {budget: 10}"):                                                                  {"modules.hello.retry.budget", "percent sign"},
		ofHello("retry: on"):                                                                            {"modules.hello.retry", "has settings below it"},
		ofHello("queue: {wait: 1s}"):                                                                    {"modules.hello.queue.wait", `"1s"`, "without a queue"},
		ofHello("ejection: {above: 0%}"):                                                                {"modules.hello.ejection.above", "is nothing"},
		ofHello("ejection: {first: 1m, most: 1s}"):                                                      {"modules.hello.ejection.most", `"1s"`, "less than the first time (1m0s)"},
		ofHello("replicas: [1, 2]"):                                                                     {"modules.hello.replicas", "is a list"},
	} {
		_, err := load(t, text)
		if module.KindOf(err) != module.Invalid {
			t.Errorf("%s: got %v, want an invalid error", text, err)
			continue
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not say %q", text, err, part)
			}
		}
	}
}
