//go:build unix

package sqlitelog_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/edfsm/edfsm/internal/crashtest"
	"github.com/edfsm/edfsm/internal/faultfs"
	"github.com/edfsm/edfsm/sqlitelog"
	"pgregory.net/rapid"
)

// Whatever is done to a log, in whatever order, and whatever operations fail
// meanwhile, once or from then on, and whenever the power is cut: it keeps what it
// has accepted, and goes on.
func TestFaultModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) { must(rt, faultModelRun(t, rt, sound)) })
}

// A model that does not see what is broken on purpose would not see anything.
func TestFaultModelFindsWhatIsBroken(t *testing.T) {
	crashtest.SkipRace(t)
	found := false
	rapid.Check(t, func(rt *rapid.T) {
		found = found || faultModelRun(t, rt, early) != nil
	})
	if !found {
		t.Fatal("nothing was found")
	}
}

// faultModel does to a log what is drawn.
type faultModel struct {
	dir     string // of a folder for each life
	lives   int
	fs      *faultfs.FS
	work    *workload
	since   int  // when the log was compared with what it had promised
	failing bool // operations may fail
	err     error
}

// faultModelRun does what rt draws, and returns what went wrong.
func faultModelRun(t *testing.T, rt *rapid.T, f flaw) error {
	ctx := t.Context()
	dir, err := os.MkdirTemp(t.TempDir(), "")
	must(rt, err)
	defer os.RemoveAll(dir)
	m := &faultModel{dir: dir, work: flawed(f)(crashtest.Place{})}
	m.live(rt, nil, 0)
	m.do(func() error { return m.work.open(ctx) })
	defer func() { m.end() }()
	actions := make(map[string]func(*rapid.T))
	for name, action := range map[string]func(context.Context, *rapid.T) error{
		"append":    func(ctx context.Context, _ *rapid.T) error { return m.work.append(ctx) },
		"compact":   func(ctx context.Context, _ *rapid.T) error { return m.work.compact(ctx) },
		"snapshot":  func(ctx context.Context, _ *rapid.T) error { return m.work.save(ctx) },
		"deliver":   m.deliver,
		"inject":    m.inject,
		"heal":      func(ctx context.Context, _ *rapid.T) error { return m.heal(ctx) },
		"reopen":    m.reopen,
		"power cut": m.cutPower,
	} {
		actions[name] = func(rt *rapid.T) { m.do(func() error { return action(ctx, rt) }) }
	}
	rt.Repeat(actions)
	m.do(func() error { return m.heal(ctx) })
	m.do(func() error { return m.again(ctx) })
	return m.err
}

// do does something unless something went wrong before. While operations fail it
// may fail, and so it may when that was why the file was given up.
func (m *faultModel) do(action func() error) {
	if m.err != nil {
		return
	}
	err := action()
	if err != nil && !m.failing && !errors.Is(err, sqlitelog.ErrFailed) {
		m.err = err
	}
}

// live begins a life with some files, with what was promised in the one before.
func (m *faultModel) live(rt *rapid.T, files map[string][]byte, moment int) {
	m.lives++
	dir := filepath.Join(m.dir, fmt.Sprint(m.lives))
	must(rt, os.Mkdir(dir, 0o700))
	for name, data := range files {
		must(rt, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	fs, err := faultfs.New(dir)
	must(rt, err)
	m.fs, m.failing, m.since = fs, false, 0
	m.work = m.work.Until(moment, crashtest.Place{Dir: dir, Now: func() int { return len(fs.Ops()) }})
}

// end ends a life.
func (m *faultModel) end() {
	m.fs.Heal()
	m.work.Close()
	m.fs.Close()
}

func (m *faultModel) inject(_ context.Context, rt *rapid.T) error {
	m.fs.Inject(faultfs.Plan{
		Fault:  rapid.SampledFrom([]faultfs.Fault{faultfs.Fail, faultfs.Full, faultfs.Short, faultfs.NoSync}).Draw(rt, "fault"),
		At:     rapid.IntRange(1, 60).Draw(rt, "at"),
		Always: rapid.Bool().Draw(rt, "always"),
	})
	m.failing = true
	return nil
}

// heal ends the faults. The log that is open goes on, or was given up.
func (m *faultModel) heal(ctx context.Context) error {
	m.fs.Heal()
	m.failing = false
	err := m.work.append(ctx)
	if m.work.log == nil || errors.Is(err, sqlitelog.ErrFailed) {
		return m.again(ctx)
	}
	return err
}

// again opens the log anew, and compares it with what was promised.
func (m *faultModel) again(ctx context.Context) error {
	m.work.Close()
	if err := m.work.open(ctx); err != nil {
		return fmt.Errorf("open again: %w", err)
	}
	_, err := m.work.check(ctx)
	m.since = m.work.at.Now()
	return err
}

func (m *faultModel) reopen(ctx context.Context, rt *rapid.T) error {
	if m.failing && rapid.Bool().Draw(rt, "fails on") {
		return errors.Join(m.work.Close(), m.work.open(ctx))
	}
	if err := m.heal(ctx); err != nil {
		return err
	}
	return m.again(ctx)
}

// deliver hands over what there is, and something.
func (m *faultModel) deliver(ctx context.Context, _ *rapid.T) error {
	if err := m.work.append(ctx); err != nil {
		return err
	}
	return m.work.deliver(ctx)
}

// cutPower goes on with what a power cut has left, now or a while ago.
func (m *faultModel) cutPower(ctx context.Context, rt *rapid.T) error {
	moment := rapid.IntRange(m.since, m.work.at.Now()).Draw(rt, "moment")
	seed := rapid.Uint64Range(faultfs.DropAll, faultfs.Drawn+1000).Draw(rt, "seed")
	files := m.fs.Image(moment, seed)
	m.end()
	m.live(rt, files, moment)
	return m.again(ctx)
}
