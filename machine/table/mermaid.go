package table

import (
	"fmt"
	"slices"
	"strings"
)

// Mermaid draws the table as text for Mermaid (stateDiagram-v2), which the
// pages of code hosts show as a picture. The states that a machine is in now, if
// any are given, are marked.
//
// An edge is named by its command, with the guards in brackets, and the event;
// one of an event alone comes from outside, or follows another of its command.
// Inside a state are its actions, and the commands that yield no event. What is
// ignored or refused is not drawn.
func (f *FSM[S, C, E, O]) Mermaid(now ...S) string {
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n")
	marked := f.marked(now)
	for i, st := range f.states {
		fmt.Fprintf(&b, "    state \"%s\" as s%d\n", mermaidText(st.name), i)
		for _, line := range st.inside() {
			fmt.Fprintf(&b, "    s%d : %s\n", i, mermaidText(line))
		}
	}
	fmt.Fprintf(&b, "    [*] --> s%d\n", f.start())
	for i, st := range f.states {
		for _, edge := range st.edges() {
			fmt.Fprintf(&b, "    s%d --> s%d : %s\n", i, slices.Index(f.states, edge.to), mermaidText(edge.label))
		}
		if st.terminal {
			fmt.Fprintf(&b, "    s%d --> [*]\n", i)
		}
	}
	if len(marked) > 0 {
		b.WriteString("    classDef now fill:#fd6,stroke:#a60,color:#000,stroke-width:3px\n")
	}
	for _, i := range marked {
		fmt.Fprintf(&b, "    class s%d now\n", i)
	}
	return b.String()
}

// mermaidText writes all that could mean something to Mermaid or to a browser
// as a code.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < ' ' || r == 0x7f:
			b.WriteByte(' ')
		case strings.ContainsRune("\"#;:<>&%{}`\\*_~", r):
			fmt.Fprintf(&b, "#%d;", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
