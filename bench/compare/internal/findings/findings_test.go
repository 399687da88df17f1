package findings

import (
	"bytes"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/edfsm/edfsm/bench/internal/report"
)

func saved(t *testing.T) Findings {
	t.Helper()
	file, err := os.Open("testdata/run.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestWhatIsSavedIsReadAgain(t *testing.T) {
	f := saved(t)
	var b bytes.Buffer
	if err := f.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	again, err := Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Results) == 0 || !reflect.DeepEqual(f, again) {
		t.Error("it is not the same")
	}
}

// TestDimsAreReadAsTheyWereWritten looks at a number that a float would print in
// another way.
func TestDimsAreReadAsTheyWereWritten(t *testing.T) {
	million := Where{"events": "1000000"}
	if !slices.ContainsFunc(saved(t).Results, func(r report.Result) bool { return million.Takes(r.Dims) }) {
		t.Error("there is no result of 1000000 events")
	}
}

// A saved run of bench itself has no engines, and a table of it would be empty.
func TestReadWithoutEngines(t *testing.T) {
	if _, err := Read(strings.NewReader(`{"device": {}, "results": []}`)); err == nil {
		t.Error("it was read")
	}
}

// TestWhatIsNotDurableStandsApart looks at who is in which table.
func TestWhatIsNotDurableStandsApart(t *testing.T) {
	var found []string
	for _, table := range saved(t).Tables() {
		for _, r := range table.Rows {
			found = append(found, strings.Join(append([]string{table.Title}, r.Cells[:2]...), ": "))
		}
	}
	want := []string{
		"What is acknowledged is on disk: edfsm: yes",
		"What is acknowledged is on disk: mutex: yes",
		"What is acknowledged is on disk: sql-mattn: yes",
		"What is acknowledged is on disk: pebble: yes",
		"How many times as many events/s edfsm takes as what is on disk: mutex: yes",
		"How many times as many events/s edfsm takes as what is on disk: sql-mattn: yes",
		"How many times as many events/s edfsm takes as what is on disk: pebble: yes",
		"What is acknowledged is NOT on disk: jetstream: NO",
		"How many times as many events/s edfsm takes as what is NOT on disk: jetstream: NO",
	}
	if !reflect.DeepEqual(found, want) {
		t.Errorf("rows are\n%s\nwant\n%s", strings.Join(found, "\n"), strings.Join(want, "\n"))
	}
}

// TestFiguresStandInTheirCells looks some of them up by hand.
func TestFiguresStandInTheirCells(t *testing.T) {
	var b strings.Builder
	if err := saved(t).WriteText(&b); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(b.String()), " ")
	for _, row := range []string{
		"engine on disk ev/s @1 ev/s @64 ev/s @1024 p50 ms @64 p99 ms @64 replay ev/s B/ev",
		"edfsm yes 381 27.4k 166k 1.2 9.64 1.51M 73.7",
		"pebble yes 782 56.3k 194k 0.951 8.06 12.3M 82.9",
		"mutex yes 0.854 (0.467 … 1.49) ! 42.6 (12.3 … 91.2) ! 34 (22.4 … 53.9) !",
	} {
		if !strings.Contains(text, row) {
			t.Errorf("there is no row %q", row)
		}
	}
}

// TestAlone checks that the report of bench keeps what it judges and loses what
// only the tables are for.
func TestAlone(t *testing.T) {
	f := saved(t)
	alone := f.Alone()
	versus := map[string]bool{}
	for _, r := range alone.Results {
		versus[r.Versus] = true
		if log := Text(r.Dims["log"]); log != "" && log != "sqlite" && log != "mutex" {
			t.Errorf("%s is left", r.Key())
		}
	}
	if !versus["mutex"] || !versus["pebble"] || versus["jetstream"] || versus["history"] {
		t.Errorf("it is compared with %v", versus)
	}
}
