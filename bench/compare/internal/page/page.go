// Package page draws findings as one page of HTML that needs nothing else: no
// file beside it and no network.
package page

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"github.com/edfsm/edfsm/bench/compare/internal/findings"
)

//go:embed page.html
var source string

var page = template.Must(template.New("page").Parse(source))

// Write draws findings. A plot of what was not measured is left out.
func Write(w io.Writer, f findings.Findings) error {
	var all []drawn
	for _, p := range plots {
		d, ok, err := p.draw(f)
		if err != nil {
			return fmt.Errorf("plot %s: %w", p.ID, err)
		}
		if ok {
			all = append(all, d)
		}
	}
	return page.Execute(w, map[string]any{
		"Findings": f,
		"Tables":   f.Tables(),
		"Plots":    all,
	})
}
