package findings

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Table is engines side by side.
type Table struct {
	Title string
	Head  []string
	Rows  []Row
}

// Row is an engine.
type Row struct {
	Ours  bool
	Cells []string
}

// Tables are the comparison. Engines whose acknowledgement does not mean on disk
// have tables of their own: their figures are of something else.
func (f Findings) Tables() (tables []Table) {
	for _, durable := range []bool{true, false} {
		means := map[bool]string{true: "on disk", false: "NOT on disk"}[durable]
		for _, t := range []Table{
			f.table("What is acknowledged is "+means, durable, f.figures()),
			f.table("How many times as many events/s edfsm takes as what is "+means, durable, f.ratios()),
		} {
			if len(t.Rows) > 0 {
				tables = append(tables, t)
			}
		}
	}
	return tables
}

// column is a figure of each engine, with what stands above it.
type column struct {
	head string
	cell func(engine string) string
}

func (f Findings) table(title string, durable bool, columns []column) Table {
	t := Table{Title: title, Head: []string{"engine", "on disk"}}
	for _, c := range columns {
		t.Head = append(t.Head, c.head)
	}
	for i, e := range f.Engines {
		row := Row{Ours: i == 0, Cells: []string{Label(e.Name), map[bool]string{true: "yes", false: "NO"}[e.Durable]}}
		for _, c := range columns {
			row.Cells = append(row.Cells, c.cell(e.Name))
		}
		if e.Durable == durable && strings.Join(row.Cells[2:], "") != "" {
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

// felt is the callers at which latencies are told.
const felt = "64"

func (f Findings) figures() (columns []column) {
	for _, n := range f.callers() {
		columns = append(columns, column{"ev/s @" + n, func(engine string) string {
			return f.figure("append", "events/s", Where{"log": engine, "callers": n, "quantile": ""})
		}})
	}
	for _, q := range []string{"p50", "p99"} {
		columns = append(columns, column{q + " ms @" + felt, func(engine string) string {
			return f.figure("append", "ms", Where{"log": engine, "callers": felt, "quantile": q})
		}})
	}
	events := f.replayed()
	return append(columns,
		column{"replay ev/s", func(engine string) string {
			return f.figure("replay", "events/s", Where{"log": engine, "beside": "peers", "events": events})
		}},
		column{"B/ev", func(engine string) string {
			return f.figure("size", "B/event", Where{"log": engine, "codec": "bytes", "events": events})
		}})
}

// ratios are of edfsm over the engine of a row.
func (f Findings) ratios() (columns []column) {
	ours := f.Engines[0].Name
	for _, n := range f.callers() {
		columns = append(columns, column{"@" + n, func(engine string) string {
			return f.ratio("append", "events/s", Where{"log": ours, "callers": n, "quantile": ""}, engine)
		}})
	}
	return columns
}

// callers are how many appended, as they come.
func (f Findings) callers() (callers []string) {
	for _, r := range f.Results {
		if n := Text(r.Dims["callers"]); r.Name == "append" && !slices.Contains(callers, n) {
			callers = append(callers, n)
		}
	}
	return callers
}

// replayed is how many events the peers have replayed.
func (f Findings) replayed() string {
	for _, r := range f.Results {
		if r.Name == "replay" && r.Versus == f.Engines[0].Name {
			return Text(r.Dims["events"])
		}
	}
	return ""
}

const legend = `
@n: by n callers at the same time; ev: event, of some 50 bytes. Behind a ratio are
the least and the greatest of the rounds; one that swings by more than 2 is marked
with ! and says little.
`

// WriteText writes the tables, and how each engine keeps an event.
func (f Findings) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, t := range f.Tables() {
		fmt.Fprintf(&b, "\n%s\n", strings.ToUpper(t.Title))
		tab := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintln(tab, "  "+strings.Join(t.Head, "\t"))
		for _, r := range t.Rows {
			fmt.Fprintln(tab, "  "+strings.Join(r.Cells, "\t"))
		}
		tab.Flush() // into memory
	}
	b.WriteString(legend + "\nHOW\n")
	for _, e := range f.Engines {
		fmt.Fprintf(&b, "  %-15s %s\n", Label(e.Name), e.How)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
