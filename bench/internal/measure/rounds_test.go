package measure

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
)

func TestRoundsTakeTurns(t *testing.T) {
	var order strings.Builder
	turn := func(name string) Turn {
		return func(context.Context) error {
			order.WriteString(name)
			return nil
		}
	}
	if err := Rounds(t.Context(), 3, turn("A"), turn("B"), turn("C")); err != nil {
		t.Fatal(err)
	}
	if order.String() != "ABCABCABC" {
		t.Errorf("turns were taken as %s", &order)
	}
}

func TestRoundsEnd(t *testing.T) {
	broken := errors.New("broken")
	turns := 0
	err := Rounds(t.Context(), 5, func(context.Context) error {
		turns++
		if turns == 2 {
			return broken
		}
		return nil
	})
	if !errors.Is(err, broken) || turns != 2 {
		t.Errorf("after %d turns: %v", turns, err)
	}

	ctx, cancel := context.WithCancelCause(t.Context())
	err = Rounds(ctx, 5, func(context.Context) error { cancel(broken); return nil }, func(context.Context) error {
		t.Error("a turn began after the end")
		return nil
	})
	if !errors.Is(err, broken) {
		t.Errorf("it was interrupted: %v", err)
	}
}

func TestPeakSeesMemory(t *testing.T) {
	const mib = 64
	grown, known, err := Peak(func() error {
		used := make([]byte, mib<<20)
		for i := 0; i < len(used); i += 1 << 10 {
			used[i] = 1
		}
		runtime.KeepAlive(used)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !known {
		t.Skip("the system does not tell")
	}
	if grown < mib*0.9 {
		t.Errorf("grew by %v MiB, but used %d", grown, mib)
	}
	// What was freed again before does not count.
	if grown, _, _ := Peak(func() error { return nil }); grown > mib/2 {
		t.Errorf("nothing takes %v MiB", grown)
	}
}
