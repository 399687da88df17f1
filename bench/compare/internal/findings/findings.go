// Package findings is what a comparison has found, as it is saved, read again and
// told.
package findings

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/edfsm/edfsm/bench/internal/engine"
	"github.com/edfsm/edfsm/bench/internal/report"
)

// Findings is a report, and who is compared in it.
type Findings struct {
	report.Report
	Engines []Engine `json:"engines"`
}

// Bench is the engines of bench itself.
var Bench = []string{engine.SQLite.Name, engine.Mutex.Name, engine.PlainFile.Name}

// Engine is what a reader is told of an [engine.Engine].
type Engine struct {
	Name    string `json:"name"`
	Durable bool   `json:"durable"`
	How     string `json:"how"`
}

// Label is what readers call it.
func (e Engine) Label() string { return Label(e.Name) }

// Of describes engines.
func Of(engines []engine.Engine) (described []Engine) {
	for _, e := range engines {
		described = append(described, Engine{e.Name, e.Durable, e.How})
	}
	return described
}

// Read reads what [Findings.WriteJSON] has written. Numbers among the dims are
// [json.Number].
func Read(r io.Reader) (f Findings, err error) {
	dec := json.NewDecoder(r)
	dec.UseNumber()
	if err := dec.Decode(&f); err != nil {
		return f, err
	}
	if len(f.Engines) == 0 {
		return f, errors.New("no engines are named: it is not of a comparison")
	}
	return f, nil
}

// WriteJSON writes one object, of which bench writes device and results too.
func (f Findings) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(f)
}

// Alone is the report of bench: without what the peers did, and what edfsm is
// compared with in the tables. Peers by whom a number is judged stay.
func (f Findings) Alone() report.Report {
	told := map[string]bool{}
	for _, e := range f.Engines {
		told[e.Name] = !slices.Contains(Bench, e.Name)
	}
	others := maps.Clone(told)
	for _, n := range report.Numbers {
		delete(others, n.Versus)
	}
	alone := report.Report{Device: f.Device}
	for _, r := range f.Results {
		if !told[Text(r.Dims["log"])] && !others[r.Versus] {
			alone.Results = append(alone.Results, r)
		}
	}
	return alone
}
