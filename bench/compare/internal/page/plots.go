package page

import (
	"cmp"
	"html/template"
	"slices"

	"github.com/edfsm/edfsm/bench/compare/internal/findings"
	"github.com/edfsm/edfsm/bench/internal/report"
)

// plot says which results are drawn, and how.
type plot struct {
	ID, Title, Note string

	measure, unit string
	where         findings.Where
	x, axis       string // the dim that grows to the right, and its words
	rest          string // the name of the line that has no other
	bars          bool   // of one label, and not lines over all
	durable       bool   // only what is on disk when it is acknowledged
}

const everyScale = "Both axes are logarithmic."

// plots are all of them, in the order of the page.
var plots = []plot{
	{
		ID: "throughput", Title: "Durable appends, events a second", Note: "More is better. " + everyScale,
		measure: "append", unit: "events/s", where: findings.Where{"quantile": ""}, x: "callers", axis: "callers", durable: true,
	},
	latency("p50", "What half of the appends take at most, ms"),
	latency("p99", "What 99 of 100 appends take at most, ms"),
	latency("p99.9", "What 999 of 1,000 appends take at most, ms"),
	{
		ID: "replay", Title: "Replay of the same events, events a second", Note: "More is better. Bytes are handed over; none are decoded.",
		measure: "replay", unit: "events/s", where: findings.Where{"beside": "peers"}, x: "events", bars: true,
	},
	{
		ID: "replay-codecs", Title: "Replay by codec and length, events a second", Note: "More is better. " + everyScale,
		measure: "replay", unit: "events/s", where: findings.Where{"beside": ""}, x: "events", axis: "events in the log",
	},
	{
		ID: "latest", Title: "The newest value of each of 50 records, ms", Note: "Less is better, and flat is best. " + everyScale,
		measure: "latest", unit: "ms", where: findings.Where{"n": "1"}, x: "rows", axis: "rows of each record", rest: "history",
	},
	{
		ID: "range", Title: "The same range of each of 50 records, ms", Note: "Less is better, and flat is best. " + everyScale,
		measure: "range", unit: "ms", x: "rows", axis: "rows of each record", rest: "history",
	},
	upkeep("compaction", "What callers feel while a log is compacted, ms an append"),
	upkeep("cleanup", "What callers feel while old rows are deleted, ms a row stored"),
}

func latency(quantile, title string) plot {
	return plot{
		ID: "latency-" + quantile, Title: title, Note: "Less is better. " + everyScale,
		measure: "append", unit: "ms", where: findings.Where{"quantile": quantile}, x: "callers", axis: "callers", durable: true,
	}
}

func upkeep(measure, title string) plot {
	return plot{
		ID: measure, Title: title, Note: "Less is better; the nearer to quiet, the better. The axis of ms is logarithmic.",
		measure: measure, unit: "ms", x: "quantile", axis: "quantile",
	}
}

// drawn is a plot on the page.
type drawn struct {
	plot
	SVG    template.HTML
	Legend []line
}

// draw draws a plot; false if there is nothing to be drawn.
func (p plot) draw(f findings.Findings) (d drawn, ok bool, err error) {
	c := p.gather(p.shown(f))
	if len(c.lines) == 0 {
		return drawn{}, false, nil
	}
	paint(c.lines, f.Engines)
	d = drawn{plot: p}
	var svg []byte
	if p.bars {
		c = c.fullest()
		svg, err = drawBars(c.lines)
	} else {
		d.Legend = slices.SortedFunc(slices.Values(c.lines), higher)
		svg, err = drawLines(c.labels, p.axis, c.lines)
	}
	d.SVG = template.HTML(svg)
	return d, true, err
}

// higher puts a line before one that ends below it, so that a legend is in the
// order of the curves.
func higher(a, b line) int {
	return cmp.Compare(b.values[len(b.values)-1], a.values[len(a.values)-1])
}

// shown is the results that a plot may show.
func (p plot) shown(f findings.Findings) (results []report.Result) {
	if !p.durable {
		return f.Results
	}
	durable := map[string]bool{}
	for _, e := range f.Engines {
		durable[e.Name] = e.Durable
	}
	for _, r := range f.Results {
		if durable[findings.Text(r.Dims["log"])] {
			results = append(results, r)
		}
	}
	return results
}

// paint gives an engine its color in all plots, and to other lines one each.
func paint(lines []line, engines []findings.Engine) {
	place := map[string]int{}
	for i, e := range engines {
		place[findings.Label(e.Name)] = i
	}
	for i := range lines {
		n, known := place[lines[i].Name]
		if !known {
			n = i
		}
		lines[i].Color = colors[n%len(colors)]
	}
}
