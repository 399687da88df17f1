// Package report is what a run of the benchmarks has found: as JSON for
// programs, as text for people, and judged by the numbers that are aimed at.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/edfsm/edfsm/bench/internal/device"
	"github.com/edfsm/edfsm/bench/internal/measure"
)

// Report is one run.
type Report struct {
	Device  device.Info `json:"device"`
	Results []Result    `json:"results"`
}

// Result is one figure, and how it compares with one other. A figure that
// compares with several has as many results.
type Result struct {
	Name  string  `json:"name"`
	Dims  Dims    `json:"dims"`
	Unit  string  `json:"unit"`
	Value float64 `json:"value"` // the median of the rounds

	// Versus is what the figure is divided by, round by round; "" if it stands
	// alone, and then there is no Ratio.
	Versus string `json:"versus,omitempty"`
	Ratio  *Ratio `json:"ratio,omitempty"`

	spread float64 // of the rounds of the figure itself; 0: not known
}

// Dims are what was measured, such as {"log": "sqlite", "callers": 64}.
type Dims map[string]any

// Ratio is a figure divided by another of the same round.
type Ratio struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

// Figure is a result that stands alone.
func Figure(name string, dims Dims, unit string, s measure.Series) Result {
	return Result{Name: name, Dims: dims, Unit: unit, Value: s.Median(), spread: s.Spread()}
}

// Compared is a result beside the same rounds of another.
func Compared(name string, dims Dims, unit string, s measure.Series, versus string, base measure.Series) Result {
	r := Figure(name, dims, unit, s)
	ratios := s.Over(base)
	r.Versus, r.Ratio = versus, &Ratio{Min: ratios.Min(), Median: ratios.Median(), Max: ratios.Max()}
	return r
}

// Spread is how much a result swings from round to round: its ratio, which is
// what to look at, or else the figure itself.
func (r Result) Spread() float64 {
	if r.Ratio != nil {
		return measure.Spread(r.Ratio.Min, r.Ratio.Max)
	}
	return max(r.spread, 1)
}

// Key names a result as Go names benchmarks: append/log=sqlite/callers=64.
func (r Result) Key() string {
	return strings.Join(append([]string{r.Name}, strings.Fields(r.Dims.String())...), "/")
}

// Check says which figure is none: a program that divides by zero must not
// print it.
func (r Report) Check() error {
	for _, r := range r.Results {
		figures := []float64{r.Value}
		if r.Ratio != nil {
			figures = append(figures, r.Ratio.Min, r.Ratio.Median, r.Ratio.Max)
		}
		for _, f := range figures {
			if math.IsNaN(f) || math.IsInf(f, 0) {
				return fmt.Errorf("%s in %s is %v", r.Key(), r.Unit, f)
			}
		}
	}
	return nil
}

// WriteJSON writes a report as one object.
func (r Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}
