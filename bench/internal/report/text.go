package report

import (
	"io"
	"math"
	"strconv"
	"strings"
)

const legend = `
Figures and ratios are medians of the rounds; behind a ratio are its least and
its greatest. What swings by more than 2 is marked with ! and says little.
`

// WriteText writes a report for people: the device, the figures by name, and
// if judge is set, the verdicts.
func (r Report) WriteText(w io.Writer, judge bool) error {
	var b strings.Builder
	b.WriteString(r.Device.Text())
	for _, group := range grouped(r.Results) {
		b.WriteByte('\n')
		newTable(group).write(&b)
	}
	b.WriteString(legend)
	if judge {
		b.WriteString("\nNUMBERS\n")
		writeNumbers(&b, r.Results)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// grouped parts results by name, in the order in which names come.
func grouped(results []Result) (groups [][]Result) {
	place := map[string]int{}
	for _, r := range results {
		i, ok := place[r.Name]
		if !ok {
			i = len(groups)
			place[r.Name] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], r)
	}
	return groups
}

func writeNumbers(b *strings.Builder, results []Result) {
	rows := [][]string{{"what", "figure", "floor", "aim", ""}}
	for _, n := range Numbers {
		shown, verdict := "-", "not measured"
		if figure, ok := n.Figure(results); ok {
			r, _ := n.result(results)
			shown, verdict = times(figure)+swings(true, r), n.Verdict(figure)
		}
		rows = append(rows, []string{n.What, shown, times(n.Floor), times(n.Aim), verdict})
	}
	writeRows(b, rows)
}

// times is a ratio, a small one as a fraction of 1.
func times(f float64) string {
	if 0 < f && f < 0.01 {
		return "1/" + number(1/f)
	}
	return number(f)
}

// number is a figure in three digits.
func number(f float64) string {
	if size := math.Abs(f); size < 999.5 {
		return strconv.FormatFloat(f, 'f', digits(size), 64)
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(f)))-2)
	return thousands(int64(math.Round(math.Round(f/unit) * unit)))
}

// digits is how many of them there are behind the point.
func digits(size float64) int {
	switch {
	case size >= 100, size == 0:
		return 0
	case size >= 10:
		return 1
	case size >= 1:
		return 2
	}
	return 2 - int(math.Floor(math.Log10(max(size, 1e-9))))
}

func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
