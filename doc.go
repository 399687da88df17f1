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
//	    │        │      └───┐
//	    │    sqlitelog      │         keeps the events of a machine in an SQLite file
//	    │     │     │       │
//	    │     │     │  history        keeps the values of records over time in one
//	    │     │     │   │  │  │
//	    │     │     │   │  │ pattern, timeutil    names with *, moments in ms
//	    │     │  internal/sqlitedb    one writer, many readers, group commit
//	    │   codec  ─────────┘         turns values into bytes and back
//	 machine               what a state machine is, and the loop that runs one
//	    table              declares an FSM by rows, checks them, draws them
//	    machinetest        for tests: proves an FSM, its key, its log
//
// Beside the example there is a second program, bench: it measures all of this on
// the computer and the disk it is run on.
//
// Imports point down only. machine, pattern and timeutil import nothing but the
// standard library, and machine builds where SQLite does not. sqlitelog and
// history import neither machine nor each other: a log and a recorder have the
// methods that a machine asks for. They may share a file and its commits.
//
// natslog keeps a log on NATS JetStream, for a machine that has outgrown one
// computer. It is a module of its own, so that nothing of NATS comes with edfsm.
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
//     is derived from events: sqlitelog delivers each at least once.
//   - A log that fails ends its machine. Nothing goes on from a state that may
//     be ahead of the file.
//   - The last to open a log owns it. Who owned it before can append no more.
//   - What a history has accepted is as durable as the events of a log.
//
// # Where to start
//
// The first program in README.md fits on a page. examples/loadwatch is a whole
// one: load/fsm.go is its behaviour, watch.go its wiring, and file.go puts its log
// and its history into one file. Then read machine, the
// order of its steps above all, and sqlitelog for what is in the file; history for
// what a program wants to look up later.
package edfsm
