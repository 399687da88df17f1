package machinetest

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"testing"
)

func init() { // checks that ought to fail leave no files behind
	if err := flag.Set("rapid.nofailfile", "true"); err != nil {
		panic(err)
	}
}

// quickly spends little time on shorter histories.
func quickly(t *testing.T) {
	f := flag.Lookup("rapid.shrinktime")
	before := f.Value.String()
	flag.Set(f.Name, "100ms")
	t.Cleanup(func() { flag.Set(f.Name, before) })
}

// fakeT is a test that may fail. What it has to say is in out.
type fakeT struct {
	testing.TB
	ctx     context.Context
	out     strings.Builder
	failed  bool
	skipped bool
	exit    func()
}

func (f *fakeT) Helper()                  {}
func (f *fakeT) Name() string             { return "fake" }
func (f *fakeT) Context() context.Context { return f.ctx }
func (f *fakeT) Failed() bool             { return f.failed }
func (f *fakeT) Fail()                    { f.failed = true }
func (f *fakeT) FailNow()                 { f.failed = true; f.exit() }
func (f *fakeT) Log(args ...any)          { f.Logf("%s", fmt.Sprintln(args...)) }
func (f *fakeT) Logf(s string, a ...any) {
	fmt.Fprintln(&f.out, strings.TrimSuffix(fmt.Sprintf(s, a...), "\n"))
}
func (f *fakeT) Error(args ...any)         { f.Log(args...); f.Fail() }
func (f *fakeT) Errorf(s string, a ...any) { f.Logf(s, a...); f.Fail() }
func (f *fakeT) Fatal(args ...any)         { f.Log(args...); f.FailNow() }
func (f *fakeT) Fatalf(s string, a ...any) { f.Logf(s, a...); f.FailNow() }
func (f *fakeT) Skipf(s string, a ...any)  { f.Logf(s, a...); f.skipped = true; f.exit() }

type exited struct{}

// failure is what a check says when it fails, without the part of rapid's, and
// "" if it does not fail.
func failure(t *testing.T, check func(t *fakeT)) string {
	f := &fakeT{ctx: t.Context(), exit: func() { panic(exited{}) }}
	func() {
		defer func() {
			if r := recover(); r != nil && r != any(exited{}) {
				panic(r)
			}
		}()
		check(f)
	}()
	if !f.failed {
		return ""
	}
	out := f.out.String()
	if _, after, ok := strings.Cut(out, "Failed test output:\n"); ok {
		out = after
	}
	var own []string
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "[rapid] ") {
			own = append(own, line)
		}
	}
	return strings.Join(own, "")
}
