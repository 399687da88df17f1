package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edfsm/edfsm/bench/internal/report"
	"github.com/edfsm/edfsm/bench/internal/suite"
)

// tiny is a run that takes no time and says nothing.
var tiny = suite.Scale{
	Rounds: 2, Turn: 2 * time.Millisecond, Callers: []int{1, 16}, Machines: 10, Events: 2000, Rows: 100, Disk: 1 << 20,
}

// TestRun measures everything once. No figure is looked at.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "results.json")
	var stdout, stderr bytes.Buffer
	o := options{dir: dir, json: file, force: true, scale: tiny}
	if err := bench(t.Context(), o, &stdout, &stderr); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	isEmpty(t, dir)
	found := readResults(t, file)
	first, _, _ := strings.Cut(stdout.String(), "\n")
	if first != found.Device.Line() || !strings.HasPrefix(stderr.String(), first) {
		t.Errorf("the report begins with %q", first)
	}
	names := map[string]bool{}
	for _, r := range found.Results {
		names[r.Name] = true
		if !slices.Contains(suite.Names(), r.Name) || r.Unit == "" || len(r.Dims) == 0 {
			t.Errorf("a result is %+v", r)
		}
		if (r.Versus == "") != (r.Ratio == nil) {
			t.Errorf("%s is compared with %q: %v", r.Key(), r.Versus, r.Ratio)
		}
	}
	for _, name := range suite.Names() {
		if !names[name] || !strings.Contains(stdout.String(), "\n"+strings.ToUpper(name)) {
			t.Errorf("there is no result for %s", name)
		}
	}
	hasNumbers(t, found.Results)
	hasVersus(t, found.Results)
}

// hasNumbers looks for each figure that is judged, of whatever size here.
func hasNumbers(t *testing.T, results []report.Result) {
	t.Helper()
	for _, n := range report.Numbers {
		dims := report.Dims{}
		for name, value := range n.Dims {
			if !slices.Contains([]string{"callers", "events", "rows", "n"}, name) {
				dims[name] = value
			}
		}
		n.Dims = dims
		_, ok := n.Figure(results)
		if !ok && n.Versus != "pebble" && n.Unit != "MiB" {
			t.Errorf("not found: %s", n.What)
		}
	}
}

// hasVersus looks for each thing that figures are compared with.
func hasVersus(t *testing.T, results []report.Result) {
	t.Helper()
	versus := map[string][]string{}
	for _, r := range results {
		if r.Versus != "" && !slices.Contains(versus[r.Name], r.Versus) {
			versus[r.Name] = append(versus[r.Name], r.Versus)
		}
	}
	for name, want := range map[string][]string{
		"append":     {"device", "mutex", "plainfile"},
		"machine":    {"device", "mutex", "raw"},
		"replay":     {"raw"},
		"resume":     {"shorter", "whole"},
		"compaction": {"device", "quiet"},
		"latest":     {"plainquery", "shorter"},
		"range":      {"plainquery", "shorter"},
		"cleanup":    {"device", "quiet"},
		"codec":      {"raw"},
		"size":       {"raw"},
	} {
		if got := slices.Sorted(slices.Values(versus[name])); !slices.Equal(got, want) {
			t.Errorf("%s is compared with %v, want %v", name, got, want)
		}
	}
}

func readResults(t *testing.T, file string) (found report.Report) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &found); err != nil {
		t.Fatal(err)
	}
	return found
}

func isEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("%v are left behind", left)
	}
}

func TestOnly(t *testing.T) {
	var stdout, stderr bytes.Buffer
	o := options{dir: t.TempDir(), only: []string{"size", "codec"}, force: true, scale: tiny}
	if err := bench(t.Context(), o, &stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	for _, name := range suite.Names() {
		if strings.Contains(stdout.String(), "\n"+strings.ToUpper(name)) != slices.Contains(o.only, name) {
			t.Errorf("%s is measured, or is not, against -only", name)
		}
	}
}

// A file that cannot be written does not take the report with it.
func TestJSONCannotBeWritten(t *testing.T) {
	var stdout, stderr bytes.Buffer
	o := options{dir: t.TempDir(), json: t.TempDir(), only: []string{"size"}, force: true, scale: tiny}
	if err := bench(t.Context(), o, &stdout, &stderr); err == nil {
		t.Error("a folder was written to")
	}
	if !strings.Contains(stdout.String(), "SIZE") {
		t.Errorf("the report is %q", stdout.String())
	}
}
