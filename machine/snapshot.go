package machine

import (
	"context"
	"fmt"
	"iter"
)

// Snapshot says how the state is kept beside the log, so that a start replays
// only the events after it. The zero value keeps none. The [Log] must be a
// [Snapshotter].
type Snapshot[S any] struct {
	// Codec turns the state into bytes and back; those of package codec fit.
	Codec interface {
		Name() string
		Append(dst []byte, s S) ([]byte, error)
		Decode(data []byte, s *S) error
	}

	// Version is the user's version of S and of Evolve. A snapshot of another
	// version, or of a codec with another name, is ignored, and the whole log
	// is replayed.
	Version int

	// Every is the number of events from one snapshot to the next; 0 means 10,000.
	Every int
}

func (s Snapshot[S]) id() string { return fmt.Sprintf("%s/%d", s.Codec.Name(), s.Version) }

// replay returns the events to hydrate from, after it has set the state they
// start from.
func (l *loop[S, C, E, O]) replay(ctx context.Context) (iter.Seq2[E, error], error) {
	if l.snapshots == nil {
		return l.cfg.Log.Feed(ctx), nil
	}
	id := l.cfg.Snapshot.id()
	data, events, err := l.snapshots.LoadSnapshot(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("load snapshot %q: %w", id, err)
	}
	if data == nil {
		l.cfg.Logger.InfoContext(ctx, "machine: no snapshot, replaying the whole log", "id", id)
		return l.cfg.Log.Feed(ctx), nil
	}
	var s S
	if err := l.cfg.Snapshot.Codec.Decode(data, &s); err != nil {
		l.cfg.Logger.WarnContext(ctx, "machine: snapshot does not decode, replaying the whole log", "id", id, "error", err)
		return l.cfg.Log.Feed(ctx), nil
	}
	l.state = s
	return events, nil
}

// snapshot saves the state if enough events were logged since the last one.
func (l *loop[S, C, E, O]) snapshot(ctx context.Context) error {
	if l.snapshots == nil || l.sinceSnapshot < l.cfg.Snapshot.Every {
		return nil
	}
	data, err := l.cfg.Snapshot.Codec.Append(l.snapshotBuf[:0], l.state)
	if err != nil {
		return fmt.Errorf("machine: snapshot: %w", err)
	}
	if err := l.snapshots.SaveSnapshot(context.WithoutCancel(ctx), l.cfg.Snapshot.id(), data); err != nil {
		return fmt.Errorf("machine: snapshot: %w", err)
	}
	l.snapshotBuf, l.sinceSnapshot = data, 0
	return nil
}
