// Package edfsm is the map of a framework for durable, event-driven state
// machines. It has no code; import the packages below.
//
// A machine takes commands, decides which events follow, changes its state by
// them and emits outputs. Its events are kept in an SQLite file before anybody
// hears of them, and a machine that starts again is in the state that its
// events amount to.
//
// # Packages
//
//	examples/loadwatch     a program: watches the load of a computer
//	    │        │
//	    │    sqlitelog     keeps the events of a machine in an SQLite file
//	    │     │     │
//	    │     │  internal/sqlitedb    one writer, many readers, group commit
//	    │   codec          turns values into bytes and back
//	 machine               what a state machine is, and the loop that runs one
//	    machinetest        for tests: proves an FSM, its key, its log
//
// Imports point down only. machine imports nothing but the standard library
// and builds where SQLite does not. sqlitelog does not import machine: its log
// has the methods that a machine asks for.
//
// # Promises
//
//   - Observers, outputs, answers to callers and views tell of events that are
//     durable, and of no others.
//   - The events of one command are kept together or not at all, in the order
//     in which they changed the state.
//   - What a log of sqlitelog has accepted survives the process, killed at any
//     moment, and, if the disk honours syncs, a power cut.
//   - Outputs are given to their adapter in order and at most once: one between
//     the commit and its adapter dies with the process. What must not be lost
//     is derived from events.
//   - A log that fails ends its machine. Nothing goes on from a state that may
//     be ahead of the file.
//   - The last to open a log owns it. Who owned it before can append no more.
//
// # Where to start
//
// The first program in README.md fits on a page. examples/loadwatch is a whole
// one: fsm.go is its behaviour, watch.go its wiring. Then read machine, the
// order of its steps above all, and sqlitelog for what is in the file.
package edfsm
