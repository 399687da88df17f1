// Command bench measures edfsm on the computer and the disk in front of the
// user: how fast it is here, how near that is to what the device can do, and how
// it compares with what one would write instead.
//
//	bench [-dir .] [-quick] [-only NAME,…] [-json FILE] [-force]
//
// It needs some minutes and 1 GB in the folder, and leaves nothing there, also
// when it is interrupted. A run with -quick takes less than a minute; its
// figures are rough, and no target is judged by them. Progress goes to standard
// error, the report to standard output.
//
// On a file system in memory, or one behind which there is no device, figures
// mean nothing: there it refuses to run, unless with -force.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/edfsm/edfsm/bench/internal/device"
	"github.com/edfsm/edfsm/bench/internal/report"
	"github.com/edfsm/edfsm/bench/internal/suite"
)

func main() {
	// Further interrupts do not end it sooner: it has files to delete.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	dir, json    string
	only         []string
	quick, force bool
	scale        suite.Scale
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	var only string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.dir, "dir", ".", "`folder` on the device to be measured")
	flags.BoolVar(&o.quick, "quick", false, "less than a minute: a tenth of the sizes, and no target is judged")
	flags.StringVar(&o.json, "json", "", "`file` to which the results are written too")
	flags.StringVar(&only, "only", "", "`names` of what to measure, with commas between them: "+strings.Join(suite.Names(), ", "))
	flags.BoolVar(&o.force, "force", false, "run also where figures mean nothing")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	o.scale = suite.Full
	if o.quick {
		o.scale = suite.Quick
	}
	if only != "" {
		o.only = strings.Split(only, ",")
	}
	for _, name := range o.only {
		if !slices.Contains(suite.Names(), name) {
			return o, fmt.Errorf("-only %s: there are %s", name, strings.Join(suite.Names(), ", "))
		}
	}
	return o, nil
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
	return bench(ctx, o, stdout, stderr)
}

// bench measures, in a folder of its own that goes at the end, and reports.
func bench(ctx context.Context, o options, stdout, stderr io.Writer) error {
	info, err := device.Name(o.dir)
	if err != nil {
		return err
	}
	info.Date, info.Quick = time.Now().Round(time.Second), o.quick
	fmt.Fprintln(stderr, info.Line())
	if err := o.scale.Usable(o.dir, info, o.force); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "edfsm-bench-")
	if err != nil {
		return err
	}
	begun := time.Now()
	r := &suite.Run{Dir: dir, Scale: o.scale, Progress: func(text string) {
		fmt.Fprintf(stderr, "%4.0f s  %s\n", time.Since(begun).Seconds(), text)
	}}
	found := report.Report{Device: info}
	found.Device.Speed, err = r.Device(ctx)
	if err == nil {
		err = r.Measure(ctx, o.only)
	}
	found.Results = r.Results
	if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
		return suite.Explain(ctx, o.dir, err)
	}
	fmt.Fprintf(stderr, "%4.0f s  done\n", time.Since(begun).Seconds())
	return write(found, o, stdout)
}

// write prints the report first: a file that cannot be written does not take
// with it what was measured for minutes.
func write(found report.Report, o options, stdout io.Writer) error {
	if err := found.Check(); err != nil {
		return err
	}
	err := found.WriteText(stdout, !o.quick)
	if o.json == "" {
		return err
	}
	f, cannot := os.Create(o.json)
	if cannot != nil {
		return errors.Join(err, cannot)
	}
	return errors.Join(err, found.WriteJSON(f), f.Close())
}
