// Command compare measures what bench measures, and then the same work through
// what people would pick instead of edfsm, in the same run on the same device.
//
//	go run -C bench/compare . [-dir .] [-quick] [-only NAME,…] [-json FILE] [-html report.html] [-force]
//	go run -C bench/compare . -from FILE [-html report.html]
//
// It writes tables to standard output and a page with plots to report.html. A
// figure that is not durable is in a table of its own. With -from it draws the
// page of a run that was saved by -json. It needs eleven minutes, 1 GB in the
// folder and, for mattn/go-sqlite3, a C compiler; without one that peer is left
// out. Nothing is left in the folder, also when it is interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/edfsm/edfsm/bench/compare/internal/findings"
	"github.com/edfsm/edfsm/bench/compare/internal/page"
)

func main() {
	// Further interrupts do not end it sooner: it has files to delete.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// run is the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	f, err := find(ctx, o, stderr)
	if err != nil {
		return err
	}
	return tell(f, o, stdout)
}

// find measures, or reads what was measured.
func find(ctx context.Context, o options, stderr io.Writer) (f findings.Findings, err error) {
	if o.from == "" {
		return compare(ctx, o, stderr)
	}
	file, err := os.Open(o.from)
	if err != nil {
		return f, err
	}
	if f, err = findings.Read(file); err != nil {
		err = fmt.Errorf("%s: %w", o.from, err)
	}
	return f, errors.Join(err, file.Close())
}

// tell writes findings to all places where they belong, the tables first: a file
// that cannot be written does not take with it what was measured for minutes.
func tell(f findings.Findings, o options, stdout io.Writer) error {
	if err := f.Check(); err != nil {
		return err
	}
	err := errors.Join(f.Alone().WriteText(stdout, !f.Device.Quick), f.WriteText(stdout))
	if o.json != "" {
		err = errors.Join(err, create(o.json, f.WriteJSON))
	}
	return errors.Join(err, create(o.html, func(w io.Writer) error { return page.Write(w, f) }))
}

func create(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}
