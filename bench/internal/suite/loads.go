package suite

import (
	"github.com/edfsm/edfsm/bench/internal/measure"
	"github.com/edfsm/edfsm/bench/internal/report"
)

// quantiles are those of latencies that are reported.
var quantiles = []struct {
	name string
	q    float64
}{{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}}

// loads are what callers have felt, round by round.
type loads []measure.Load

func (l loads) rates() (s measure.Series) {
	for _, load := range l {
		s = append(s, load.Rate)
	}
	return s
}

func (l loads) quantile(q float64) (ms measure.Series) {
	for _, load := range l {
		ms = append(ms, load.Latencies.Quantile(q))
	}
	return ms
}

// versus is what loads are compared with.
type versus struct {
	name string
	rate measure.Series
	ms   func(q float64) measure.Series
}

func (l loads) as(name string) versus { return versus{name, l.rates(), l.quantile} }

// device stands for one durable write, whichever the quantile.
func (p *probe) as() versus {
	return versus{"device", p.rate, func(float64) measure.Series { return p.ms }}
}

// results are the rate of loads and their latencies, against each of some, or
// alone if there are none.
func (l loads) results(name string, dims report.Dims, unit string, against ...versus) (out []report.Result) {
	if len(against) == 0 {
		out = append(out, report.Figure(name, dims, unit, l.rates()))
	}
	for _, v := range against {
		out = append(out, report.Compared(name, dims, unit, l.rates(), v.name, v.rate))
	}
	for _, q := range quantiles {
		dims, ms := dims.With("quantile", q.name), l.quantile(q.q)
		if len(against) == 0 {
			out = append(out, report.Figure(name, dims, "ms", ms))
		}
		for _, v := range against {
			out = append(out, report.Compared(name, dims, "ms", ms, v.name, v.ms(q.q)))
		}
	}
	return out
}
