// Package sqlitelog keeps the events of a machine in an SQLite file.
//
// A [Log] is a machine.Log: [Log.Notify] returns when the events are durable,
// [Log.Feed] gives them back in the order of their offsets.
//
// # What is durable when
//
// The database runs in WAL mode with synchronous=FULL: each commit is synced.
// What Notify has accepted survives a crash of the process and, if the device
// honours syncs, a power cut. A commit that fails leaves it unknown whether its
// events are in the file: Notify returns [ErrUncertain], and everything after
// it on this handle [ErrFailed], until the file is opened again. Calls that
// wait for the disk share one transaction and so one sync.
//
// # One owner
//
// Opening a log raises its epoch, and each transaction compares it. So the last
// to open a log owns it, in this process or another, and appends of earlier
// owners fail with [ErrConflict]: nothing decided on a stale state gets in.
//
// # The file
//
// The file is an ordinary database, with application_id 0x65646673 ("edfs"),
// that the sqlite3 shell reads, also while the program runs (use -readonly):
//
//	edfsm_schema(part, version)   the versions of the tables
//	logs(number, name, codec, epoch)
//	log(offset, log, key, value, recorded_at, crc)
//
// A row of log is an event. Its offset orders it and is never given again;
// offsets belong to the file and may have gaps. log is the number of the log in
// logs. value is text if the codec is JSON, a blob otherwise; recorded_at is
// the wall clock in Unix ms, which may go back; crc is the CRC-32C of log,
// offset, key and value, and is compared whenever a row is read.
//
// Beside the file SQLite keeps FILE-wal, which belongs to the data, and
// FILE-shm, until the last program closes it. Do not copy or delete one without
// the others. The WAL is copied back whenever it has grown by some 4 MB.
//
// No other part of the process may open and close these files: on Unix that
// drops SQLite's locks.
package sqlitelog
