package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/edfsm/edfsm/history"
)

// shown is how many values of each record are in a report: the newest.
const shown = 40

// report writes a table of the newest readings in a file. The file is only read,
// also while another process writes it.
func report(ctx context.Context, path string, out io.Writer) error {
	h, err := history.Open(ctx, path, history.Config{File: history.Options{ReadOnly: true}})
	if errors.Is(err, history.ErrNoHistory) {
		return fmt.Errorf("%s has no readings", path)
	}
	if err != nil {
		return err
	}
	all, err := latest(ctx, h)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%s has no readings", path)
	}
	if len(all) > 0 {
		err = errors.Join(err, writeTable(out, all))
	}
	return errors.Join(err, h.Close())
}

// recent is the newest values of a record, oldest first.
type recent struct {
	record string
	last   time.Time
	values []float64
}

// latest returns the recent values of all records. Rows that cannot be read are
// left out and make the error.
func latest(ctx context.Context, h *history.History) (all []recent, err error) {
	records, err := recordsOf(h)
	if err != nil {
		return nil, err
	}
	var errs []error
	for row, err := range records.Latest(ctx, "reading/*", shown) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if len(all) == 0 || all[len(all)-1].record != row.Record {
			all = append(all, recent{record: row.Record, last: row.At})
		}
		s := &all[len(all)-1]
		s.values = append(s.values, row.Value)
	}
	for _, s := range all {
		slices.Reverse(s.values)
	}
	return all, errors.Join(errs...)
}

func writeTable(out io.Writer, all []recent) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "record\tlatest\tat\toldest to newest\tmin\tmean\tmax\tvalues")
	for _, s := range all {
		fmt.Fprintf(table, "%s\t%.4g\t%s\t%s\t%.4g\t%.4g\t%.4g\t%d\n",
			s.record, s.values[len(s.values)-1], s.last.Local().Format(time.DateTime), sparkline(s.values),
			slices.Min(s.values), mean(s.values), slices.Max(s.values), len(s.values))
	}
	return table.Flush()
}

// mean divides before it adds, so that no sum is too large.
func mean(values []float64) (mean float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	return mean
}

var bars = []rune("▁▂▃▄▅▆▇█")

// sparkline draws each value as a bar: the lowest for the least of them, the
// highest for the greatest. Values that are all the same have the lowest.
func sparkline(values []float64) string {
	if len(values) == 0 {
		return ""
	}
	least := slices.Min(values) / 2 // halves, as a difference may be too large
	span := slices.Max(values)/2 - least
	var line strings.Builder
	for _, v := range values {
		bar := 0
		if span > 0 {
			bar = int((v/2-least)/span*float64(len(bars)-1) + 0.5)
		}
		line.WriteRune(bars[bar])
	}
	return line.String()
}
