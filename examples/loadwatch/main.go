// Command loadwatch watches this computer, or a series of readings, and tells
// on standard output, one JSON line each, when its level of load, memory or
// pressure changes between normal, warning and critical.
//
//	loadwatch [-db FILE] [-every 1s] [-for 0] [-in FILE]
//	loadwatch [-db FILE] -report
//
// Each change is an event in an SQLite file before anybody hears of it. Killed
// at any moment, the program comes back in the state it died in.
//
// The readings go into the same file, beside the events and not before them: a
// kill may take the newest. A series that is read again is recorded again.
// Readings are kept for 7 days by their own time; older ones are deleted, also
// those of an old series, when the program starts and then once a day. With
// -report it prints the newest of them as a table, also while another loadwatch
// is at work on the file.
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
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt does not wait
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "loadwatch:", err)
		os.Exit(1)
	}
}

// run is the program. It ends without an error when ctx ends.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if o.report {
		return unlessEnded(ctx, report(ctx, o.db, stdout))
	}
	if o.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.duration)
		defer cancel()
	}
	readings := samples(ctx, o.every, measure)
	if o.in != "" {
		input, err := o.openInput(stdin)
		if err != nil {
			return err
		}
		defer input.Close()
		readings = lines(input)
	}
	file, err := openFile(ctx, o.db)
	if err != nil {
		return unlessEnded(ctx, err)
	}
	console := newConsole(stderr)
	w := newWatch(file.events, file.readings, stdout, console)
	if o.in == "" && isTerminal(stdin) {
		console.say("press Enter to acknowledge, Ctrl-C to end")
		go w.acknowledge(ctx, stdin)
	}
	return errors.Join(w.run(ctx, readings), file.Close())
}

type options struct {
	db, in          string
	every, duration time.Duration
	report          bool
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("loadwatch", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.db, "db", "loadwatch.db", "`file` that keeps the events and the readings")
	flags.DurationVar(&o.every, "every", time.Second, "time from one reading to the next")
	flags.DurationVar(&o.duration, "for", 0, "end after this time; 0: when interrupted")
	flags.StringVar(&o.in, "in", "", "`file` of readings as JSON lines, - for standard input, instead of this computer's")
	flags.BoolVar(&o.report, "report", false, "print the newest readings in the file, also beside a program that writes it, and end")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(stderr)
		flags.Usage()
	case err != nil:
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.report && o.in != "":
		err = errors.New("-report and -in exclude each other")
	case o.every <= 0:
		err = fmt.Errorf("-every %v is not positive", o.every)
	case o.duration < 0:
		err = fmt.Errorf("-for %v is negative", o.duration)
	}
	return o, err
}

func (o options) openInput(stdin io.Reader) (io.ReadCloser, error) {
	if o.in == "-" {
		return io.NopCloser(stdin), nil
	}
	return os.Open(o.in)
}
