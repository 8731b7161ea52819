package main

import (
	"syscall"
	"unsafe"
)

// raw is a system call whose result nobody needs.
func raw(number uintptr, args ...uintptr) error {
	_, err := rawResult(number, args...)
	return err
}

// rawResult is a system call of up to six arguments.
func rawResult(number uintptr, args ...uintptr) (int, error) {
	var a [6]uintptr
	copy(a[:], args)
	r, _, errno := syscall.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}

// pointed keeps what was pointed at last where it is: on the heap, and alive.
var pointed [64]any
var points int

// pointer is the address of what the next calls read or write. Attacks are tried one at a
// time.
func pointer[T any](v *T) uintptr {
	pointed[points%len(pointed)] = v
	points++
	return uintptr(unsafe.Pointer(v))
}

// text is the address of a string that ends with a zero byte.
func text(s string) uintptr {
	b := append([]byte(s), 0)
	return pointer(&b[0])
}
