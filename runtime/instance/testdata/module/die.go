package main

import (
	"fmt"
	"net/http"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dies adds a path for each way to die.
func dies(mux *http.ServeMux) {
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { die("no more") })
	mux.HandleFunc("/enomem", func(http.ResponseWriter, *http.Request) { die(os.NewSyscallError("mmap", syscall.ENOMEM)) })
	mux.HandleFunc("/trapped", func(http.ResponseWriter, *http.Request) { breakOut(unix.SECCOMP_RET_TRAP) })
	mux.HandleFunc("/killed", func(http.ResponseWriter, *http.Request) { breakOut(unix.SECCOMP_RET_KILL_PROCESS) })
	mux.HandleFunc("/lies", func(http.ResponseWriter, *http.Request) {
		fmt.Fprintln(os.Stderr, "fatal error: runtime: out of memory")
		fmt.Fprintln(os.Stderr, "SIGSYS: bad system call")
		os.Exit(1)
	})
}

// die panics where no server recovers it.
func die(why any) {
	go panic(why)
	forever()
}

// breakOut makes a system call that a filter of its own answers so.
func breakOut(action uint32) {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // the call's number
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_GETPRIORITY, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: action},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		fmt.Fprintln(os.Stderr, "no filter:", errno)
		os.Exit(9)
	}
	_, _ = unix.Getpriority(unix.PRIO_PROCESS, 0)
}
