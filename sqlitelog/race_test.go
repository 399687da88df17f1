package sqlitelog_test

import (
	"flag"

	"github.com/edfsm/edfsm/internal/race"
)

// With the race detector there is less data where its amount is not what is
// tested, and there are fewer checks of each model, unless -rapid.checks says how
// many.
var lessData = 1

func init() {
	if !race.Enabled {
		return
	}
	lessData = 4
	if err := flag.Set("rapid.checks", "12"); err != nil {
		panic(err)
	}
}
