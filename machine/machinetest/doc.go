// Package machinetest lets the tests of a program prove its machines: the laws
// that an FSM has to keep, the key its log is compacted by, the logs of the
// past, single decisions, and the log itself.
//
// # What is proved
//
// A machine is rebuilt from its log. That works if its FSM keeps a few laws
// that no compiler checks, and a breach shows itself late: after a restart, or
// years later, as a state that is not the one that was left. Each check
// watches over one way in which that happens:
//
//	TestFSM         a replay leads to another state than the live machine had
//	TestCompaction  an event was deleted that the state still depended on
//	TestRecording   new code reads an old log in another way
//	For             a command is decided in another way than somebody thinks
//	TestLog         the log is not what it was told
//
// For an FSM named Door, with generators of its commands and events:
//
//	func TestDoor(t *testing.T) {
//		machinetest.TestFSM(t, Door{}, commands, events)
//		machinetest.TestCompaction(t, Door{}, doorKey, commands, events)
//
//		door := machinetest.For(t, Door{})
//		door.Given(Opened{}).When(Shut{}).Then(Closed{})
//		door.Given().When(Shut{}).ThenRejected(ErrNotOpen)
//	}
//
// The tests of examples/loadwatch use all of the package.
//
// [TestFSM] and [TestCompaction] try what package rapid generates, so they find
// breaches and do not prove that there are none: -rapid.checks=10000 looks
// longer. They use the FSM they are given for one machine after the other, so
// one that remembers something besides the state is found out.
//
// # How to read a failure
//
// rapid first names the law that was broken, and how to run the same case
// again. Then, under "Failed test output", follow the inputs in the shortest
// form that was found and the events that the log had by then, with the state
// behind each. The last event is the one with which the law was broken:
//
//	after these events:
//	   1  main.Opened{}
//	      transitioned to {open: true}
//	      main.Painted{Colors: ["red"]}
//	before: {open: true, colors: ["red"]}
//	after:  {open: true, colors: [""]}
//	Evolve keeps a reference into its event: when that was overwritten, the state changed
//
// Here the state had the slice of the event instead of a copy. A compaction
// that is not safe is shown as a history with the fate of each event:
//
//	the history:
//	   1  main.Opened{}
//	      key "door", gone  <- should not have gone
//	   2  main.Painted{Colors: ["red"]}
//	      key "door", kept
//	whole leads to      {open: true, colors: ["red"]}
//	compacted leads to  {colors: ["red"]}
//	compaction by this key is not safe
//
// Values are written with all that they hold, unexported fields too; fields
// that hold nothing are left out. What is compared is what is written.
//
// # Failing on demand
//
// [FailNth], [FailIf], [FailLate] and [FailFeed] make adapters and feeds that
// fail when a test wants it, and [Log] makes logs of them.
package machinetest
