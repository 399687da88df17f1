package table

import (
	"fmt"
	"slices"
	"strings"
)

// edge is an arrow of a picture.
type edge[S, C, E, O any] struct {
	to    *state[S, C, E, O]
	label string
}

// edges returns an edge for each command that yields an event which the state
// takes, or for the event alone when there is none.
func (st *state[S, C, E, O]) edges() []edge[S, C, E, O] {
	var edges []edge[S, C, E, O]
	for _, change := range st.events {
		before := len(edges)
		for _, row := range st.commands {
			if slices.Contains(row.yields, change.event) {
				edges = append(edges, edge[S, C, E, O]{change.to, row.label() + " / " + change.name})
			}
		}
		if len(edges) == before {
			edges = append(edges, edge[S, C, E, O]{change.to, change.name})
		}
	}
	return edges
}

// inside returns what a picture says inside of a state.
func (st *state[S, C, E, O]) inside() []string {
	var lines []string
	for _, a := range st.entry {
		lines = append(lines, "entry / "+a.name)
	}
	for _, row := range st.commands {
		if row.outcome == Handled && len(row.yields) == 0 {
			lines = append(lines, row.label())
		}
	}
	for _, a := range st.exit {
		lines = append(lines, "exit / "+a.name)
	}
	return lines
}

func (row *taken[S, C, E, O]) label() string {
	if len(row.guards) == 0 {
		return row.name
	}
	names := make([]string, len(row.guards))
	for i, g := range row.guards {
		names[i] = g.name
	}
	return fmt.Sprintf("%s [%s]", row.name, strings.Join(names, ", "))
}

// start is the number of the state that a machine starts in.
func (f *FSM[S, C, E, O]) start() int {
	var zero S
	return slices.Index(f.states, f.place(zero))
}

func (f *FSM[S, C, E, O]) marked(now []S) []int {
	var marked []int
	for _, s := range now {
		if i := slices.Index(f.states, f.place(s)); i >= 0 && !slices.Contains(marked, i) {
			marked = append(marked, i)
		}
	}
	slices.Sort(marked)
	return marked
}
