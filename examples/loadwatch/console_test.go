package main

import (
	"bytes"
	"io"
	"os"
	"testing"
)

func TestConsole(t *testing.T) {
	for _, c := range []struct {
		terminal bool
		want     string
	}{
		{false, "new log\nNormal | 10\nWarning\nended\n"},
		{true, "new log\nNormal | 10\r\x1b[KWarning\r\x1b[Kended\n"},
	} {
		var out bytes.Buffer
		console := &console{out: &out, terminal: c.terminal}
		console.say("new log")
		console.status("Normal | 10")
		console.status("Warning")
		console.clear()
		console.clear()
		console.say("ended")
		if out.String() != c.want {
			t.Errorf("terminal %v: %q, want %q", c.terminal, out.String(), c.want)
		}
	}
}

func TestNotATerminal(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, stream := range []io.Reader{null, file, &bytes.Buffer{}} {
		if isTerminal(stream) {
			t.Errorf("%v is taken for a terminal", stream)
		}
	}
}
