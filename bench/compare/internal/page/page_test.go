package page

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/edfsm/edfsm/bench/compare/internal/findings"
	"github.com/edfsm/edfsm/bench/internal/report"
)

// saved is a run that was saved.
func saved(t *testing.T) findings.Findings {
	t.Helper()
	file, err := os.Open("../findings/testdata/run.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f, err := findings.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func drawnPage(t *testing.T, f findings.Findings) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// section is what stands on a page from the heading of a plot to the next.
func section(page, id string) string {
	_, rest, _ := strings.Cut(page, `<h2 id="`+id+`">`)
	section, _, _ := strings.Cut(rest, "<h2")
	return section
}

func TestPageHasEachPlot(t *testing.T) {
	page := drawnPage(t, saved(t))
	for _, p := range plots {
		s := section(page, p.ID)
		if strings.Count(s, "<svg") != 1 || strings.Count(s, "<path") < 3 {
			t.Errorf("plot %s is not drawn", p.ID)
		}
		if p.axis != "" && !strings.Contains(s, ">"+p.axis+"</text>") {
			t.Errorf("plot %s does not say what is on its axis", p.ID)
		}
		if strings.Contains(s, "NaN") || strings.Contains(s, "Inf") {
			t.Errorf("plot %s has a figure that is none", p.ID)
		}
	}
}

// TestPageNeedsNothingElse looks for all by which a page can name another file.
func TestPageNeedsNothingElse(t *testing.T) {
	page := drawnPage(t, saved(t))
	page = regexp.MustCompile(`xmlns(:\w+)?="[^"]*"`).ReplaceAllString(page, "")
	for _, outside := range []string{"http", "<script", "<link", "<img", "<iframe", "src=", "href=", "url(", "@import"} {
		if strings.Contains(strings.ToLower(page), outside) {
			t.Errorf("the page has %q", outside)
		}
	}
}

// TestNamesAreText puts markup where a saved file has names.
func TestNamesAreText(t *testing.T) {
	f := saved(t)
	for i, r := range f.Results {
		for dim := range r.Dims {
			if dim == "log" && r.Name == "replay" || dim == "quantile" && r.Name == "cleanup" {
				f.Results[i].Dims = r.Dims.With(dim, "<i>"+findings.Text(r.Dims[dim]))
			}
		}
	}
	f.Engines[0].How = "<i>"
	if page := drawnPage(t, f); strings.Count(page, "<i>") > 0 || strings.Count(page, "&lt;i&gt;") < 3 {
		t.Error("names are markup")
	}
}

func TestPlotsShowOnlyWhatIsDurable(t *testing.T) {
	page := drawnPage(t, saved(t))
	for _, p := range plots {
		if s := section(page, p.ID); p.durable && (strings.Contains(s, "jetstream") || !strings.Contains(s, "pebble")) {
			t.Errorf("plot %s has other engines than the durable ones", p.ID)
		}
	}
}

func TestPlotOfWhatWasNotMeasured(t *testing.T) {
	f := saved(t)
	f.Results = slices.DeleteFunc(f.Results, func(r report.Result) bool { return r.Name == "range" })
	page := drawnPage(t, f)
	if section(page, "range") != "" || section(page, "latest") == "" {
		t.Error("a plot is missing, or there without results")
	}
}

// TestLines holds the lines of a plot to the results: their names are what tells
// results apart, the figures stand over their labels, and gaps stay gaps.
func TestLines(t *testing.T) {
	result := func(log string, callers int, figure float64, versus string) report.Result {
		return report.Result{Name: "append", Unit: "events/s", Dims: report.Dims{"log": log, "codec": "cbor", "callers": callers}, Value: figure, Versus: versus}
	}
	c := plots[0].gather([]report.Result{
		result("sqlite", 64, 640, "mutex"), result("sqlite", 64, 640, "device"),
		result("sqlite", 4, 40, "mutex"), result("sqlite", 16, 160, "mutex"),
		result("mutex", 16, 16, ""), result("mutex", 64, 64, ""),
	})
	if want := []string{"4", "16", "64"}; !slices.Equal(c.labels, want) {
		t.Errorf("labels are %q, want %q", c.labels, want)
	}
	want := map[string][]float64{"edfsm": {40, 160, 640}, "mutex": {gap, 16, 64}}
	for _, l := range c.lines {
		if !slices.Equal(l.values, want[l.Name]) {
			t.Errorf("line %s goes through %v, want %v", l.Name, l.values, want[l.Name])
		}
		delete(want, l.Name)
	}
	if len(want) > 0 {
		t.Errorf("lines are missing: %v", want)
	}
}

// TestDecades holds the axis to the figures: none lies beyond its ends, which are
// powers of ten.
func TestDecades(t *testing.T) {
	for _, figures := range [][]float64{{0.2, 7, 350}, {10, 1000}, {5}, {gap}, {3, gap, 0}} {
		logs := logarithms(figures)
		axis := decades([][]float64{logs})
		least, most := *axis.Min, *axis.Max
		if least != float64(int(least)) || most != float64(int(most)) || axis.LabelCount != int(most-least)+1 || axis.LabelCount < 2 {
			t.Errorf("the axis of %v goes from 10^%v to 10^%v with %d labels", figures, least, most, axis.LabelCount)
		}
		for i, v := range logs {
			if v != gap && (v < least || v > most) {
				t.Errorf("%v is beyond the axis from 10^%v to 10^%v", figures[i], least, most)
			}
		}
	}
}
