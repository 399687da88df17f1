package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// order is that of dims in names; others follow by the alphabet.
var order = []string{"log", "query", "op", "call", "codec", "event", "machines", "callers", "live", "moment", "snapshot", "events", "records", "rows", "n", "quantile"}

func (d Dims) names() (names []string) {
	for name := range d {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		i, j := slices.Index(order, a), slices.Index(order, b)
		switch {
		case i >= 0 && j >= 0:
			return i - j
		case i >= 0:
			return -1
		case j >= 0:
			return 1
		case a < b:
			return -1
		}
		return 1
	})
	return names
}

// has reports whether dims has all of some, with the same values.
func (d Dims) has(some Dims) bool {
	for name, want := range some {
		got, ok := d[name]
		if !ok || text(got) != text(want) {
			return false
		}
	}
	return true
}

// text is a value in words: a number that was read from JSON is a float, and looks
// as it did before.
func text(value any) string {
	if f, ok := value.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(value)
}

// With returns dims with one more.
func (d Dims) With(name string, value any) Dims {
	out := Dims{}
	maps.Copy(out, d)
	out[name] = value
	return out
}

func (d Dims) without(name string) Dims {
	out := maps.Clone(d)
	delete(out, name)
	return out
}

// String is dims by name: log=sqlite callers=64.
func (d Dims) String() string {
	var parts []string
	for _, name := range d.names() {
		parts = append(parts, name+"="+text(d[name]))
	}
	return strings.Join(parts, " ")
}
