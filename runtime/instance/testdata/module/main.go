// Command module is a module with every vice that the host must bear; MODE names
// the one of this process.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/segue-run/segue/sdk"
	"github.com/segue-run/segue/sdk/wire"
)

//go:embed module.yaml
var manifest string

func main() {
	m := sdk.Module{Manifest: manifest, Handler: handler()}
	switch mode := os.Getenv("MODE"); mode {
	case "":
	case "silent":
		fmt.Println("still thinking")
		forever()
	case "sleep":
		forever()
	case "exit":
		fmt.Fprintln(os.Stderr, "cannot open the database")
		os.Exit(3)
	case "panic":
		m.Start = func(context.Context) error { go panic("no more"); forever(); return nil }
	case "fails-to-start":
		m.Start = func(context.Context) error { return fmt.Errorf("no such table") }
	case "never-started":
		m.Start = func(context.Context) error { forever(); return nil }
	case "segfault":
		m.Start = func(context.Context) error {
			_ = syscall.Kill(os.Getpid(), syscall.SIGSEGV) // Go reports it and aborts
			forever()
			return nil
		}
	case "hungry":
		m.Start = func(context.Context) error {
			var kept [][]byte
			for {
				b := make([]byte, 64<<20)
				for n := 0; n < len(b); n += 4096 {
					b[n] = 1
				}
				kept = append(kept, b)
				_ = len(kept)
			}
		}
	case "gated":
		fmt.Println("at the gate")
		for os.Getenv("GATE") != "" {
			if _, err := os.Stat(os.Getenv("GATE")); err != nil {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
	case "unwell":
		m.Health = func(context.Context) error { return fmt.Errorf("the disk is full") }
	case "chatty":
		chat()
	case "flood":
		fmt.Println(strings.Repeat("o", 1<<20))
		fmt.Fprintln(os.Stderr, strings.Repeat("e", 1<<20))
		m.Start = func(context.Context) error { fmt.Println("after the flood"); return nil }
	case "torrent":
		m.Start = func(context.Context) error {
			go func() {
				for {
					_, _ = os.Stderr.WriteString(strings.Repeat("water\n", 1000))
				}
			}()
			return nil
		}
	case "ignores-stop":
		m.Stop = func(context.Context) error { forever(); return nil }
	case "crashes-later":
		m.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { os.Exit(7) })
	case "plain":
		servePlain()
	case "other-version":
		m.Manifest = strings.Replace(manifest, "1.0.0", "1.0.1", 1)
	case "other-spelling":
		m.Manifest = "# the same, otherwise\n" + strings.ReplaceAll(manifest, "1.0.0", `"1.0.0"`)
	case "other-nonce":
		os.Setenv(wire.EnvNonce, "0123456789abcdef")
	case "grandchild":
		m.Start = func(context.Context) error { return beget(false, os.Environ()) }
	case "bare-grandchild":
		m.Start = func(context.Context) error { return beget(false, nil) }
	case "runaway-grandchild":
		m.Start = func(context.Context) error { return beget(true, os.Environ()) }
	case "names":
		fmt.Printf("1|1|%s|%s|grpc|\n", os.Getenv("NETWORK"), os.Getenv("ADDRESS"))
		forever()
	case "symlink", "hardlink":
		link(mode)
	case "file":
		_ = os.WriteFile(dir()+"/plain", nil, 0o600)
		fmt.Printf("1|1|unix|%s/plain|grpc|\n", dir())
		forever()
	case "netrpc":
		fmt.Printf("1|1|unix|%s/x|netrpc|\n", dir())
		forever()
	case "deaf":
		l, err := net.Listen("unix", dir()+"/deaf")
		if err != nil {
			panic(err)
		}
		fmt.Printf("1|1|unix|%s|grpc|%s\n", l.Addr(), os.Getenv("CERTIFICATE"))
		forever()
	case "stopped":
		go func() {
			time.Sleep(time.Millisecond)
			_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		}()
		forever()
	default:
		panic("unknown mode " + mode)
	}
	sdk.Serve(m)
}

func dir() string { return os.Getenv("PLUGIN_UNIX_SOCKET_DIR") }

func forever() { time.Sleep(time.Hour) }

// link names a link in its own directory that leads to TARGET, another's socket.
func link(mode string) {
	path := dir() + "/linked"
	var err error
	if mode == "symlink" {
		err = os.Symlink(os.Getenv("TARGET"), path)
	} else {
		err = os.Link(os.Getenv("TARGET"), path)
	}
	if err != nil {
		panic(err)
	}
	fmt.Printf("1|1|unix|%s|grpc|\n", path)
	forever()
}

// chat writes one line of each sort, before and beside the handshake.
func chat() {
	fmt.Println("plain \x1b[31mtext\x1b[0m\u202e\u2028")
	fmt.Fprintln(os.Stderr, "[WARN] mind the gap")
	fmt.Fprintln(os.Stderr, `{"@level":"error","@message":"it broke","@timestamp":"2026-01-01T00:00:00.000000Z","release":"forged@9.9.9","n":3,"by":["a\u202eb","one\ntwo"]}`)
	fmt.Fprintln(os.Stderr, `{"@message":1}`)
	fmt.Fprintln(os.Stderr, `{"level":"DEBUG","msg":"details","time":"2026-01-01T00:00:00Z"}`)
	fmt.Fprint(os.Stderr, "windows\r\n")
}

// beget starts a grandchild that holds our output open, and writes its pid.
func beget(runaway bool, env []string) error {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(env, "MODE=sleep")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: runaway}
	if err := cmd.Start(); err != nil {
		return err
	}
	fmt.Printf("grandchild %d\n", cmd.Process.Pid)
	return nil
}

// seen is what the process finds itself in.
type seen struct {
	Env    []string
	FDs    map[string]string
	Limits string
}

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/well", func(w http.ResponseWriter, _ *http.Request) {
		if os.Getenv("WELL") == "no" {
			http.Error(w, "no", http.StatusInternalServerError)
		}
		if to := os.Getenv("WELL_AT"); to != "" {
			http.Redirect(w, &http.Request{}, to, http.StatusFound)
		}
	})
	mux.HandleFunc("/tested", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
	mux.HandleFunc("/seen", func(w http.ResponseWriter, _ *http.Request) {
		s := seen{FDs: map[string]string{}}
		raw, _ := os.ReadFile("/proc/self/environ")
		s.Env = strings.Split(strings.Trim(string(raw), "\x00"), "\x00")
		entries, _ := os.ReadDir("/proc/self/fd")
		for _, e := range entries {
			if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
				s.FDs[e.Name()] = to
			}
		}
		limits, _ := os.ReadFile("/proc/self/limits")
		s.Limits = string(limits)
		_ = json.NewEncoder(w).Encode(s)
	})
	dies(mux)
	takes(mux)
	mux.HandleFunc("/spike", func(http.ResponseWriter, *http.Request) {
		b, err := syscall.Mmap(-1, 0, 64<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			panic(err)
		}
		for n := 0; n < len(b); n += 4096 {
			b[n] = 1
		}
		_ = syscall.Munmap(b)
	})
	mux.HandleFunc("/say", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(os.Stdout, r.Body)
	})
	return mux
}
