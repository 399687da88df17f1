package page

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/edfsm/edfsm/bench/compare/internal/findings"
	"github.com/edfsm/edfsm/bench/internal/report"
)

// curves are results as a plot shows them.
type curves struct {
	labels []string // from left to right
	lines  []line
}

// gather picks the results of a plot and parts them into lines: along one the dim
// x grows, and what else tells results apart tells the lines apart.
func (p plot) gather(results []report.Result) curves {
	figures := map[string]map[string]float64{} // by the name of the line, then by label
	var names, labels []string
	picked := p.pick(results)
	constant := constants(picked, p.x)
	for _, r := range picked {
		name, label := cmp.Or(nameOf(r.Dims, constant), p.rest), findings.Text(r.Dims[p.x])
		if figures[name] == nil {
			figures[name] = map[string]float64{}
			names = append(names, name)
		}
		if !slices.Contains(labels, label) {
			labels = append(labels, label)
		}
		figures[name][label] = r.Value
	}
	slices.SortStableFunc(labels, byNumber)
	c := curves{labels: labels}
	for _, name := range names {
		c.lines = append(c.lines, lineOf(name, labels, figures[name]))
	}
	return c
}

// pick is the results that a plot is about, each once: one that is compared with
// several others is there as often.
func (p plot) pick(results []report.Result) (picked []report.Result) {
	seen := map[string]bool{}
	for _, r := range results {
		if r.Name != p.measure || r.Unit != p.unit || r.Dims[p.x] == nil || !p.where.Takes(r.Dims) || seen[r.Key()] {
			continue
		}
		seen[r.Key()] = true
		picked = append(picked, r)
	}
	return picked
}

// constants are the dims that are the same in all results.
func constants(results []report.Result, x string) map[string]bool {
	constant := map[string]bool{x: true}
	for _, r := range results {
		for name := range r.Dims {
			if _, known := constant[name]; !known {
				constant[name] = !slices.ContainsFunc(results, func(other report.Result) bool {
					return findings.Text(other.Dims[name]) != findings.Text(r.Dims[name])
				})
			}
		}
	}
	return constant
}

// nameOf is the values of the dims that are not constant.
func nameOf(d report.Dims, constant map[string]bool) string {
	var parts []string
	for _, name := range slices.SortedFunc(maps.Keys(d), byRank) {
		if constant[name] {
			continue
		}
		value := findings.Text(d[name])
		switch name {
		case "log":
			value = findings.Label(value)
		case "codec", "query", "moment": // they speak for themselves
		default:
			value = name + " " + value
		}
		parts = append(parts, value)
	}
	return strings.Join(parts, ", ")
}

// byRank puts the log first.
func byRank(a, b string) int {
	rank := func(name string) int {
		if name == "log" {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
}

// lineOf is a line through figures by label.
func lineOf(name string, labels []string, figures map[string]float64) line {
	l := line{Name: name}
	for _, label := range labels {
		v, ok := figures[label]
		if !ok {
			v = gap
		} else {
			l.Last = findings.Short(v)
		}
		l.values = append(l.values, v)
	}
	return l
}

func byNumber(a, b string) int {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	if errX != nil || errY != nil {
		return 0
	}
	return cmp.Compare(x, y)
}

// fullest is the curves cut down to the one label that most of them have.
func (c curves) fullest() curves {
	best, most := 0, -1
	for i := range c.labels {
		n := 0
		for _, l := range c.lines {
			if l.values[i] != gap {
				n++
			}
		}
		if n >= most {
			best, most = i, n
		}
	}
	cut := curves{labels: c.labels[best : best+1]}
	for _, l := range c.lines {
		if l.values[best] != gap {
			l.values = l.values[best : best+1]
			cut.lines = append(cut.lines, l)
		}
	}
	return cut
}
