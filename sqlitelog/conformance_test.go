package sqlitelog_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"testing"

	"github.com/edfsm/edfsm/machine"
	"github.com/edfsm/edfsm/machine/machinetest"
	"github.com/edfsm/edfsm/sqlitelog"
)

func TestConformance(t *testing.T) {
	machinetest.TestLog(t, func(dir string) (*sqlitelog.Log[put], error) {
		return sqlitelog.Open(t.Context(), filepath.Join(dir, "log.db"), sqlitelog.Config[put]{})
	}, func(n int) put { return put{Key: fmt.Sprint("k", n), Value: n} })
}

// puts is the machine of the events that the tests of compaction append.
type puts struct{}

func (puts) Decide(map[string]int, put, func(string)) ([]put, error)     { return nil, nil }
func (puts) React(map[string]int, put, machine.Change, func(out string)) {}

func (puts) Evolve(s *map[string]int, e put) machine.Change {
	before := maps.Clone(*s)
	if *s == nil {
		*s = make(map[string]int)
	}
	switch {
	case e.Key == "":
		(*s)[""] += e.Value
	case e.Delete:
		delete(*s, e.Key)
	default:
		(*s)[e.Key] = e.Value
	}
	if maps.Equal(before, *s) {
		return machine.Unchanged
	}
	return machine.Updated
}

// What TestCompactionModel finds in files, the suite finds without one.
func TestKeyIsSafe(t *testing.T) {
	machinetest.TestCompaction(t, puts{}, putKey, nil, genPut(3))
}
