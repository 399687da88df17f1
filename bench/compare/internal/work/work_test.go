package work

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/edfsm/edfsm/bench/compare/internal/findings"
	"github.com/edfsm/edfsm/bench/compare/internal/peer"
	"github.com/edfsm/edfsm/bench/internal/engine"
	"github.com/edfsm/edfsm/bench/internal/suite"
)

// small is a run that takes no time, and leaves no file.
func small(t *testing.T) *suite.Run {
	r := &suite.Run{
		Dir:      t.TempDir(),
		Scale:    suite.Scale{Rounds: 1, Turn: time.Millisecond, Events: 3000, Rows: 200},
		Progress: func(string) {},
	}
	t.Cleanup(func() {
		left, err := os.ReadDir(r.Dir)
		if err != nil || len(left) > 0 {
			t.Errorf("%v are left: %v", left, err)
		}
	})
	return r
}

func all() []engine.Engine { return append([]engine.Engine{engine.SQLite}, peer.All()...) }

func TestReplay(t *testing.T) {
	r := small(t)
	if err := Replay(t.Context(), r, all()); err != nil {
		t.Fatal(err)
	}
	sizes := map[string]bool{}
	rates := map[string]bool{}
	for _, result := range r.Results {
		log := findings.Text(result.Dims["log"])
		switch {
		case result.Value <= 0:
			t.Errorf("%s is %v", result.Key(), result.Value)
		case result.Name == "size":
			sizes[log] = true
		case result.Dims["beside"] == "peers" && (result.Versus == "sqlite") == (log != "sqlite"):
			rates[log] = true
		}
	}
	for _, e := range all() {
		if !sizes[e.Name] || !rates[e.Name] {
			t.Errorf("%s: size told: %t, rate told: %t", e.Name, sizes[e.Name], rates[e.Name])
		}
	}
}

// TestPasts holds questions to their answers, which compare counts.
func TestPasts(t *testing.T) {
	r := small(t)
	if err := errors.Join(Latest(t.Context(), r), Range(t.Context(), r)); err != nil {
		t.Fatal(err)
	}
	const lengths, questions = 3, 3 // of 2, 20 and 200 rows; two for latest and one for range
	if want := lengths * questions * len(peer.Databases()); len(r.Results) != want {
		t.Errorf("%d results, want %d", len(r.Results), want)
	}
}

// TestInterrupted ends runs at each of their stages.
func TestInterrupted(t *testing.T) {
	engines := []engine.Engine{engine.SQLite, peer.All()[0]}
	for stage, run := range map[string]func(context.Context, *suite.Run) error{
		"replay: filling":   func(ctx context.Context, r *suite.Run) error { return Replay(ctx, r, engines) },
		"replay: all":       func(ctx context.Context, r *suite.Run) error { return Replay(ctx, r, engines) },
		"latest: SQL, 100 ": Latest,
		"range: SQL, 100 ":  Range,
	} {
		t.Run(stage, func(t *testing.T) {
			r := small(t)
			ctx, cancel := context.WithCancel(t.Context())
			r.Progress = func(text string) {
				if strings.HasPrefix(text, stage) {
					cancel()
				}
			}
			if err := run(ctx, r); !errors.Is(err, context.Canceled) {
				t.Errorf("%v, want context.Canceled", err)
			}
		})
	}
}
