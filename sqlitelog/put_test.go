package sqlitelog_test

import (
	"fmt"

	"github.com/edfsm/edfsm/sqlitelog"
	"pgregory.net/rapid"
)

// put is an event of a machine that keeps the newest value of each key. An
// empty key is counted instead of replaced; a deletion ends its key.
type put struct {
	Key    string
	Value  int
	Delete bool `json:",omitempty"`
}

func putKey(e put) (string, sqlitelog.KeyOp) {
	if e.Delete {
		return e.Key, sqlitelog.Tombstone
	}
	return e.Key, sqlitelog.Keep
}

// fold is the state that events lead to.
func fold(events []put) map[string]int { return foldOn(make(map[string]int), events) }

func foldOn(state map[string]int, events []put) map[string]int {
	for _, e := range events {
		switch {
		case e.Key == "":
			state[""] += e.Value
		case e.Delete:
			delete(state, e.Key)
		default:
			state[e.Key] = e.Value
		}
	}
	return state
}

func genPut(keys int) *rapid.Generator[put] {
	return rapid.Custom(func(t *rapid.T) put {
		e := put{Key: fmt.Sprint("k", rapid.IntRange(0, keys).Draw(t, "key")), Value: rapid.IntRange(1, 1000).Draw(t, "value")}
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			e.Key = ""
		case 1, 2:
			e.Delete = true
		}
		return e
	})
}
