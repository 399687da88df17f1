package findings

import (
	"fmt"
	"strconv"

	"github.com/edfsm/edfsm/bench/internal/measure"
	"github.com/edfsm/edfsm/bench/internal/report"
)

// Where is the dims that results must have; "" stands for one that they must not
// have.
type Where map[string]string

// Takes reports whether a result has them.
func (w Where) Takes(d report.Dims) bool {
	for name, want := range w {
		if Text(d[name]) != want {
			return false
		}
	}
	return true
}

// Text is a dim in words; one that is missing is none.
func Text(dim any) string {
	if dim == nil {
		return ""
	}
	return fmt.Sprint(dim)
}

// Label is what readers call an engine: they know edfsm by no other name.
func Label(engine string) string {
	if engine == "sqlite" {
		return "edfsm"
	}
	return engine
}

// Short is a figure in three digits and a letter.
func Short(v float64) string {
	for _, unit := range []struct {
		size   float64
		letter string
	}{{1e6, "M"}, {1e3, "k"}} {
		if v >= 0.9995*unit.size {
			return strconv.FormatFloat(v/unit.size, 'g', 3, 64) + unit.letter
		}
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// find is the first result of a name in a unit that has some dims and meets a
// condition.
func (f Findings) find(name, unit string, w Where, meets func(report.Result) bool) (report.Result, bool) {
	for _, r := range f.Results {
		if r.Name == name && r.Unit == unit && w.Takes(r.Dims) && meets(r) {
			return r, true
		}
	}
	return report.Result{}, false
}

// figure is a result in a cell, which is empty if there is none.
func (f Findings) figure(name, unit string, w Where) string {
	r, ok := f.find(name, unit, w, func(report.Result) bool { return true })
	if !ok {
		return ""
	}
	return Short(r.Value)
}

// ratio is how many times as much a result is as another.
func (f Findings) ratio(name, unit string, w Where, versus string) string {
	r, ok := f.find(name, unit, w, func(r report.Result) bool { return r.Versus == versus && r.Ratio != nil })
	if !ok {
		return ""
	}
	mark := ""
	if r.Spread() > measure.Swing {
		mark = " !"
	}
	return fmt.Sprintf("%s (%s … %s)%s", Short(r.Ratio.Median), Short(r.Ratio.Min), Short(r.Ratio.Max), mark)
}
