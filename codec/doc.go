// Package codec turns events and states into bytes and back, for logs that
// outlive the code that wrote them.
package codec
