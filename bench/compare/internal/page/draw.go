package page

import (
	"math"
	"strconv"

	"github.com/go-analyze/charts"

	"github.com/edfsm/edfsm/bench/compare/internal/findings"
)

const (
	width  = 720
	height = 380
)

// colors are given to names in their order. The first is edfsm.
var colors = []string{
	"#1f3a93", "#e67e22", "#27ae60", "#c0392b", "#8e44ad", "#16a085", "#d35db3",
	"#7f8c8d", "#b7950b", "#5dade2", "#6e2c00", "#145a32", "#f1948a", "#a569bd",
}

// gap is in the place of a figure that is missing.
var gap = charts.GetNullValue()

// line is a curve of a plot, or a group of bars.
type line struct {
	Name   string
	Color  string
	Last   string // the figure at the right end, for the legend
	values []float64
}

// drawLines draws curves over labels from left to right. Both axes are
// logarithmic: the labels are multiples of each other, or are words.
func drawLines(labels []string, axis string, lines []line) ([]byte, error) {
	var values [][]float64
	for _, l := range lines {
		values = append(values, logarithms(l.values))
	}
	opt := charts.NewLineChartOptionWithData(values)
	opt.Theme = theme(lines)
	opt.Padding = charts.NewBoxEqual(12)
	opt.LineStrokeWidth = 2
	opt.Symbol = charts.Symbol{Shape: charts.SymbolDot, Size: 3.5}
	opt.XAxis.Labels = rounded(labels)
	opt.XAxis.Title = axis
	opt.XAxis.LabelFontStyle = font
	opt.XAxis.TitleFontStyle = font
	opt.YAxis = []charts.YAxisOption{decades(values)}
	opt.Legend.Show = charts.Ptr(false)
	p := painter(height)
	if err := p.LineChart(opt); err != nil {
		return nil, err
	}
	return p.Bytes()
}

// rounded is labels with thousands as letters, where nothing is lost.
func rounded(labels []string) (short []string) {
	for _, l := range labels {
		if n, err := strconv.Atoi(l); err == nil && n >= 1000 && n%1000 == 0 {
			l = findings.Short(float64(n))
		}
		short = append(short, l)
	}
	return short
}

// drawBars draws a bar for each line, of its only value, over an axis that begins
// at 0.
func drawBars(lines []line) ([]byte, error) {
	names, values := make([]string, len(lines)), make([]float64, len(lines))
	for i, l := range lines {
		names[len(lines)-1-i], values[len(lines)-1-i] = l.Name, l.values[0]
	}
	opt := charts.NewBarChartOptionWithData([][]float64{values})
	opt.Horizontal = true
	opt.Theme = theme(lines[:1])
	opt.Padding = charts.NewBox(12, 12, 70, 12)
	opt.CategoryAxis.Labels = names
	opt.CategoryAxis.LabelFontStyle = font
	opt.ValueAxis = []charts.ValueAxisOption{{Min: charts.Ptr(0.), LabelFontStyle: font, ValueFormatter: findings.Short}}
	opt.SeriesList[0].Label = charts.SeriesLabel{Show: charts.Ptr(true), ValueFormatter: findings.Short, FontStyle: font}
	opt.Legend.Show = charts.Ptr(false)
	p := painter(60 + 26*len(lines))
	if err := p.BarChart(opt); err != nil {
		return nil, err
	}
	return p.Bytes()
}

var font = charts.FontStyle{FontSize: 11}

func painter(height int) *charts.Painter {
	return charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: width, Height: height})
}

func theme(lines []line) charts.ColorPalette {
	var palette []charts.Color
	for _, l := range lines {
		palette = append(palette, charts.ColorFromHex(l.Color))
	}
	return charts.GetTheme(charts.ThemeLight).WithSeriesColors(palette)
}

// logarithms is values to be drawn over [decades]; what is missing stays so.
func logarithms(values []float64) (logs []float64) {
	for _, v := range values {
		if v > 0 && v != gap {
			logs = append(logs, math.Log10(v))
		} else {
			logs = append(logs, gap)
		}
	}
	return logs
}

// decades is an axis from a power of ten to another, with a line at each.
func decades(logs [][]float64) charts.YAxisOption {
	least, most := math.Inf(1), math.Inf(-1)
	for _, series := range logs {
		for _, v := range series {
			if v != gap {
				least, most = min(least, v), max(most, v)
			}
		}
	}
	if least > most { // nothing is drawn
		least, most = 0, 1
	}
	least, most = math.Floor(least), max(math.Ceil(most), math.Floor(least)+1)
	return charts.YAxisOption{
		Min:                    charts.Ptr(least),
		Max:                    charts.Ptr(most),
		RangeValuePaddingScale: charts.Ptr(0.),
		LabelCount:             int(most-least) + 1,
		PreferNiceIntervals:    charts.Ptr(false),
		LabelFontStyle:         font,
		ValueFormatter:         func(log float64) string { return findings.Short(math.Pow(10, log)) },
	}
}
