package timeutil

import (
	"errors"
	"fmt"
	"time"
)

// ErrRange: a time is not within the years 1 to 9999. Outside of them neither
// JSON nor SQLite can write a date.
var ErrRange = errors.New("time out of range")

// Millis is a moment in ms since 1970-01-01 UTC, negative before.
type Millis int64

const (
	Min Millis = -62_135_596_800_000 // 0001-01-01 00:00:00.000 UTC, the zero time.Time
	Max Millis = 253_402_300_799_999 // 9999-12-31 23:59:59.999 UTC
)

// FromTime drops what is below the ms, also before 1970 towards the past. The
// error is [ErrRange].
func FromTime(t time.Time) (Millis, error) {
	// Far outside, UnixMilli overflows; Unix does not.
	if s := t.Unix(); s < int64(Min)/1000 || s > int64(Max)/1000 {
		return 0, fmt.Errorf("%w: %v", ErrRange, t)
	}
	return Millis(t.UnixMilli()), nil
}

// FromUint64 takes ms since 1970 as programs in other languages count them. The
// error is [ErrRange].
func FromUint64(ms uint64) (Millis, error) {
	if ms > uint64(Max) {
		return 0, fmt.Errorf("%w: %d ms", ErrRange, ms)
	}
	return Millis(ms), nil
}

// Time returns the moment in UTC.
func (m Millis) Time() time.Time { return time.UnixMilli(int64(m)).UTC() }
