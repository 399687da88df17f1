//go:build unix

package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// asProgram makes the test binary the program. Its value is the bytes that a
// file may have, 0 for any number.
const asProgram = "EDFSM_BENCH_AS_PROGRAM"

func TestMain(m *testing.M) {
	limit, ok := os.LookupEnv(asProgram)
	if !ok {
		os.Exit(m.Run())
	}
	if n, err := strconv.ParseUint(limit, 10, 64); err == nil && n > 0 {
		signal.Ignore(syscall.SIGXFSZ) // what is written beyond is an error
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
			panic(err)
		}
	}
	main()
	os.Exit(0)
}

// program starts the program. Its standard error is to be read.
func program(t *testing.T, limit string, args ...string) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"="+limit)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, stderr
}

func TestSignals(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		dir := t.TempDir()
		cmd, stderr := program(t, "0", "-quick", "-force", "-dir", dir)
		var last string
		for s := bufio.NewScanner(stderr); s.Scan(); {
			last = s.Text()
			if !strings.HasSuffix(last, "append: 1 callers") {
				continue
			}
			for range 2 { // the second of an impatient user
				if err := cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
			}
		}
		failed(t, cmd)
		if last != "bench: interrupted" {
			t.Errorf("after %v it says %q", sig, last)
		}
		isEmpty(t, dir)
	}
}

// A file that may not grow is as good as a disk that is full.
func TestNoRoom(t *testing.T) {
	dir := t.TempDir()
	cmd, stderr := program(t, "5000000", "-quick", "-force", "-dir", dir)
	said, err := io.ReadAll(stderr)
	if err != nil {
		t.Fatal(err)
	}
	failed(t, cmd)
	if !strings.Contains(string(said), "\nbench: no room left in "+dir+": ") {
		t.Errorf("it says %s", said)
	}
	isEmpty(t, dir)
}

func failed(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	exit, ok := errors.AsType[*exec.ExitError](cmd.Wait())
	if !ok || exit.ExitCode() != 1 {
		t.Errorf("it ends with %v", exit)
	}
}
