package pattern_test

import (
	"fmt"
	"log"

	"github.com/edfsm/edfsm/pattern"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

func Example() {
	p, err := pattern.Compile("plant/*/temp")
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"plant/boiler/temp", "plant/boiler/2/temp", "plant/temp"} {
		fmt.Println(name, p.Match(name))
	}
	// Output:
	// plant/boiler/temp true
	// plant/boiler/2/temp true
	// plant/temp false
}

// In a statement the range finds the names by their index, and GLOB tells which
// of them match.
func ExamplePattern_Glob() {
	conn, err := sqlite.OpenConn(":memory:")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	err = sqlitex.ExecuteScript(conn, `
		CREATE TABLE records(name TEXT PRIMARY KEY) WITHOUT ROWID;
		INSERT INTO records VALUES ('plant/?/1/temp'), ('plant/?/2/door'), ('plant/a/1/temp'), ('roof/temp');
	`, nil)
	if err != nil {
		log.Fatal(err)
	}
	p, err := pattern.Compile("plant/?/*/temp")
	if err != nil {
		log.Fatal(err)
	}
	first, until, bounded := p.Range()
	var end any = until
	if !bounded {
		end = []byte{} // greater than any text
	}
	fmt.Println(p.Glob())
	err = sqlitex.Execute(conn, "SELECT name FROM records WHERE name >= ? AND name < ? AND name GLOB ?", &sqlitex.ExecOptions{
		Args: []any{first, end, p.Glob()},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			fmt.Println(stmt.ColumnText(0))
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// plant/[?]/*/temp
	// plant/?/1/temp
}
