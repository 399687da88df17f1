package natslog

import (
	"testing"
	"time"
)

// WithGrace sets how long a tombstone outlives what it has ended.
func WithGrace[E any](cfg Config[E], grace time.Duration) Config[E] {
	cfg.grace = grace
	return cfg
}

// SetPage makes the pages of all logs small, until the test ends.
func SetPage(t *testing.T, records int) {
	before := pageRecords
	pageRecords = records
	t.Cleanup(func() { pageRecords = before })
}
