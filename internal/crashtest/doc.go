// Package crashtest takes users of a store through all that can befall it: an
// operation of the device that fails, a power cut, a second one in the recovery
// from the first, a WAL cut off, a bit turned over, a process killed.
//
// What is done with the store, and what of it must last, is said by a [Workload];
// those of the packages that keep things are in their tests. The faults come from
// package faultfs, so that a thousand of them take seconds, and root is not
// needed. Each driver returns what went wrong, one error a fault, so that a test
// can also ask for errors: of a store that is broken on purpose.
//
// How many faults a driver tries is said by the test, by the flag -crash.n for
// all tests of a run, or 0 for every one there is; and they are drawn with
// -crash.seed, which is logged.
//
// On demand a driver tries all that there is, and with -count draws again what is
// left to chance. A WAL is cut at every byte, and every bit of what is in use is
// turned over, which takes hours. Kills have no end, so -crash.n says how many
// there are; models have a flag of their own:
//
//	go test ./sqlitelog -run 'PowerCut' -crash.n 0 -count 10 -timeout 0
//	go test ./sqlitelog -run 'Faults$|FailedSyncs$' -crash.n 0 -timeout 0
//	go test ./sqlitelog -run 'WALCut|BitFlips' -crash.n 0 -timeout 0
//	go test ./sqlitelog -run 'Kill$' -crash.n 2000 -timeout 0
//	go test ./sqlitelog -run FaultModel -rapid.checks 20000 -timeout 0
//
// It needs Unix. Only tests import it.
package crashtest
