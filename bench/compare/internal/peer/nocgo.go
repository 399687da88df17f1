//go:build !cgo

package peer

import "github.com/edfsm/edfsm/bench/internal/engine"

var (
	cgoDatabases []Database
	cgoEngines   []engine.Engine
)
