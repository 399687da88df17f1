package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/edfsm/edfsm/bench/internal/suite"
)

type options struct {
	dir, json, html, from string
	only                  []string // nil: all
	quick, force          bool
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.dir, "dir", ".", "`folder` on the device to be measured")
	flags.BoolVar(&o.quick, "quick", false, "rough figures in a tenth of the sizes")
	flags.StringVar(&o.json, "json", "", "`file` to which the results are written too")
	flags.StringVar(&o.html, "html", "report.html", "`file` of the page")
	flags.StringVar(&o.from, "from", "", "`file` that was written by -json, to be told again instead of measuring")
	flags.BoolVar(&o.force, "force", false, "run also where figures mean nothing")
	flags.Func("only", "`names` of what to measure, with commas between them: "+strings.Join(suite.Names(), ", "), func(names string) error {
		o.only = strings.Split(names, ",")
		for _, name := range o.only {
			if !slices.Contains(suite.Names(), name) {
				return fmt.Errorf("there is no %s", name)
			}
		}
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return o, nil
}

// wants reports whether something is to be measured.
func (o options) wants(name string) bool { return o.only == nil || slices.Contains(o.only, name) }

func (o options) scale() suite.Scale {
	if o.quick {
		return suite.Quick
	}
	return suite.Full
}
