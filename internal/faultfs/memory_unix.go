//go:build unix

package faultfs

import (
	"unsafe"

	"modernc.org/libc"
)

// SQLite's memory is not Go's: an address in it is a uintptr, and nothing there
// may point into Go's heap.

// alloc takes memory that is never given back.
func alloc[T any](tls *libc.TLS) (address uintptr, value *T) {
	var zero T
	address = libc.Xcalloc(tls, 1, libc.Tsize_t(unsafe.Sizeof(zero)))
	return address, at[T](address)
}

// at is the value at an address.
func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// pointer is the address SQLite calls a function by, which must be one of a
// package, and no closure.
func pointer[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }

// function is the reverse of pointer.
func function[F any](address uintptr) F { return *(*F)(unsafe.Pointer(&address)) }
