// Package faultfs is a storage layer for tests: it fails on demand, and knows
// what a power cut would leave.
//
// It lies between SQLite and the operating system as the process's default VFS,
// and has an eye on the folders that were given to [New]; all else passes by it
// untouched. So what is tested is opened as ever and knows nothing of it.
//
// [FS.Inject] makes the n-th operation fail, once or for ever. [FS.Image] builds
// from the recorded writes and syncs what is on the disk after a power cut at any
// moment: what was synced, and of the rest what chance, by a seed, has let
// through. What does not go through SQLite, such as a copy that package os makes,
// is not seen, nor are writes to the shared memory of a WAL, which a power cut
// takes with it anyway.
//
// It needs Unix. Only tests import it.
package faultfs
