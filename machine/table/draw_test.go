package table_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edfsm/edfsm/machine/table"
)

var update = flag.Bool("table.update", false, "write the golden files of package table anew")

func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what is drawn (-table.update writes it anew):\n%s", path, got)
	}
}

// README.md shows the picture of the example.
func TestReadmeShowsTheShop(t *testing.T) {
	shop, err := Shop()
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```mermaid\n"+shop.Mermaid()+"```\n") {
		t.Errorf("README.md does not show\n%s", shop.Mermaid())
	}
}

func TestPictures(t *testing.T) {
	shop, err := Shop()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "shop.mmd", shop.Mermaid())
	golden(t, "shop.dot", shop.DOT())

	open := Order{At: table.At[Status]{State: Open, Before: Cart}}
	golden(t, "open.mmd", shop.Mermaid(open, open))
	golden(t, "open.dot", shop.DOT(open, open))
}

// Hard is a table whose names mean something to Mermaid, Graphviz or HTML.
func hard(t *testing.T) *table.FSM[plain, c0, e0, string] {
	b := table.New[plain, string](
		[]string{"", `a "b" \n {c} <i>d</i> %% #35; &amp; end`, "note; [*] --> x : y\nz `e` **f** ü"},
		[]c0{{}}, []e0{{}})
	for _, s := range []string{"", `a "b" \n {c} <i>d</i> %% #35; &amp; end`} {
		table.Command(b, s, func(plain, c0, func(string)) ([]e0, error) { return nil, nil }).
			If(`it's "so"; \ <b>: #1 & {x}`, func(plain) bool { return true })
	}
	table.Event(b, "", func(*plain, e0) {}, `a "b" \n {c} <i>d</i> %% #35; &amp; end`)
	table.Event(b, `a "b" \n {c} <i>d</i> %% #35; &amp; end`, func(*plain, e0) {}, "note; [*] --> x : y\nz `e` **f** ü")
	b.Entry(`a "b" \n {c} <i>d</i> %% #35; &amp; end`, `say "hello: world"; #quot; <br/> {state}`, func(plain, func(string)) {})
	b.Exit("", "--> [*]", func(plain, func(string)) {})
	b.Terminal("note; [*] --> x : y\nz `e` **f** ü")
	f, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestPicturesOfHardNames(t *testing.T) {
	golden(t, "hard.mmd", hard(t).Mermaid(plain{}))
	golden(t, "hard.dot", hard(t).DOT(plain{}))
}

// Graphviz, where there is one, takes what is drawn, and writes no warning.
func TestGraphvizTakesThePictures(t *testing.T) {
	dot, err := exec.LookPath("dot")
	if err != nil {
		t.Skip("there is no dot here")
	}
	for _, file := range []string{"shop.dot", "open.dot", "hard.dot"} {
		out, err := exec.Command(dot, "-Tcanon", "-o", os.DevNull, filepath.Join("testdata", file)).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
}
