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

// Of the events of a device only the newest matters, and none once it is gone.
func ExampleConfig_compaction() {
	type Device struct {
		Name   string
		Level  int
		Gone   bool
		Remark string
	}
	ctx := context.Background()
	events, err := sqlitelog.Open(ctx, ":memory:", sqlitelog.Config[Device]{
		Key: func(d Device) (string, sqlitelog.KeyOp) {
			if d.Gone {
				return d.Name, sqlitelog.Tombstone
			}
			return d.Name, sqlitelog.Keep // an event without a name is kept for ever
		},
		HighWater: 1000,
		LowWater:  1,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer events.Close()
	err = events.Notify(ctx, []Device{
		{Name: "pump", Level: 1}, {Name: "lamp", Level: 5}, {Remark: "inspected"},
		{Name: "lamp", Gone: true}, {Name: "pump", Level: 2}, {Name: "pump", Level: 3}, {Name: "fan", Level: 7},
	})
	if err != nil {
		log.Fatal(err)
	}
	done, err := events.Compact(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d moved, %d dropped\n", done.Moved, done.Dropped)
	for e, err := range events.Entries(ctx, 0, events.Head()) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d %+v\n", e.Offset, e.Event)
	}
	// Output:
	// 2 moved, 4 dropped
	// 3 {Name: Level:0 Gone:false Remark:inspected}
	// 6 {Name:pump Level:3 Gone:false Remark:}
	// 7 {Name:fan Level:7 Gone:false Remark:}
}

// Machines that share a file share its syncs.
func ExampleNew() {
	ctx := context.Background()
	db, err := sqlitelog.OpenDB(ctx, ":memory:", sqlitelog.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	for _, name := range []string{"door", "window"} {
		events, err := sqlitelog.New(ctx, db, name, sqlitelog.Config[string]{})
		if err != nil {
			log.Fatal(err)
		}
		if err := events.Notify(ctx, []string{"opened"}); err != nil {
			log.Fatal(err)
		}
	}
	logs, err := sqlitelog.List(ctx, db)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(logs)
	// Output: [{door json} {window json}]
}

// A machine whose log keeps snapshots starts from the newest and the events after
// it. Here all that the snapshot contains may go.
func ExampleLog_SaveSnapshot() {
	ctx := context.Background()
	events, err := sqlitelog.Open(ctx, ":memory:", sqlitelog.Config[int]{
		DropSnapshotted: true,
		LowWater:        1,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer events.Close()
	if err := events.Notify(ctx, []int{1, 2, 3, 4}); err != nil {
		log.Fatal(err)
	}
	if err := events.SaveSnapshot(ctx, "sum/1", []byte("10")); err != nil {
		log.Fatal(err)
	}
	if err := events.Notify(ctx, []int{5}); err != nil {
		log.Fatal(err)
	}
	done, err := events.Compact(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(done.Dropped, "dropped")

	state, after, err := events.LoadSnapshot(ctx, "sum/1")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("the sum was %s, then came", state)
	for n, err := range after {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(" ", n)
	}
	// Output:
	// 4 dropped
	// the sum was 10, then came 5
}
