package suite

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/edfsm/edfsm/bench/internal/measure"
)

// Whatever a measure leaves in its folder goes with it, also after a failure, so
// that the next has the room.
func TestFolderOfAMeasureGoes(t *testing.T) {
	broken := errors.New("broken")
	for _, outcome := range []error{nil, broken} {
		r := &Run{Dir: t.TempDir()}
		err := r.in(func(dir string) error {
			return errors.Join(os.WriteFile(dir+"/left", nil, 0o600), outcome)
		})
		if !errors.Is(err, outcome) {
			t.Errorf("%v became %v", outcome, err)
		}
		if left, err := os.ReadDir(r.Dir); err != nil || len(left) > 0 {
			t.Errorf("%v are left: %v", left, err)
		}
	}
}

// A query that gives other rows than it should is not measured.
func TestWrongRowsAreNoticed(t *testing.T) {
	var s measure.Series
	queries := 0
	query := func() (int, error) { queries++; return 3, nil }
	if err := repeated(t.Context(), &s, time.Nanosecond, 4, query); err == nil || len(s) > 0 {
		t.Errorf("3 rows instead of 4 are measured as %v", s)
	}
	if err := repeated(t.Context(), &s, 0, 3, query); err != nil || len(s) != 1 || queries != 2 {
		t.Errorf("after %d queries: %v, %v", queries, s, err)
	}
	if err := rate(&s, 4, query); err == nil {
		t.Error("3 events of 4 are measured")
	}
}
