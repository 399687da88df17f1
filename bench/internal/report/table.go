package report

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/edfsm/edfsm/bench/internal/measure"
)

// table is the results of one name: a line for what was measured, with its
// figure, what that is compared with, and its other figures, which stand alone
// here. What these compare with is in the JSON.
type table struct {
	name    string
	columns []string
	lines   []*line
}

// line is the results whose dims are the same, quantiles aside.
type line struct {
	dims  Dims
	unit  string // of its figure
	cells map[string]string
}

const figure = "figure"

func newTable(results []Result) *table {
	t := &table{name: results[0].Name, columns: []string{figure}}
	for _, r := range results {
		t.add(r)
	}
	return t
}

func (t *table) add(r Result) {
	dims := r.Dims.without("quantile")
	l := t.lineOf(dims)
	if l == nil {
		l = &line{dims: dims, cells: map[string]string{}}
		t.lines = append(t.lines, l)
	}
	if q, ok := r.Dims["quantile"]; ok {
		t.set(l, fmt.Sprint(q, " ", r.Unit), number(r.Value)+swings(true, r))
		return
	}
	if l.unit == "" {
		l.unit = r.Unit
		t.set(l, figure, number(r.Value)+" "+r.Unit+swings(r.Ratio == nil, r))
	}
	switch {
	case r.Unit != l.unit:
		t.set(l, r.Unit, number(r.Value)+swings(true, r))
	case r.Ratio != nil:
		t.set(l, "× "+r.Versus, fmt.Sprintf("%s (%s … %s)%s", times(r.Ratio.Median), times(r.Ratio.Min), times(r.Ratio.Max), swings(true, r)))
	}
}

// lineOf looks from the end, as results of a line mostly come together.
func (t *table) lineOf(dims Dims) *line {
	for _, l := range slices.Backward(t.lines) {
		if len(l.dims) == len(dims) && l.dims.has(dims) {
			return l
		}
	}
	return nil
}

func (t *table) set(l *line, column, cell string) {
	if _, ok := l.cells[column]; ok {
		return // the same figure, compared with something else
	}
	l.cells[column] = cell
	if !slices.Contains(t.columns, column) {
		t.columns = append(t.columns, column)
	}
}

// swings marks a result that says little, if it is shown.
func swings(shown bool, r Result) string {
	if shown && r.Spread() > measure.Swing {
		return " !"
	}
	return ""
}

// common is the dims that all lines share.
func (t *table) common() Dims {
	all := Dims{}
	for name, value := range t.lines[0].dims {
		shared := !slices.ContainsFunc(t.lines, func(l *line) bool { return !l.dims.has(Dims{name: value}) })
		if shared && len(t.lines) > 1 {
			all[name] = value
		}
	}
	return all
}

func (t *table) write(b *strings.Builder) {
	common := t.common()
	fmt.Fprintln(b, strings.TrimSpace(strings.ToUpper(t.name)+"  "+common.String()))
	rows := [][]string{append([]string{""}, t.columns...)}
	for _, l := range t.lines {
		own := l.dims
		for name := range common {
			own = own.without(name)
		}
		row := []string{own.String()}
		for _, column := range t.columns {
			row = append(row, l.cells[column])
		}
		rows = append(rows, row)
	}
	writeRows(b, rows)
}

// writeRows writes the cells of each column below each other.
func writeRows(b *strings.Builder, rows [][]string) {
	var out strings.Builder
	tab := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(tab, "  "+strings.Join(row, "\t"))
	}
	tab.Flush() // into memory
	for line := range strings.Lines(out.String()) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
}
