// Package natslog keeps the events of machines on NATS JetStream: on several
// servers, of which any may die.
//
// A [Log] is a machine.Log: [Log.Notify] returns when the events are stored,
// [Log.Feed] gives them back in the order of their offsets, [Log.Deliver] as they
// come. It has the methods and errors of package sqlitelog, so that a machine
// moves without a change; [Copy] moves its events. README.md tells when to. [Open]
// opens a log in a stream, and makes both.
//
// It is a module of its own: nothing of it comes with edfsm. It needs servers that
// know atomic batches, and is tested with 2.15.2.
//
// # What is durable when
//
// A stream of three replicas is kept by three servers, one of which leads. What
// Notify has accepted, two of them have: it survives the death of any one of
// them, and of the leader, without a gap or a repetition. While no two of them
// reach each other nothing is accepted.
//
// By default a server syncs its files every two minutes. A power cut of one server is
// mended by the others. One that takes two of them at the same time may
// take what was accepted in these two minutes, and a stream of one replica loses it
// with its only server. With the servers' option "sync_interval: always" each
// server syncs before it answers: then that survives too, as with sqlitelog.Full.
//
// If nobody answers, a write is sent again, which is safe: it says where the log
// must end, so that it gets in once. When Config.Timeout is over, Notify returns
// [ErrUncertain]. The next call of the handle settles that first: it ends the log
// behind what was known with a record of its own, so that a write that is still on
// its way is kept out, or finds the write there and goes on behind it. As long
// as that cannot be told, calls fail with [ErrFailed] and write nothing. After any other error
// nothing was written.
//
// The events of a call, at most 1,000, are one atomic batch. One event is one
// message.
//
// # One owner
//
// Each write says at which offset the log must end, and the stream's leader
// compares and appends. An owner knows where it has left the log. Opening a log
// appends a record, so that the last to open it owns it, and appends of earlier
// owners fail with [ErrConflict], which tells both offsets: nothing decided on a
// stale state gets in. Snapshots and compactions are compared in the same way.
// Config.Reader opens a log beside its owner.
//
// # The stream
//
// A stream has the subjects that begin with its name. A log is one subject, so
// that its order, its fence and its batches are one thing; the other three subjects hold
// what belongs to it:
//
//	edfsm.LOG.events               the events, and the openings of the log
//	edfsm.LOG.snapshot             the parts of one snapshot
//	edfsm.LOG.state.mark           how far it was compacted
//	edfsm.LOG.state.position.NAME  where a subscription stands
//
// LOG and NAME are escaped as in a URL, a dot too, so that no name is a wildcard
// or two tokens. Thousands of logs share a stream, its leader and its disk; more
// load wants more streams.
//
// An offset is the sequence of a message in its stream: it increases, has gaps,
// and is never given again. The value of an event is its message's data, readable with
// "nats stream view". Its headers are Edfsm-Id (the write it belongs to),
// Edfsm-Part (2/5: the second of five), Edfsm-Codec, Edfsm-Key and
// Edfsm-Tombstone, with Config.Key, and Edfsm-Crc, a CRC-32C of all that and the
// subject. Openings have Edfsm-Kind: open.
//
// Open makes a stream as it must be, and refuses another with [ErrStream]: in files, with
// atomic batches, direct reads, rollups and deletes allowed, and without limits
// that let messages go; a full one has to refuse what comes (DiscardNew). A full one
// cannot be compacted either, since a compaction says first what it will do: watch
// MaxBytes, if you set it, and raise it in time. Nobody else may write to the
// stream's subjects, purge them, or restore it from an old backup under a running
// machine.
//
// # Reading
//
// Pages of 1,000 messages are read from any server of the stream, which may be
// behind. But all servers apply the same writes in the same order, each whole,
// so a page is a piece of the log as it was; and a replay ends at the newest record that the
// leader knows, for which it waits.
//
// # Compaction
//
// With Config.Key a log stays bounded. Whenever HighWater events have come since
// the last time, all but the newest LowWater are looked at, in the background:
// an event goes if a newer one has its key. Dead records before all others go in
// one purge, the others one by one, oldest first, so that what is left at any
// moment is what some compaction could have left. It takes memory for each key, and
// for each record, while it runs. Events without a key stay, and so does the newest record:
// it is what appends are compared with.
//
// A tombstone outlives what it has ended by ten minutes at least and goes in a
// later compaction: by then no server that can still be reached shows what has
// gone. It stays as long as a snapshot before it does.
//
// A replay is not disturbed: while one of this handle is under way that ends at
// some offset, an event before it is superseded only by another before it, and
// no tombstone goes. The mark is written, by the owner only, before anything is deleted; a replay of
// another handle looks at it after each page, and ends with [ErrCompacted] if
// it has moved.
//
// # Snapshots
//
// A log keeps one snapshot of the state for a machine ([Log.SaveSnapshot]), under
// an id that says how it was encoded. It is in the stream, in as many messages as
// it takes. A start from it reads only the events after it. No event goes because a
// snapshot contains it.
//
// # Subscriptions
//
// A subscription is a position in a log with a name, kept in the stream.
// [Log.Deliver] hands over what lies after it, and moves it when the consumer has
// returned without an error: at least once, whatever crashes. Each move is a
// write to the stream. It never moves a position back, or one that [Log.Seek] has
// moved meanwhile, and needs no ownership of the log.
//
// What lies after the least position of a log stays as it was appended. So a
// subscription that nobody delivers stops compaction, until [Log.Unsubscribe].
// One that begins while a compaction is at work is given what that leaves. Who
// waits is woken by the appends of its handle, and looks for those of others
// every 250 ms.
//
// # Concurrency
//
// All methods may be called concurrently. Calls of Notify are made one after the
// other; a machine makes batches of what waits, so one call of it may be many
// commands. Close ends the compaction and the deliveries of a handle, and waits
// for the compaction. Nothing else runs in the background.
//
// # Health
//
// Config.Logger is told, with the names of the stream and the log:
//
//	log opened             its head
//	log closed
//	log has another owner  the first append that was refused with ErrConflict
//	outcome settled        after ErrUncertain: where the log ends
//	compacted              how many records have gone, and the ms it took
//	compaction failed      the error
//	events not counted     the error; the next compaction comes later
//	snapshot ignored       it is not as it was written
//
// # Limits
//
// An event and its headers must fit into a message of the servers (max_payload,
// 1 MB by default), else [ErrTooLarge]. A stream takes 50 batches at a time by
// default, and more have to wait. A leader that was cut off from the others without knowing it
// may answer for some seconds; it can accept nothing, and a reader that asks it
// sees the log as it was.
package natslog
