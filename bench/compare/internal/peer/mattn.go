//go:build cgo

package peer

import (
	_ "github.com/mattn/go-sqlite3"

	"github.com/edfsm/edfsm/bench/internal/engine"
)

// These need a C compiler.
var (
	cgoDatabases = []Database{mattnDB}
	cgoEngines   = []engine.Engine{mattnDB.engine("mattn/go-sqlite3 (cgo)")}
)

var mattnDB = Database{"sql-mattn", "sqlite3", "_journal_mode=WAL&_synchronous=FULL"}
