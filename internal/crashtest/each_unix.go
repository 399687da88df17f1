//go:build unix

package crashtest

import (
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"
)

// each tries n things, several at a time, and returns what went wrong, in their
// order.
func each(t *testing.T, n int, try func(t *testing.T, i int) error) (errs []error) {
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // little is kept of a fault
	tried := make([]error, n)
	workers := runtime.GOMAXPROCS(0)
	t.Run("each", func(t *testing.T) {
		for w := range workers {
			t.Run(strconv.Itoa(w), func(t *testing.T) {
				t.Parallel()
				for i := w; i < n; i += workers {
					tried[i] = try(t, i)
				}
			})
		}
	})
	for _, err := range tried {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}
