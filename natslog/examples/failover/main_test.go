package main

import (
	"strings"
	"testing"
)

// All changes of a day are announced and are in the log, though a server is
// lost at noon.
func TestFailover(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	before, after, stopped := strings.Cut(out.String(), "the leader is stopped\n")
	if n, m := strings.Count(before, `"level"`), strings.Count(after, `"level"`); !stopped || n != 8 || m != 8 {
		t.Errorf("%d notices before, %d after", n, m)
	}
	if end := "16 events: Normal since 22:00:00\n"; !strings.HasSuffix(after, end) {
		t.Errorf("it does not end with %q:\n%s", end, after)
	}
}
