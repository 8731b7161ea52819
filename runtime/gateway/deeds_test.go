package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/sdk"
)

// deeds are what a module can be told to do, most of it as any Go program does it.
var deeds = map[string]func(args ...string) (string, error){
	// dial ADDRESS: connects, and tells what the server says to "hello".
	"dial": func(args ...string) (string, error) { return converse(net.Dial("tcp", args[0])) },
	// dial-for DURATION ADDRESS
	"dial-for": func(args ...string) (string, error) {
		ctx, cancel := patient(args[0])
		defer cancel()
		var d net.Dialer
		return converse(d.DialContext(ctx, "tcp", args[1]))
	},
	"sdk-dial": func(args ...string) (string, error) {
		return converse(sdk.Dial(context.Background(), "tcp", args[0]))
	},
	"sdk-dial-for": func(args ...string) (string, error) {
		ctx, cancel := patient(args[0])
		defer cancel()
		return converse(sdk.Dial(ctx, "tcp", args[1]))
	},
	"get":     func(args ...string) (string, error) { return get(http.DefaultTransport, args[0]) },
	"sdk-get": func(args ...string) (string, error) { return get(sdk.Transport(), args[0]) },
	// resolve NAME, by Go's own resolver
	"resolve": func(args ...string) (string, error) {
		addrs, err := (&net.Resolver{PreferGo: true}).LookupHost(context.Background(), args[0])
		slices.Sort(addrs)
		return strings.Join(addrs, " "), err
	},
	"listen": func(args ...string) (string, error) { return answerOne(net.Listen("tcp", args[0])) },
	"sdk-listen": func(args ...string) (string, error) {
		return answerOne(sdk.Listen(context.Background(), "tcp", args[0]))
	},
	"udp":         func(args ...string) (string, error) { _, err := net.Dial("udp", args[0]); return "", err },
	"unix":        func(args ...string) (string, error) { _, err := net.Dial("unix", args[0]); return "", err },
	"unix-listen": unixListen,
	"options":     keepOptions,
	"blocking":    blocking,
	"again":       connectAgain,
	"swap":        swap,
	"error-queue": errorQueue,
	"autobind":    autobind,
	"raw": func(...string) (string, error) {
		_, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)
		return "", err
	},
	"unshare": func(...string) (string, error) { return "", unix.Unshare(0) },
	"exec":    execute,
	"spawn":   func(args ...string) (string, error) { return "", exec.Command(args[0]).Run() },
	"namespace": func(...string) (string, error) {
		cmd := exec.Command("/bin/true")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUTS}
		return "", cmd.Run()
	},
	"bad-memory": badMemory,
	"bad-fd":     func(...string) (string, error) { return "", unix.Connect(999, &unix.SockaddrInet4{Port: 80}) },
	"flood": func(args ...string) (string, error) {
		n, _ := strconv.Atoi(args[0])
		for range n {
			_ = unix.Unshare(0)
		}
		return "", nil
	},
	"questions":   questions,
	"datagrams":   datagrams,
	"dial-mapped": dialMapped,
	"datagrams-and-hang": func(...string) (string, error) {
		_, _ = datagrams()
		_, err := io.Copy(io.Discard, os.Stdin)
		return "", err
	},
	"hang": func(...string) (string, error) { _, err := io.Copy(io.Discard, os.Stdin); return "", err },
	"env":  func(args ...string) (string, error) { return os.Getenv(args[0]), nil },
}

func patient(d string) (context.Context, context.CancelFunc) {
	timeout, err := time.ParseDuration(d)
	must(err)
	return context.WithTimeout(context.Background(), timeout)
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func denied(err error) bool { return errors.Is(err, fs.ErrPermission) }

func errnoOf(err error) int {
	errno, _ := errors.AsType[syscall.Errno](err)
	return int(errno)
}

func converse(conn net.Conn, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

func get(rt http.RoundTripper, url string) (string, error) {
	res, err := (&http.Client{Transport: rt}).Get(url)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

// answerOne tells on standard output that it listens, and answers one connection.
func answerOne(l net.Listener, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer l.Close()
	fmt.Println(listening)
	conn, err := l.Accept()
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_, err = io.WriteString(conn, "from the module")
	return "answered", err
}

// listening is printed by a module that listens.
const listening = "listening"

// unixListen listens on a name that the kernel chooses.
func unixListen(...string) (string, error) {
	l, err := net.Listen("unix", "")
	if err != nil {
		return "", err
	}
	return "bound", l.Close()
}

// rawSocket makes a blocking socket with options of its own.
func rawSocket() int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	must(err)
	must(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1))
	must(unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1))
	must(unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 77))
	return fd
}

func sockaddrOf(address string) unix.Sockaddr {
	at, err := net.ResolveTCPAddr("tcp4", address)
	must(err)
	return &unix.SockaddrInet4{Port: at.Port, Addr: at.AddrPort().Addr().As4()}
}

// keepOptions tells the options and flags that a socket has after connect.
func keepOptions(args ...string) (string, error) {
	var all []string
	for _, cloexec := range []int{0, unix.FD_CLOEXEC} {
		fd := rawSocket()
		_, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, cloexec)
		must(err)
		must(unix.SetNonblock(fd, cloexec != 0))
		if err := unix.Connect(fd, sockaddrOf(args[0])); err != nil {
			return "", err
		}
		for _, o := range [][2]int{{unix.SOL_SOCKET, unix.SO_KEEPALIVE}, {unix.IPPROTO_TCP, unix.TCP_NODELAY}, {unix.IPPROTO_TCP, unix.TCP_KEEPIDLE}} {
			value, err := unix.GetsockoptInt(fd, o[0], o[1])
			must(err)
			all = append(all, strconv.Itoa(value))
		}
		status, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		must(err)
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		must(err)
		all = append(all, fmt.Sprint(status&unix.O_NONBLOCK != 0, flags&unix.FD_CLOEXEC != 0))
		must(unix.Close(fd))
	}
	return strings.Join(all, " "), nil
}

// blocking converses over a socket that blocks.
func blocking(args ...string) (string, error) {
	fd := rawSocket()
	defer unix.Close(fd)
	if err := unix.Connect(fd, sockaddrOf(args[0])); err != nil {
		return "", err
	}
	return converse(net.FileConn(os.NewFile(uintptr(fd), "socket")))
}

// connectAgain connects a socket that is connected.
func connectAgain(args ...string) (string, error) {
	fd := rawSocket()
	defer unix.Close(fd)
	if err := unix.Connect(fd, sockaddrOf(args[0])); err != nil {
		return "", err
	}
	return "", unix.Connect(fd, sockaddrOf(args[0]))
}

// autobind listens on a socket without binding it.
func autobind(...string) (string, error) {
	fd := rawSocket()
	defer unix.Close(fd)
	return "", unix.Listen(fd, 1)
}

// swap binds and listens under the number of a socket of the unix family again and
// again, while another thread puts a socket of TCP under that number for moments, until
// that one listens at a port that was not granted, and tells which.
func swap(...string) (string, error) {
	tcp := rawSocket()
	family, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	must(err)
	const number = 900
	must(unix.Dup3(family, number, 0))
	var stop atomic.Bool
	var swapper sync.WaitGroup
	swapper.Go(func() {
		runtime.LockOSThread()
		for !stop.Load() {
			must(unix.Dup3(tcp, number, 0))
			must(unix.Dup3(family, number, 0))
		}
	})
	port := func() int {
		name, err := unix.Getsockname(tcp)
		must(err)
		return name.(*unix.SockaddrInet4).Port
	}
	listens := func() bool {
		accepts, err := unix.GetsockoptInt(tcp, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
		return err == nil && accepts == 1
	}
	deadline := time.Now().Add(patience)
	for port() == 0 && time.Now().Before(deadline) {
		_ = unix.Bind(number, &unix.SockaddrInet4{Port: 20000 + rand.IntN(10000)})
	}
	for bound := port() != 0; bound && !listens() && time.Now().Before(deadline); {
		_ = unix.Listen(number, 1)
	}
	stop.Store(true)
	swapper.Wait()
	if !listens() {
		return "", errors.New("the race was not won")
	}
	fmt.Println(listening)
	fmt.Println(port())
	_, err = io.Copy(io.Discard, os.Stdin)
	return "", err
}

func execute(args ...string) (string, error) {
	path, err := unix.BytePtrFromString(args[0])
	must(err)
	argv := []*byte{path, nil}
	at := unix.AT_FDCWD
	_, _, errno := unix.Syscall6(unix.SYS_EXECVEAT, uintptr(at), uintptr(unsafe.Pointer(path)),
		uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&argv[1])), 0, 0)
	return "", errno
}

// badMemory connects to an address that is not there.
func badMemory(...string) (string, error) {
	fd := rawSocket()
	defer unix.Close(fd)
	_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), 8, 16)
	return "", errno
}

// datagrams opens sockets for datagrams until there are no more.
func datagrams(...string) (string, error) {
	for n := 0; ; n++ {
		if _, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0); err != nil {
			return strconv.Itoa(n), err
		}
	}
}

// dialMapped connects a socket of IPv6 to 127.0.0.1 at a port.
func dialMapped(args ...string) (string, error) {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	port, err := strconv.Atoi(args[0])
	must(err)
	to := &unix.SockaddrInet6{Port: port, Addr: netip.MustParseAddr("::ffff:127.0.0.1").As16()}
	if err := unix.Connect(fd, to); err != nil {
		return "", errors.Join(err, unix.Close(fd))
	}
	file := os.NewFile(uintptr(fd), "socket")
	defer file.Close()
	return converse(net.FileConn(file))
}

// errorQueue asks for the errors of datagrams, as the C library does, and of TCP.
func errorQueue(...string) (string, error) {
	for _, kind := range []int{unix.SOCK_DGRAM, unix.SOCK_STREAM} {
		fd, err := unix.Socket(unix.AF_INET, kind, 0)
		must(err)
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1); err != nil {
			return "", err
		}
		must(unix.Close(fd))
	}
	return "set", nil
}
