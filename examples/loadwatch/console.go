package main

import (
	"fmt"
	"io"
	"os"
	"sync"
)

// console is standard error: lines, and on a terminal below them a status that
// is redrawn in place. It is safe for concurrent use.
type console struct {
	out      io.Writer
	terminal bool

	mu    sync.Mutex
	drawn bool // the cursor stands behind a status
}

func newConsole(out io.Writer) *console {
	return &console{out: out, terminal: isTerminal(out)}
}

// status replaces the status, or is a line where there is nothing to redraw.
func (c *console) status(text string) {
	if !c.terminal {
		c.say(text)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
	fmt.Fprint(c.out, text)
	c.drawn = true
}

// say writes a line in the place of the status.
func (c *console) say(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
	fmt.Fprintln(c.out, text)
}

// clear makes room for what others write to the same terminal.
func (c *console) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
}

func (c *console) erase() {
	if c.drawn {
		fmt.Fprint(c.out, "\r\x1b[K")
		c.drawn = false
	}
}

// isTerminal takes every character device but the null device for a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
