//go:build unix

package crashtest

import "testing"

// None takes the result of a driver that must have no error.
func None(t *testing.T, errs []error) {
	t.Helper()
	for _, err := range errs {
		t.Error(err)
	}
}

// Some takes that of a driver that must have found something, as a store, or who
// uses it, is broken on purpose: else the driver would not see anything.
func Some(t *testing.T, errs []error) {
	t.Helper()
	if len(errs) == 0 {
		t.Fatal("nothing was found")
	}
	t.Logf("%d errors, the first: %v", len(errs), errs[0])
}
