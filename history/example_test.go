package history_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/history"
	"github.com/edfsm/edfsm/sqlitelog"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Values of a type are stored and queried by a pattern and a range of time.
func Example() {
	ctx := context.Background()
	h, err := history.Open(ctx, ":memory:", history.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	numbers, err := codec.Of[float64](codec.JSON)
	if err != nil {
		log.Fatal(err)
	}
	temps := history.Of(h, numbers)
	for hour, celsius := range []float64{18.5, 19, 21} {
		at := noon.Add(time.Duration(hour) * time.Hour)
		err := temps.StoreAll(ctx, []history.Entry[float64]{
			{Name: "attic/temp", Value: celsius, At: at},
			{Name: "cellar/temp", Value: celsius - 10, At: at},
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	for row, err := range temps.Query(ctx, "*/temp", history.Window{Start: noon.Add(time.Hour)}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(row.Record, row.Rank, row.At.Format(time.TimeOnly), row.Value)
	}
	// Output:
	// attic/temp 1 14:00:00 21
	// attic/temp 2 13:00:00 19
	// cellar/temp 1 14:00:00 11
	// cellar/temp 2 13:00:00 9
}

func ExampleHistory_Latest() {
	ctx := context.Background()
	h, err := history.Open(ctx, ":memory:", history.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	for i, value := range []string{"shut", "open", "shut"} {
		if err := h.Store(ctx, "door", []byte(value), noon.Add(time.Duration(i)*time.Second)); err != nil {
			log.Fatal(err)
		}
	}
	for row, err := range h.Latest(ctx, "door", 2) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d %s\n", row.Rank, row.Value)
	}
	// Output:
	// 1 shut
	// 2 open
}

func ExampleHistory_Names() {
	ctx := context.Background()
	h, err := history.Open(ctx, ":memory:", history.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	for _, name := range []string{"cellar/temp", "attic/temp", "attic/door"} {
		if err := h.Store(ctx, name, nil, noon); err != nil {
			log.Fatal(err)
		}
	}
	for name, err := range h.Names(ctx, "*/temp") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(name)
	}
	// Output:
	// attic/temp
	// cellar/temp
}

func ExampleHistory_Stats() {
	ctx := context.Background()
	h, err := history.Open(ctx, ":memory:", history.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	for i := range 3 {
		if err := h.Store(ctx, "door", nil, noon.Add(time.Duration(i)*time.Hour)); err != nil {
			log.Fatal(err)
		}
	}
	for s, err := range h.Stats(ctx, "*") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(s.Name, s.Rows, s.First.Format(time.TimeOnly), s.Last.Format(time.TimeOnly))
	}
	// Output: door 3 12:00:00 14:00:00
}

func ExampleHistory_Cleanup() {
	ctx := context.Background()
	h, err := history.Open(ctx, ":memory:", history.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	for i := range 24 {
		if err := h.Store(ctx, "door", nil, noon.Add(time.Duration(i)*time.Hour)); err != nil {
			log.Fatal(err)
		}
	}
	deleted, err := h.Cleanup(ctx, noon.Add(20*time.Hour))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(deleted, "rows deleted")
	// Output: 20 rows deleted
}

// Each day the rows of log/ that are older than a week go, and of the other
// records all but the newest two, when they are older than a year.
func ExampleConfig_retention() {
	const day = 24 * time.Hour
	ctx := context.Background()
	db, err := history.OpenDB(ctx, ":memory:", history.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	before, err := history.New(ctx, db, history.Config{})
	if err != nil {
		log.Fatal(err)
	}
	for age := range 5 { // in years
		at := time.Now().Add(time.Duration(-age) * 366 * day)
		if err := errors.Join(before.Store(ctx, "door", nil, at), before.Store(ctx, "log/door", nil, at)); err != nil {
			log.Fatal(err)
		}
	}

	told := make(heard, 10)
	h, err := history.New(ctx, db, history.Config{
		Retention: []history.Rule{
			{Pattern: "log/*", Age: 7 * day},
			{Pattern: "*", Age: 365 * day, Keep: 2},
		},
		Logger: slog.New(slog.NewTextHandler(told, nil)),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	for !strings.Contains(<-told, "edfsm: retention") { // the first time is now
	}
	for s, err := range h.Stats(ctx, "*") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(s.Name, s.Rows)
	}
	// Output:
	// door 2
	// log/door 1
}

// heard takes what a logger writes.
type heard chan string

func (h heard) Write(line []byte) (int, error) {
	h <- string(line)
	return len(line), nil
}

// What a machine puts out becomes records: the recorder is the adapter of its
// events or outputs.
func ExampleRecorder() {
	type Alarm struct {
		Zone string
		At   time.Time
		Loud bool
	}
	ctx := context.Background()
	h, err := history.Open(ctx, ":memory:", history.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	bools, err := codec.Of[bool](codec.JSON)
	if err != nil {
		log.Fatal(err)
	}
	recorder := history.NewRecorder(history.Of(h, bools), func(a Alarm, emit func(history.Entry[bool])) {
		emit(history.Entry[bool]{Name: "alarm/" + a.Zone, Value: a.Loud, At: a.At})
	})
	// machine.Config{Outputs: recorder, …} calls this.
	if err := recorder.Notify(ctx, []Alarm{{"yard", noon, true}, {"yard", noon.Add(time.Minute), false}}); err != nil {
		log.Fatal(err)
	}
	for row, err := range h.Query(ctx, "alarm/*", history.Window{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %s\n", row.Record, row.Value)
	}
	// Output:
	// alarm/yard false
	// alarm/yard true
}

// A row that does not decode, here as it has another codec, does not hide the
// others.
func ExampleRowError() {
	ctx := context.Background()
	h, err := history.Open(ctx, ":memory:", history.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	texts, err := codec.Of[string](codec.JSON)
	if err != nil {
		log.Fatal(err)
	}
	if err := history.Of(h, texts).Store(ctx, "door", "open", noon); err != nil {
		log.Fatal(err)
	}
	if err := h.Store(ctx, "camera", []byte{0xff, 0xd8}, noon); err != nil {
		log.Fatal(err)
	}
	for row, err := range history.Of(h, texts).Query(ctx, "*", history.Window{}) {
		if bad, ok := errors.AsType[*history.RowError](err); ok {
			fmt.Println(bad)
		} else if err != nil {
			log.Fatal(err)
		} else {
			fmt.Println(row.Record, row.Value)
		}
	}
	// Output:
	// :memory:: record "camera", 2026-03-01T12:00:00Z, row 2: record has another codec: "bytes", not "json"
	// door open
}

func ExampleHistory_Import() {
	dir, err := os.MkdirTemp("", "edfsm")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	old := filepath.Join(dir, "old.db")
	conn, err := sqlite.OpenConn(old, sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		log.Fatal(err)
	}
	err = errors.Join(sqlitex.ExecuteScript(conn, `
		CREATE TABLE record_history(id INTEGER PRIMARY KEY, record_name TEXT, value_json TEXT, stored_at INTEGER);
		INSERT INTO record_history VALUES(1, 'door', '"open"', 1772366400000), (2, 'door', 'shut', 1772366401000);
	`, nil), conn.Close())
	if err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	h, err := history.Open(ctx, filepath.Join(dir, "new.db"), history.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	done, err := h.Import(ctx, old, history.ImportOptions{Bad: func(bad *history.ImportError) error {
		fmt.Println(bad.ID, bad.Err)
		return nil // go on without it
	}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d imported, %d not\n", done.Rows, done.Bad)
	// Output:
	// 2 value is not JSON
	// 1 imported, 1 not
}

// A log of package sqlitelog and a history share a file, and so the syncs of the
// disk.
func ExampleNew() {
	ctx := context.Background()
	db, err := history.OpenDB(ctx, ":memory:", history.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	h, err := history.New(ctx, db, history.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	events, err := sqlitelog.New(ctx, db, "doors", sqlitelog.Config[string]{})
	if err != nil {
		log.Fatal(err)
	}
	defer events.Close()

	err = errors.Join(events.Notify(ctx, []string{"door opened"}), h.Store(ctx, "door", []byte("open"), noon))
	if err != nil {
		log.Fatal(err)
	}
	for event, err := range events.Feed(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(event)
	}
	for row, err := range h.Latest(ctx, "door", 1) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %s\n", row.Record, row.Value)
	}
	// Output:
	// door opened
	// door open
}
