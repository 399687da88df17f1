package report

import "fmt"

// Number is one of the figures of DESIGN.md that a release is judged by.
type Number struct {
	What string

	// The result that it is about: the first that has these.
	Name, Unit, Versus string
	Dims               Dims

	Floor, Aim float64
	AtMost     bool // the less, the better
	Absolute   bool // judged by the figure and not by its ratio
}

// Numbers are all of them. The one against pebble is only measured where pebble
// is.
var Numbers = []Number{
	appends(1, "mutex", 0.9, 1),
	appends(16, "mutex", 10, 15),
	appends(64, "mutex", 45, 60),
	appends(256, "mutex", 85, 110),
	appends(1024, "mutex", 95, 140),
	appends(64, "plainfile", 0.65, 0.8),
	appends(64, "pebble", 0.9, 1.2),
	replay("bytes", 0.8, 0.9),
	replay("own", 0.4, 0.5),
	replay("cbor", 0.18, 0.25),
	{What: "memory to replay 1 M events", Name: "replay", Unit: "MiB", Dims: Dims{"codec": "bytes", "events": 1_000_000}, Floor: 16, Aim: 8, AtMost: true, Absolute: true},
	{What: "latest 1 of 50 of 100 records, 10,000 rows each, against ROW_NUMBER", Name: "latest", Unit: "ms", Versus: "plainquery", Dims: Dims{"records": 50, "rows": 10_000, "n": 1}, Floor: 1. / 1000, Aim: 1. / 3000, AtMost: true},
	grown(1), grown(10), grown(100),
	{What: "append rate during compaction, mostly live", Name: "compaction", Unit: "events/s", Versus: "quiet", Dims: Dims{"moment": "during", "live": "all"}, Floor: 0.7, Aim: 0.9},
	{What: "append rate during compaction, 99 % dead", Name: "compaction", Unit: "events/s", Versus: "quiet", Dims: Dims{"moment": "during", "live": "1%"}, Floor: 0.5, Aim: 0.8},
	added("compaction", "append p99 during compaction, mostly live", Dims{"live": "all"}),
	added("compaction", "append p99 during compaction, 99 % dead", Dims{"live": "1%"}),
	added("cleanup", "store p99 during cleanup", nil),
	{What: "machine loop without a log, Send", Name: "machine", Unit: "ns", Versus: "raw", Dims: Dims{"log": "none", "call": "send", "callers": 1}, Floor: 2, Aim: 1.3, AtMost: true},
	{What: "machine loop without a log, Do", Name: "machine", Unit: "ns", Versus: "raw", Dims: Dims{"log": "none", "call": "do", "callers": 1}, Floor: 2, Aim: 1.3, AtMost: true},
	{What: "allocations of a command, a start included", Name: "machine", Unit: "allocs", Dims: Dims{"log": "none", "call": "send", "callers": 1}, Floor: 1.05, Aim: 1.05, AtMost: true, Absolute: true},
}

func appends(callers int, versus string, floor, aim float64) Number {
	return Number{
		What: fmt.Sprintf("durable appends by %d against %s", callers, versus),
		Name: "append", Unit: "events/s", Versus: versus, Dims: Dims{"log": "sqlite", "callers": callers}, Floor: floor, Aim: aim,
	}
}

func replay(codec string, floor, aim float64) Number {
	return Number{
		What: "replay of 1 M events, codec " + codec,
		Name: "replay", Unit: "events/s", Versus: "raw", Dims: Dims{"codec": codec, "events": 1_000_000}, Floor: floor, Aim: aim,
	}
}

func grown(n int) Number {
	return Number{
		What: fmt.Sprintf("latest %d when the history is ten times longer", n),
		Name: "latest", Unit: "ms", Versus: "shorter", Dims: Dims{"rows": 10_000, "n": n}, Floor: 1.5, Aim: 1.1, AtMost: true,
	}
}

func added(name, what string, dims Dims) Number {
	return Number{What: what, Name: name, Unit: "+ms", Dims: dims.With("quantile", "p99"), Floor: 5, Aim: 1, AtMost: true, Absolute: true}
}

// Figure is what is judged; false if it was not measured.
func (n Number) Figure(results []Result) (float64, bool) {
	r, ok := n.result(results)
	if ok && !n.Absolute {
		return r.Ratio.Median, true
	}
	return r.Value, ok
}

func (n Number) result(results []Result) (Result, bool) {
	for _, r := range results {
		switch {
		case r.Name != n.Name || r.Unit != n.Unit || !r.Dims.has(n.Dims):
		case n.Absolute, r.Versus == n.Versus && r.Ratio != nil:
			return r, true
		}
	}
	return Result{}, false
}

// Verdict says whether a figure meets floor and aim, or what it lacks.
func (n Number) Verdict(figure float64) string {
	switch {
	case n.meets(figure, n.Aim):
		return "met"
	case n.meets(figure, n.Floor):
		return "floor met, aim missed by " + n.lacks(figure, n.Aim)
	}
	return "FLOOR MISSED by " + n.lacks(figure, n.Floor)
}

func (n Number) meets(figure, target float64) bool {
	if n.AtMost {
		return figure <= target
	}
	return figure >= target
}

func (n Number) lacks(figure, target float64) string {
	return fmt.Sprintf("%.0f %%", max(1, 100*abs(figure-target)/target))
}

func abs(f float64) float64 { return max(f, -f) }
