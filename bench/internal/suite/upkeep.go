package suite

import (
	"github.com/edfsm/edfsm/bench/internal/measure"
	"github.com/edfsm/edfsm/bench/internal/report"
)

// upkeep is the results of something that was done beside callers: how long it
// took, and what they have felt at rest and meanwhile.
func upkeep(name string, dims report.Dims, unit string, quiet, during loads, ms measure.Series, p *probe) []report.Result {
	out := []report.Result{report.Compared(name, dims, "ms", ms, "device", p.ms)}
	out = append(out, quiet.results(name, dims.With("moment", "quiet"), unit, p.as())...)
	out = append(out, during.results(name, dims.With("moment", "during"), unit, quiet.as("quiet"), p.as())...)
	for _, q := range quantiles {
		more := during.quantile(q.q).Minus(quiet.quantile(q.q))
		out = append(out, report.Figure(name, dims.With("moment", "during").With("quantile", q.name), "+ms", more))
	}
	return out
}
