package edfsm_test

import (
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// TestFirstProgram runs the program of README.md as it says, and then puts the
// README's queries to the file that the program has left.
func TestFirstProgram(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(text)
	source := block(t, readme, "go")
	if lines := strings.Count(source, "\n"); lines > 60 {
		t.Errorf("the first program has %d lines, more than 60", lines)
	}
	dir := t.TempDir()
	program := build(t, dir, source)
	for run := range 2 {
		cmd := exec.Command(program)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("run %d: %v\n%s", run+1, err, out)
		}
		if !strings.Contains(readme, indented(string(out))) {
			t.Errorf("run %d prints what is not in README.md:\n%s", run+1, out)
		}
	}

	queries := regexp.MustCompile(`(?m)^sqlite3 -readonly (\S+) "(.*)"$`).FindAllStringSubmatch(block(t, readme, "sh"), -1)
	if len(queries) == 0 {
		t.Error("README.md has no queries")
	}
	for _, q := range queries {
		if rows := query(t, filepath.Join(dir, q[1]), q[2]); rows == 0 {
			t.Errorf("%s: no rows", q[2])
		}
	}
}

// block is the first block of code in a language.
func block(t *testing.T, markdown, language string) string {
	t.Helper()
	_, rest, ok := strings.Cut(markdown, "\n```"+language+"\n")
	code, _, closed := strings.Cut(rest, "```\n")
	if !ok || !closed {
		t.Fatalf("README.md has no block of %s", language)
	}
	return code
}

// build compiles a program as one that imports this module.
func build(t *testing.T, dir, source string) (program string) {
	t.Helper()
	file := filepath.Join(dir, "main.go")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(dir, "program.exe")
	if out, err := exec.Command("go", "build", "-o", program, file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if formatted, err := format.Source([]byte(source)); err != nil || string(formatted) != source {
		t.Errorf("the first program is not as gofmt writes it: %v", err)
	}
	return program
}

// indented makes a block of code of some lines.
func indented(lines string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		b.WriteString("    " + line)
	}
	return b.String()
}

func query(t *testing.T, db, query string) (rows int) {
	t.Helper()
	conn, err := sqlite.OpenConn(db, sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = sqlitex.Execute(conn, query, &sqlitex.ExecOptions{ResultFunc: func(*sqlite.Stmt) error {
		rows++
		return nil
	}})
	if err != nil {
		t.Errorf("%s: %v", query, err)
	}
	return rows
}
