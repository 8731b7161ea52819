package sdk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/sdk"
)

// The test binary is also the module that the tests drive: roleEnv says whether it
// is the test, the launcher, or the module of that name.
const (
	roleEnv  = "SDK_TEST_ROLE"
	launcher = "launcher:"
)

const text = `--- # segue:module/v1
name: sample
version: 1.2.3
routes:
  - path: /sample
...
`

func TestMain(m *testing.M) {
	role := os.Getenv(roleEnv)
	switch {
	case role == "":
		goleak.VerifyTestMain(m)
	case strings.HasPrefix(role, launcher):
		launch(strings.TrimPrefix(role, launcher))
	case role == dialer:
		dials()
	default:
		sdk.Serve(modules()[role])
	}
}

// launch becomes the module in the same process, as the runtime's launcher does.
func launch(module string) {
	os.Setenv(roleEnv, module)
	os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
	panic(syscall.Exec("/proc/self/exe", os.Args, os.Environ()))
}

// modules are those that the tests drive, by name.
func modules() map[string]sdk.Module {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sample", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "sample "+r.Proto) })
	mux.HandleFunc("GET /sample/slow", func(w http.ResponseWriter, r *http.Request) {
		sdk.Logger().Info("slow began")
		wait, _ := time.ParseDuration(r.FormValue("for"))
		select {
		case <-time.After(wait):
			io.WriteString(w, "slow")
		case <-r.Context().Done():
			sdk.Logger().Info("slow was cut off")
		}
	})
	mux.HandleFunc("GET /sample/print", printAll)
	mux.HandleFunc("GET /sample/exit", func(http.ResponseWriter, *http.Request) {
		fmt.Println("a last word on standard output")
		fmt.Fprintln(os.Stderr, "a last word on standard error")
		os.Exit(7)
	})
	mux.HandleFunc("GET /sample/born", born)

	plain := sdk.Module{Manifest: text, Handler: mux}
	with := func(change func(*sdk.Module)) sdk.Module {
		m := plain
		change(&m)
		return m
	}
	return map[string]sdk.Module{
		"plain": plain,
		"hooks": with(func(m *sdk.Module) {
			m.Start = func(context.Context) error { sdk.Logger().Info("hook start"); return nil }
			m.Drain = func(ctx context.Context) {
				sdk.Logger().Info("hook drain")
				<-ctx.Done()
				sdk.Logger().Info("hook drain over")
			}
			m.Stop = func(context.Context) error { sdk.Logger().Info("hook stop"); return errors.New("not tidy") }
		}),
		"start fails": with(func(m *sdk.Module) { m.Start = func(context.Context) error { return errors.New("no database") } }),
		"start waits": with(func(m *sdk.Module) {
			m.Start = func(ctx context.Context) error {
				sdk.Logger().Info("hook start")
				<-ctx.Done()
				sdk.Logger().Info("hook start over")
				return ctx.Err()
			}
		}),
		"start panics": with(func(m *sdk.Module) { m.Start = func(context.Context) error { panic("no database") } }),
		"sick":         with(func(m *sdk.Module) { m.Health = func(context.Context) error { return errors.New("no\ndatabase") } }),
		"health panics": with(func(m *sdk.Module) {
			m.Health = func(context.Context) error { panic("no database") }
		}),
		"health hangs":       with(func(m *sdk.Module) { m.Health = func(context.Context) error { select {} } }),
		"stop hangs":         with(func(m *sdk.Module) { m.Stop = func(context.Context) error { select {} } }),
		"no manifest":        with(func(m *sdk.Module) { m.Manifest = "" }),
		"wrong manifest":     with(func(m *sdk.Module) { m.Manifest = "name: ../x\n" }),
		"unmarked manifest":  with(func(m *sdk.Module) { m.Manifest = "name: sample\nversion: 1.0.0\nroutes: [{path: /}]\n" }),
		"no handler":         with(func(m *sdk.Module) { m.Handler = nil }),
		"a manifest in text": with(func(m *sdk.Module) { m.Manifest = "# before\n" + text + "# behind\n" }),
	}
}

// printAll prints in every way that an author may choose.
func printAll(http.ResponseWriter, *http.Request) {
	fmt.Println("by fmt")
	fmt.Fprintln(os.Stderr, "by stderr")
	log.Print("by package log")
	slog.Warn("by slog", "n", 1)
	sdk.Logger().Error("by logger", "time", "t", "msg", 5, "@message", 6, "@level", []int{7}, "", slog.GroupValue(slog.Int("@timestamp", 8)))
	sdk.Logger().With("msg", "m").WithGroup("g").Debug("by group", "msg", "inner")
	sdk.Logger().Log(context.Background(), slog.LevelDebug-4, "by trace")
	sdk.Logger().Info(strings.Repeat("long ", 30<<10))
}

// born tells what the process has of its birth: its environment, and the
// descriptors that its children would inherit.
func born(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, strings.Join(os.Environ(), "\n"))
	for fd := 3; fd < 1000; fd++ {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			fmt.Fprintln(w, "inheritable:", fd)
		}
	}
}
