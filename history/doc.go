// Package history keeps the values of named records over time in an SQLite file:
// measurements, states, what a machine has put out.
//
// [Open] opens a file. [History.Store] adds a value to a record, with the moment
// it belongs to; [History.Query] and [History.Latest] give back the rows of all
// records whose names match a pattern, newest first; [History.Cleanup] and the
// rules of [Config] delete what is old. [Of] is the view of values of a type, a
// [Recorder] makes records of what a machine tells it, and [History.Import] takes
// over another database.
//
// # What is durable when
//
// The database runs in WAL mode. With [Full], the default, each commit is
// synced: what Store has accepted survives a crash of the process and, if the
// device honours syncs, a power cut. With [Normal] the WAL is synced when it is
// copied back, so that a power cut may take the newest commits, never one
// before them; and ids that were given to what it has taken may be given again.
//
// A commit that fails leaves it unknown whether its values are in the file: Store
// returns [ErrUncertain], and everything after it on this handle [ErrFailed],
// until the file is opened again. After any other error nothing was stored. The
// entries of one call are stored together or not at all.
//
// # Who waits for whom
//
// Calls that wait for the disk share one transaction and so one sync, with the
// logs of package sqlitelog if they share the file ([New]); one that fails is
// undone alone. Config.Queue calls may wait, further ones wait for a place. Reads
// have connections of their own and hold up no store; on a file that is opened
// with Options.Exclusive there is but one connection, and stores wait until a page
// was read, which is some ms. Deletions take the writer for some 2 ms at a time,
// longer only for one large value, and then leave it to the stores for as long as
// that has taken.
//
// # Order
//
// Rows come by the name of the record as bytes compare, then by their moments,
// the newest first, and those of equal moments by their ids, the greatest first.
// Ids count what is stored in the file and are not given again. A process takes
// 65,536 of them at a time, so there are gaps, and of two processes that write to
// a file one may have greater ids than the other whoever was first.
//
// Moments are whole ms; what is below is dropped.
//
// # The file
//
// The file is an ordinary database, with application_id 0x65646673 ("edfs"),
// that the sqlite3 shell reads, also while the program runs (use -readonly):
//
//	edfsm_schema(part, version)               the versions of the tables
//	records(number, name, codec)              the records
//	history(record, time, sequence, value)    the rows, in this order
//	history_sequence(next)                    the next id that nobody has taken
//	history_imports(source, last)             how far each import has come
//	record_history(id, record_name, value, stored_at)    a view for people
//
// sequence is the id; time and stored_at are in Unix ms. value is text if the
// codec is JSON, so that SQLite's JSON functions take it, and a blob otherwise. A
// record has one codec, whose name is kept with it. It is there as long as it has
// a row.
//
// Beside the file SQLite keeps FILE-wal, which belongs to the data, and
// FILE-shm, until the last program closes it. Do not copy or delete one without
// the others. No other part of the process may open and close these files: on
// Unix that drops SQLite's locks.
//
// Who deletes, moves or replaces one of them while the file is open is noticed
// after 16 transactions at the latest, or by Close; a reader notices it when it
// reads. The WAL is then copied back, so that the file, whatever its name is by
// now, has all that was accepted, and every call fails with [ErrFailed], which
// wraps [ErrMoved]. What a reader holds up is copied by Close. A file that was
// overwritten in place is not noticed. A WAL whose file is gone or empty is not
// thrown away: opening fails with [ErrUnclean].
//
// Rows have no checksum. A bit that turns over on the disk is noticed where SQLite
// finds that its pages do not fit together; elsewhere it makes another value, moment
// or name, or hides rows. No call hangs on that.
//
// # What a query costs
//
// Names are found by a range of their index, as far as the pattern has a
// beginning without *, and compared one by one within it. Of each record that
// matches, only the rows that are given are read, by one seek: how long the
// history is does not matter. Memory for a query is some MB, or what its largest
// values take.
//
// # Limits
//
// A name or a pattern may have 1,024 bytes, a value 256 MiB. SQLite's memory is
// not Go's, and GOMEMLIMIT does not see it: an open file takes some 10 MB, 2 MB
// of cache for each of one writing and four reading connections, and with
// Options.Exclusive 2 MB for one; besides that it holds a row that it reads or
// writes. A row is deleted in
// one go, which holds up stores for some 2 ms for each MB of its value. Moments
// lie in the years 1 to 9999. One process writes to a file at a time and others
// wait up to 10 s for it ([ErrBusy]). The file must be on a local file system. A
// full disk fails calls with [ErrFull] and loses nothing; once there is room the
// file must be opened again, if a commit has failed. But where SQLite's
// shared memory is mapped from a full disk, some file systems end the process:
// Options.Exclusive does without it.
package history
