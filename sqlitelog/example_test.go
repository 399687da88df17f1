package sqlitelog_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/edfsm/edfsm/sqlitelog"
)

// A log is opened, appended to and read from the start. Opened again it has
// what it was told.
func Example() {
	dir, err := os.MkdirTemp("", "edfsm")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()

	type Reading struct {
		Sensor  string
		Celsius float64
	}
	for run := range 2 {
		events, err := sqlitelog.Open(ctx, filepath.Join(dir, "readings.db"), sqlitelog.Config[Reading]{})
		if err != nil {
			log.Fatal(err)
		}
		if err := events.Notify(ctx, []Reading{{"boiler", 71.5 + float64(run)}}); err != nil {
			log.Fatal(err)
		}
		for r, err := range events.Feed(ctx) {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(run, r.Sensor, r.Celsius)
		}
		if err := events.Close(); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// 0 boiler 71.5
	// 1 boiler 71.5
	// 1 boiler 72.5
}
