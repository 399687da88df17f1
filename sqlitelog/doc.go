// Package sqlitelog keeps the events of machines in an SQLite file.
//
// A [Log] is a machine.Log: [Log.Notify] returns when the events are durable,
// [Log.Feed] gives them back in the order of their offsets, [Log.Follow] and
// [Log.Deliver] as they come. [Open] opens the only log of a file; [OpenDB] and
// [New] put several logs in one.
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
// [ErrFailed], until the file is opened again. Opening copies the WAL back first:
// nothing is kept behind what a failed sync may not have brought to the disk.
// After any other error nothing was written. Calls that wait for the disk, of all
// logs of a file, share one transaction and so one sync; one that fails is undone
// alone.
//
// That the end of a log is missing cannot be seen in the file: damage to the WAL
// hides the commits after it, and an old copy looks like any other file. Whoever
// keeps [Log.Head] elsewhere now and then can have it looked for: with
// Config.MinHead a log is opened only if it has got that far, and otherwise left
// as it is, so that what remains of its WAL can be examined.
//
// # One owner
//
// Opening a log raises its epoch, and each transaction compares it. So the last
// to open a log owns it, in this process or another, and appends of earlier
// owners fail with [ErrConflict]: nothing decided on a stale state gets in. A
// file that is opened with Options.ReadOnly is read beside its owners, and so is
// a log with Config.Reader, whose file may be written: a consumer in another
// process needs that to keep its position.
//
// # The file
//
// The file is an ordinary database, with application_id 0x65646673 ("edfs"),
// that the sqlite3 shell reads, also while the program runs (use -readonly):
//
//	edfsm_schema(part, version)     the versions of the tables
//	logs(number, name, codec, epoch, floor, dropped, tombstones, compactions)
//	log(offset, log, key, tombstone, value, recorded_at, crc)
//	compacted                       the same columns
//	quarantine                      the same columns, and reason
//	snapshots(log, id, position, data, recorded_at, crc)
//	subscriptions(log, name, position, updated_at)
//	skipped(log, subscription, offset, key, value, reason, skipped_at)
//
// A row of log or of compacted is an event. Its offset orders it and is never
// given again; offsets belong to the file and may have gaps. log is the number
// of the log in logs. key is NULL if the event was appended without Config.Key,
// and empty if it has none. value is text if the codec is JSON, a blob otherwise;
// recorded_at is the wall clock in Unix ms, which may go back; crc is the
// CRC-32C of log, offset, key, tombstone and value, and is compared whenever a
// row is read. floor is the last offset that was deleted or moved, dropped the
// last that went because a snapshot contains it, tombstones that of the last
// tombstone that went, and compactions counts how often something did. A position
// is the offset of the last event that a snapshot contains or a subscription has
// acknowledged. skipped has what a subscription has put aside.
//
// A new file is made with auto_vacuum INCREMENTAL, so that pages can be given back.
// While it is open here, the settings are journal_mode WAL, synchronous FULL or
// NORMAL as Options.Durability says, fullfsync and checkpoint_fullfsync (which
// matter on macOS), wal_autocheckpoint 0, as checkpoints are run and watched by
// this package, journal_size_limit 8192000, temp_store MEMORY for the writer, cache_size of
// 2 MB a connection, query_only for whoever only reads, and locking_mode EXCLUSIVE with
// Options.Exclusive. Of these a file keeps auto_vacuum and WAL: a program that
// writes to it by other means does so under its own settings.
//
// Beside the file SQLite keeps FILE-wal, which belongs to the data, and
// FILE-shm, until the last program closes it. Do not copy or delete one without
// the others. The WAL is copied back whenever it has grown by some 4 MB.
//
// No other part of the process may open and close these files: on Unix that
// drops SQLite's locks.
//
// Who deletes, moves or replaces one of them while the file is open is noticed
// after 16 transactions at the latest, or by Close; a reader notices it when it
// reads. The WAL is then copied back, so that the file, whatever its name is by
// now, has all that was accepted, and every call fails with [ErrFailed], which
// wraps [ErrMoved]. What a reader holds up is copied by Close. A file that was
// overwritten in place is not noticed.
//
// A WAL whose file is gone or empty is not thrown away, as SQLite would: opening
// fails with [ErrUnclean] until the file is back or the WAL was moved. A symbolic
// link is followed; what is beside the file lies beside the file, not the link.
//
// # Compaction
//
// With Config.Key a log stays bounded. Whenever the table log has more than
// HighWater events, the oldest leave it until LowWater are left: one that a
// newer event with its key has superseded is deleted, any other moves to
// compacted, so that of one log all of compacted is older than all of log. A
// tombstone deletes what is older with its key, and goes itself when it leaves
// log and nothing of the key is left before it. Events without a key stay, and
// so does a record that does not match its checksum, with what it supersedes.
//
// That happens in the background, in slices of at most 512 events and some 2 ms
// inside the transactions of the appends; each slice is atomic, and after it
// the appends have the file for themselves, mostly three times as long. A log that is
// several times beyond its high water has slices that are as many times larger,
// up to eight, and from twice on no pauses, or callers who append much at a time
// would outrun it. A replay is not
// disturbed: while one is under way that ends at some offset, an event before
// it is superseded only by another before it, and no tombstone goes. A replay
// through another handle than that which compacts, as in another process, is told
// by [ErrCompacted] to start again. Subscriptions are waited for.
//
// Which event is the newest of its key is told by a map in memory of some 40
// bytes a key, which is read from the file after opening. Pages that are free
// are used again; those beyond half of the file, or all after [Log.Compact],
// are given back to the file system, at the end of the compaction, or with a later
// checkpoint if a reader holds that up or somebody else runs them.
//
// # Snapshots
//
// A log keeps snapshots of the state for a machine ([Log.SaveSnapshot]): data and
// the offset of the last event that it contains, in one transaction, under an id
// that says how the state was encoded. A start from one reads only the events
// after it. While somebody starts from a snapshot, tombstones after it stay, as
// the state in it may have their keys; once a tombstone has gone, snapshots
// before it are deleted.
//
// With Config.DropSnapshotted the compaction deletes all that the newest snapshot
// contains. Then the log has no beginning: [Log.Feed] fails with [ErrDropped].
//
// # Subscriptions
//
// A subscription is a position in a log with a name, kept in the file.
// [Log.Deliver] hands over what lies after it, first what is stored, then what
// comes, in the order of the offsets, and moves it when the consumer has returned
// without an error. So each event is delivered at least once, whatever crashes;
// of what was not acknowledged in time some is delivered again, under the same
// offset. An output that is a function of durable events is never lost that way.
//
// An acknowledgement is a row that is written in a transaction of the appends,
// under the same rules. It covers whole records: an old one may stand for several
// events. It never moves a position back, or one that [Log.Seek] has moved
// meanwhile, and needs no ownership of the log.
//
// What lies after the least position of a log stays as it was appended: no
// compaction deletes or moves it. So a subscription that nobody delivers stops
// compaction, until [Log.Unsubscribe]; [Log.Subscriptions] tells how far behind
// each is, in records and by the age of the oldest of them. One that begins
// before the end of compacted is first given what is left there. [Log.Follow]
// has no name: only while it is walked, and only through a handle that owns the
// log, is compaction held up for it. Where events were dropped for a snapshot,
// none begins before them ([ErrDropped]).
//
// Who waits for events is woken by the appends through the same [DB]. For those of
// others one goroutine per file, which runs as long as anybody waits or is
// delivered to, looks every 100 ms.
//
// # Backup
//
// [Backup] copies a file while it is in use, as it is at one moment, and checks
// the copy. Appends go on; the WAL grows by what they write until the copy is
// made, and is cut to 8 MB when it is begun anew. The checksums of the
// events are compared when the copy is replayed. Write to a file or to a copy of
// it, not to both: they would be two histories.
//
// Litestream (tried with 0.3.13) replicates a file all the time. Run it beside
// the program, and open the file with Options.ForeignCheckpoints: it must see
// the WAL before that is copied back. Then its replica goes on where it was, also
// when Litestream or the program was down; else it has to begin with a new
// snapshot of the whole file. Appends wait while it checkpoints. While it is
// down the WAL grows.
//
// # Health
//
// [Log.Stats] says how a log is. Options.Logger is told, with the names of the
// file and the log:
//
//	log opened             its head and epoch, and how many pages were in the WAL:
//	                       of a process that did not close the file, or has it open
//	log closed             the error, if any
//	log has another owner  the first append that was refused with ErrConflict
//	compacted              how many events were moved and dropped, and the ms it took
//	compaction failed      the error
//	record quarantined     the error, with the record's place
//	checkpoint late        the WAL grows, as a reader does not end, or somebody
//	                       else's checkpoints do not come; of the file
//	database given up      the first failure that made the file unusable; of the file
//
// # Limits
//
// A checksum tells that a record was changed, not that one is missing: damage to
// SQLite's own pages can hide events without an error (21 of 3,500 flipped bits
// did in a test; Head may tell, to one who has seen a later offset).
//
// An event with its key, or a snapshot, may have 268,435,456 bytes and must fit in
// memory ([ErrTooLarge]). A path may have 504 bytes. SQLite's memory is not Go's,
// and GOMEMLIMIT does not see it: an open file takes some 10 MB, 2 MB of cache
// for each of one writing and four reading connections, and with
// Options.Exclusive 2 MB for one; besides that it holds a row that it reads or
// writes. One process writes to a file at a time and others wait up to 10 s for it
// ([ErrBusy]).
// The file must be on a local file system. A full disk fails appends with
// [ErrFull] and loses nothing; once there is room the file must be opened again,
// if the commit has failed. But where SQLite's shared memory is mapped
// from a full disk, some file systems end the process: Options.Exclusive does
// without it.
package sqlitelog
