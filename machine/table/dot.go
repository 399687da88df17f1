package table

import (
	"fmt"
	"slices"
	"strings"
)

// DOT draws what [FSM.Mermaid] draws as text for Graphviz.
func (f *FSM[S, C, E, O]) DOT(now ...S) string {
	var b strings.Builder
	b.WriteString("digraph {\n")
	b.WriteString("\tnode [shape=box style=rounded fontname=\"sans-serif\"]\n")
	b.WriteString("\tedge [fontname=\"sans-serif\" fontsize=11]\n")
	b.WriteString("\tstart [shape=point width=0.15]\n")
	marked := f.marked(now)
	for i, st := range f.states {
		label := strings.Join(append([]string{st.name}, st.inside()...), "\n")
		fmt.Fprintf(&b, "\ts%d [label=%s", i, dotText(label))
		if st.terminal {
			b.WriteString(" peripheries=2")
		}
		if slices.Contains(marked, i) {
			b.WriteString(" style=\"rounded,filled,bold\" fillcolor=\"#ffdd66\"")
		}
		b.WriteString("]\n")
	}
	fmt.Fprintf(&b, "\tstart -> s%d\n", f.start())
	for i, st := range f.states {
		for _, edge := range st.edges() {
			fmt.Fprintf(&b, "\ts%d -> s%d [label=%s]\n", i, slices.Index(f.states, edge.to), dotText(edge.label))
		}
	}
	b.WriteString("}\n")
	return b.String()
}

// dotText quotes a label. Graphviz has no escape for an ampersand that would
// begin an entity, but an entity of its own.
func dotText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "&", "&amp;", "\x00", "").Replace(s) + `"`
}
