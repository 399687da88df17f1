// Package machine runs durable, event-driven finite state machines.
//
// A machine takes commands and events, evolves a state, and emits outputs. Its
// behaviour is an [FSM]; [New] wires one to its log and its adapters, and
// [Machine.Run] drives it:
//
//	command ─▶ Decide ─▶ events ─▶ Evolve ─▶ React ─▶ log ─▶ observers ─▶ outputs ─▶ answers
//	                        ▲                                 └──────── only what is durable ──────┘
//	event ──────────────────┘
//
// # From input to answer
//
// A command goes to Decide, which rejects it or says which events follow.
// Events given to the machine from outside stand for themselves. Each event
// goes to Evolve; one that leaves the state unchanged is forgotten. The others
// go to React and then, with those of the other inputs that were waiting, to
// the log in one call. Nobody hears of an event before the log has accepted
// it: not the observers of events, not the takers of outputs, not the callers.
// A lone input is logged at once: nothing waits for a batch to fill.
//
// An input is given in one of these ways:
//
//	Send, Notify, Commands    return when the input is accepted
//	Do, Apply                 return when its outcome is known
//	View                      looks at the state between two batches
//
// # The state
//
// At the start of Run the state is rebuilt from the log by Evolve alone,
// without effects. The state in memory is never the only place where something
// is kept: when the log fails, the machine ends, and a new one is hydrated
// from what the log has. A [Snapshot] bounds what there is to replay.
//
// # Outputs
//
// Outputs are released in the order they were emitted, after the events of
// their batch are durable. An output between that moment and its adapter dies
// with the process: outputs are delivered at most once. What must not be lost
// is derived from the logged events, by a subscription of the log's that keeps
// its place under a name, or is emitted again by Init.
//
// A machine is itself an adapter of events, and [Machine.Commands] is one of
// commands, so that the outputs of one machine become the inputs of another:
//
//	b := machine.New(second, configB)
//	a := machine.New(first, machine.Config[S, E, O]{Outputs: b.Commands()})
//
// # Concurrency
//
// The caller of Run owns the only goroutine: FSM, log and adapters are called
// there, one at a time, and when Run has returned, nothing runs on. All other
// methods may be called from any goroutine.
//
// Inputs of one goroutine are taken in the order it gave them; between
// goroutines there is no order, but the first to come to the mailbox is the
// first to be taken. An input has one place in the mailbox. When the mailbox
// is full, callers wait, until there is room, their context ends or the
// machine is closed or ends. So a slow log or adapter slows the machine, and a
// slow machine slows those who feed it.
//
// These deadlock:
//
//   - Do, Apply or View called by an adapter, or by the FSM, of the same
//     machine: it waits for the loop, which waits for it.
//   - Send, Notify or Commands called there while the mailbox is full.
//   - A cycle of machines that feed each other while all their mailboxes are
//     full.
//
// Such a call ends with its context, which in an adapter is that of Run. To
// have no need of that, let Decide return all events at once rather than send
// commands to the own machine, and break a cycle in one place: with [Chan] into
// a channel that somebody always reads, or with an adapter that drops what does
// not fit.
//
// # Failure
//
// A log that fails answers every caller of its batch with [ErrLog], releases
// none of the batch's outputs, and ends Run. An adapter that fails ends Run
// too, but after the commit: callers get the durable outcome, and what the
// adapters behind it have not yet been given is lost. [BestEffort] wraps an
// adapter whose failures shall not matter. A panic of the FSM discards the
// batch in hand and goes on through Run.
package machine
