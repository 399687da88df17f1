//go:build unix

package crashtest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

const childEnv = "EDFSM_TEST_CHILD"

// Main is what TestMain calls of a package whose tests [Start] processes. The
// test binary is also the program that is killed: in a child Main does the work
// of its name, with the arguments that it was given.
func Main(m *testing.M, works map[string]func(args []string) error) {
	said := os.Getenv(childEnv)
	if said == "" {
		os.Exit(m.Run())
	}
	if err := child(said, works); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(said string, works map[string]func(args []string) error) error {
	var args []string
	if err := json.Unmarshal([]byte(said), &args); err != nil {
		return err
	}
	work, ok := works[args[0]]
	if !ok {
		return fmt.Errorf("no work called %q", args[0])
	}
	return work(args[1:])
}

// Child is a process that says numbers on its standard output, unbuffered: what
// it has been promised.
type Child struct {
	Last int // the number it has said last

	cmd  *exec.Cmd
	said *bufio.Scanner
}

// Start starts a child with some work to do. When the test ends it is killed. It
// skips a test as [SkipRace] does: no race is between two processes.
func Start(t *testing.T, work string, args ...string) *Child {
	t.Helper()
	SkipRace(t)
	said, err := json.Marshal(append([]string{work}, args...))
	must(t, err)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(said))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	return &Child{cmd: cmd, said: bufio.NewScanner(out)}
}

// Read takes one number and reports whether there was one.
func (c *Child) Read(t *testing.T) bool {
	t.Helper()
	if !c.said.Scan() {
		return false
	}
	n, err := strconv.Atoi(c.said.Text())
	must(t, err)
	c.Last = n
	return true
}

// Drain takes the numbers that are left and returns how the process has ended.
func (c *Child) Drain(t *testing.T) error {
	t.Helper()
	for c.Read(t) {
	}
	return c.cmd.Wait()
}

// Kill lets the process say some numbers more, kills it a moment later, and
// takes what it has said by then.
func (c *Child) Kill(t *testing.T, numbers int, moment time.Duration) {
	t.Helper()
	for range numbers {
		if !c.Read(t) {
			t.Fatalf("the process has ended by itself: %v", c.cmd.Wait())
		}
	}
	<-time.After(moment)
	must(t, c.cmd.Process.Kill())
	if err := c.Drain(t); err == nil {
		t.Fatal("the process has ended by itself")
	}
}

// KillAfter kills the process after a while, unless it ends before, and returns
// how it has ended.
func (c *Child) KillAfter(t *testing.T, while time.Duration) error {
	t.Helper()
	killer := time.AfterFunc(while, func() { c.cmd.Process.Kill() })
	defer killer.Stop()
	return c.Drain(t)
}

// Kills kills n processes, one after the other, that do some work on what the one
// before has left: each within a few ms after it has said some numbers, at most
// so many. check compares what is left with the number that was said last; after
// an error there is no further one.
func Kills(t *testing.T, n, numbers int, check func(last int) error, work string, args ...string) (errs []error) {
	if n == 0 {
		t.Skip("there is no last kill")
	}
	random := Random(t)
	last := 0
	for i := range n {
		p := Start(t, work, args...)
		p.Kill(t, 1+random.IntN(numbers), time.Duration(random.IntN(3000))*time.Microsecond)
		last = p.Last
		if err := check(last); err != nil {
			return []error{fmt.Errorf("kill %d, after %d: %w", i+1, last, err)}
		}
	}
	t.Logf("%d kills, the last after %d", n, last)
	return nil
}
