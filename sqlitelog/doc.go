// Package sqlitelog keeps the events of machines in an SQLite file.
//
// A [Log] is a machine.Log: [Log.Notify] returns when the events are durable,
// [Log.Feed] gives them back in the order of their offsets. [Open] opens the
// only log of a file; [OpenDB] and [New] put several logs in one.
//
// # What is durable when
//
// The database runs in WAL mode. With [Full], the default, each commit is
// synced: what Notify has accepted survives a crash of the process and, if the
// device honours syncs, a power cut. With [Normal] the WAL is synced when it is
// copied back, so that a power cut may take the newest commits, never one
// before them.
//
// A commit that fails leaves it unknown whether its events are in the file:
// Notify returns [ErrUncertain], and everything after it on this handle
// [ErrFailed], until the file is opened again. After any other error nothing
// was written. Calls that wait for the disk, of all logs of a file, share one
// transaction and so one sync; one that fails is undone alone.
//
// # One owner
//
// Opening a log raises its epoch, and each transaction compares it. So the last
// to open a log owns it, in this process or another, and appends of earlier
// owners fail with [ErrConflict]: nothing decided on a stale state gets in. A
// file that is opened with Options.ReadOnly is read beside its owners.
//
// # The file
//
// The file is an ordinary database, with application_id 0x65646673 ("edfs"),
// that the sqlite3 shell reads, also while the program runs (use -readonly):
//
//	edfsm_schema(part, version)     the versions of the tables
//	logs(number, name, codec, epoch, floor, compactions)
//	log(offset, log, key, tombstone, value, recorded_at, crc)
//	compacted                       the same columns
//	quarantine                      the same columns, and reason
//
// A row of log or of compacted is an event. Its offset orders it and is never
// given again; offsets belong to the file and may have gaps. log is the number
// of the log in logs. value is text if the codec is JSON, a blob otherwise;
// recorded_at is the wall clock in Unix ms, which may go back; crc is the
// CRC-32C of log, offset, key, tombstone and value, and is compared whenever a
// row is read. floor is the last offset that was deleted or moved, compactions
// counts how often that was.
//
// Beside the file SQLite keeps FILE-wal, which belongs to the data, and
// FILE-shm, until the last program closes it. Do not copy or delete one without
// the others. The WAL is copied back whenever it has grown by some 4 MB.
//
// No other part of the process may open and close these files: on Unix that
// drops SQLite's locks.
//
// # Compaction
//
// With Config.Key a log stays bounded. Whenever the table log has more than
// HighWater events, the oldest leave it until LowWater are left: one that a
// newer event with its key has superseded is deleted, any other moves to
// compacted, so that of one log all of compacted is older than all of log. A
// tombstone deletes what is older with its key, and goes itself when it leaves
// log and nothing of the key is left before it. Events without a key stay.
//
// That happens in the background, in slices of at most 512 events and some 2 ms
// inside the transactions of the appends; each slice is atomic. A replay is not
// disturbed: while one is under way that ends at some offset, an event before
// it is superseded only by another before it, and no tombstone goes. A replay
// in another process is told by [ErrCompacted] to start again.
//
// Which event is the newest of its key is told by a map in memory of some 40
// bytes a key, which is read from the file after opening. Pages that are free
// are used again; those beyond half of the file, or all after [Log.Compact],
// are given back.
//
// # Limits
//
// An event may have 1,000,000,000 bytes and must fit in memory. One process
// writes to a file at a time and others wait up to 10 s for it ([ErrBusy]).
// The file must be on a local file system. A full disk fails appends with
// SQLite's error and loses nothing, but where SQLite's shared memory is mapped
// from a full disk, some file systems end the process: Options.Exclusive does
// without it.
package sqlitelog
