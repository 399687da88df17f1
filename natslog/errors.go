package natslog

import (
	"errors"
	"fmt"
)

// Why a log cannot be opened.
var (
	// ErrCodec: the log was written with a codec of another name.
	ErrCodec = errors.New("written with another codec")

	// ErrNoLog: with Config.Reader, there is no such log.
	ErrNoLog = errors.New("no such log")

	// ErrStream: the stream has settings with which a log could not keep its
	// promises.
	ErrStream = errors.New("the stream is not set up for logs")
)

// Outcomes of a call on an open log. Except after [ErrUncertain] nothing was
// written.
var (
	// ErrUncertain: no server has said within Config.Timeout whether the events,
	// the snapshot, or how far a compaction goes, were stored. The next call that
	// writes or replays, or opening the log, finds out.
	ErrUncertain = errors.New("it is not known whether it was stored")

	// ErrFailed: the outcome of an earlier call, or of a compaction in the
	// background, is still not known, and the servers do not tell. ErrUncertain is
	// wrapped, but is that of the earlier one: this one has written nothing.
	ErrFailed = errors.New("an earlier outcome is still not known")

	// ErrConflict: the log does not end where this owner has left it: somebody
	// else has opened it since. The error is a [*ConflictError].
	ErrConflict = errors.New("the log has another owner")

	// ErrTooLarge: more than [MaxEvents] events in a call, or an event or a
	// snapshot that no message has room for.
	ErrTooLarge = errors.New("too large")

	// ErrClosed: the log was closed.
	ErrClosed = errors.New("closed")

	// ErrReadOnly: the log was opened with Config.Reader.
	ErrReadOnly = errors.New("opened for reading only")

	// ErrCompacted: another process has compacted the log during a replay.
	// Start again from nothing.
	ErrCompacted = errors.New("compacted by another process meanwhile")

	// ErrCorrupt: a record is not as it was written.
	ErrCorrupt = errors.New("checksum does not match")
)

// ConflictError is the [ErrConflict] of a log.
type ConflictError struct {
	Expected int64 // where this owner has left the log
	Found    int64 // where it ends; less than Expected if the servers have lost its end
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%v: it ends at offset %d, expected was %d", ErrConflict, e.Found, e.Expected)
}

func (e *ConflictError) Unwrap() error { return ErrConflict }

// RecordError says which record of a log cannot be read, and why: [ErrCorrupt],
// or the codec's error.
type RecordError struct {
	Stream string
	Log    string
	Offset int64
	Key    string // "" also for a record without a key
	Err    error
}

func (e *RecordError) Error() string {
	if e.Key != "" {
		return fmt.Sprintf("stream %s: log %q, offset %d, key %q: %v", e.Stream, e.Log, e.Offset, e.Key, e.Err)
	}
	return fmt.Sprintf("stream %s: log %q, offset %d: %v", e.Stream, e.Log, e.Offset, e.Err)
}

func (e *RecordError) Unwrap() error { return e.Err }
