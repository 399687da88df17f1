package sqlitelog_test

import (
	"context"
	"expvar"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/edfsm/edfsm/sqlitelog"
)

// A copy is made while the log is in use, and is a log itself.
func ExampleBackup() {
	dir, err := os.MkdirTemp("", "edfsm")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	db, err := sqlitelog.OpenDB(ctx, filepath.Join(dir, "house.db"), sqlitelog.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	door, err := sqlitelog.New(ctx, db, "door", sqlitelog.Config[string]{})
	if err != nil {
		log.Fatal(err)
	}
	if err := door.Notify(ctx, []string{"opened", "closed"}); err != nil {
		log.Fatal(err)
	}
	path := filepath.Join(dir, "backup.db")
	info, err := sqlitelog.Backup(ctx, db, path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("ends at", info.Heads)

	// To look at a copy, rather than to go on with it, open it read-only.
	copied, err := sqlitelog.OpenDB(ctx, path, sqlitelog.Options{ReadOnly: true})
	if err != nil {
		log.Fatal(err)
	}
	defer copied.Close()
	events, err := sqlitelog.New(ctx, copied, "door", sqlitelog.Config[string]{})
	if err != nil {
		log.Fatal(err)
	}
	for e, err := range events.Feed(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e)
	}
	// Output:
	// ends at map[door:2]
	// opened
	// closed
}

// What a log tells of itself is on the page /debug/vars of the program, and
// counted whenever that is asked for.
func ExampleLog_Stats() {
	ctx := context.Background()
	events, err := sqlitelog.Open(ctx, ":memory:", sqlitelog.Config[string]{})
	if err != nil {
		log.Fatal(err)
	}
	defer events.Close()
	if expvar.Get("log") == nil { // a name can be published once
		expvar.Publish("log", expvar.Func(func() any {
			stats, err := events.Stats(ctx)
			if err != nil {
				return err.Error()
			}
			return stats
		}))
	}
	if err := events.Notify(ctx, []string{"opened", "closed"}); err != nil {
		log.Fatal(err)
	}
	stats, err := events.Stats(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(stats.Log, "events,", stats.CommitMean, "in a commit")
	// Output: 2 events, 2 in a commit
}
