package natslog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// write is records that are stored together or not at all, if the log is as
// their writer takes it to be.
type write struct {
	subject string // of its records
	id      string // of each of them
	records []record

	guard  string // the subject that must end at after; "": whatever the log is
	after  int64
	rollup bool // the one record takes the place of all before it
}

// What the servers say.
const (
	errWrongLast  = 10071 // the guard does not end where it should
	errInProcess  = 10164 // another write to the guard is under way
	errDuplicate  = 10158 // an earlier attempt is under way
	errIncomplete = 10176 // a part of the batch is missing; nothing was stored
)

// put stores a write and returns the offset of its last record. A write that
// nobody answers is sent again: the guard lets one in at most once, and the id
// tells whose the record is that has kept it out.
//
// ctx is obeyed until the first time that the write may have been stored.
func (s *stream) put(ctx context.Context, w *write) (last int64, err error) {
	end := time.Now().Add(s.timeout)
	uncertain := false
	for attempt, pause := 1, minPause; ; attempt, pause = attempt+1, min(2*pause, maxPause) {
		if !uncertain && ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if !uncertain && s.conn.IsClosed() {
			return 0, w.unless(false, nats.ErrConnectionClosed)
		}
		last, err = s.publish(context.WithoutCancel(ctx), w, attempt)
		var api *jetstream.APIError
		switch {
		case err == nil:
			return last, nil
		case errors.As(err, &api) && (api.ErrorCode == errWrongLast || api.ErrorCode == errInProcess):
			last, err = s.outcome(context.WithoutCancel(ctx), w, uncertain)
			if !errors.Is(err, errUnderWay) {
				return last, err
			}
		case api != nil && (api.Code == 429 || api.ErrorCode == errIncomplete || api.ErrorCode == errDuplicate), errors.Is(err, nats.ErrNoResponders):
			// Nothing was stored.
		case api != nil && api.Code != 503:
			return 0, w.unless(uncertain, err)
		default:
			uncertain = true
		}
		if time.Now().After(end) || s.conn.IsClosed() {
			return 0, w.unless(uncertain, err)
		}
		if err := rest(context.WithoutCancel(ctx), pause); err != nil {
			return 0, err
		}
	}
}

// unless says why nothing was stored, unless it may have been.
func (w *write) unless(uncertain bool, err error) error {
	if uncertain {
		return fmt.Errorf("%w: %w", ErrUncertain, err)
	}
	return fmt.Errorf("not stored: %w", err)
}

var errUnderWay = errors.New("another attempt is under way")

// outcome tells what it means that the guard has refused a write: that it was
// stored by an earlier attempt, that somebody else was there, or nothing yet.
func (s *stream) outcome(ctx context.Context, w *write, uncertain bool) (last int64, err error) {
	newest, err := s.last(ctx, w.subject)
	if err != nil {
		return 0, w.unless(uncertain, err)
	}
	if newest.id == w.id {
		return newest.offset, nil
	}
	if w.guard != w.subject {
		if newest, err = s.last(ctx, w.guard); err != nil {
			return 0, w.unless(uncertain, err)
		}
	}
	if newest.offset == w.after {
		return 0, errUnderWay
	}
	conflict := &ConflictError{Expected: w.after, Found: newest.offset}
	if !uncertain || w.guard != w.subject || newest.offset < w.after {
		return 0, conflict
	}
	// Was it there before the other, who came meanwhile?
	follower, err := s.next(ctx, w.subject, w.after)
	switch {
	case err != nil:
		return 0, w.unless(true, err)
	case follower.id == w.id:
		return follower.offset + int64(len(w.records)) - 1, nil
	case follower.after == w.after:
		return 0, conflict
	}
	return 0, w.unless(true, conflict)
}

// setGuard says on the first message of a write what it requires. Without a
// guard the servers know the message by its id, if it comes again soon.
func (w *write) setGuard(m *nats.Msg) {
	if w.guard == "" {
		m.Header[jetstream.MsgIDHeader] = []string{w.id}
		return
	}
	m.Header[headerAfter] = []string{strconv.FormatInt(w.after, 10)}
	if w.guard != w.subject {
		m.Header[jetstream.ExpectedLastSubjSeqSubjHeader] = []string{w.guard}
	}
}

// publish sends a write once and waits for the answer.
func (s *stream) publish(ctx context.Context, w *write, attempt int) (last int64, err error) {
	ctx, cancel := s.try(ctx)
	defer cancel()
	var reply *nats.Msg
	for i := range w.records {
		m := w.records[i].message()
		if i == 0 {
			w.setGuard(m)
		}
		if w.rollup {
			m.Header[jetstream.MsgRollup] = []string{jetstream.MsgRollupSubject}
		}
		if len(w.records) > 1 {
			m.Header["Nats-Batch-Id"] = []string{fmt.Sprintf("%s-%d", w.id, attempt)}
			m.Header["Nats-Batch-Sequence"] = []string{strconv.Itoa(i + 1)}
		}
		if i < len(w.records)-1 {
			if err := s.conn.PublishMsg(m); err != nil {
				return 0, err
			}
			continue
		}
		if len(w.records) > 1 {
			m.Header["Nats-Batch-Commit"] = []string{"1"}
		}
		if reply, err = s.conn.RequestMsgWithContext(ctx, m); err != nil {
			return 0, err
		}
	}
	var ack struct {
		Error *jetstream.APIError `json:"error"`
		Seq   int64               `json:"seq"`
	}
	if err := json.Unmarshal(reply.Data, &ack); err != nil {
		return 0, err
	}
	if ack.Error != nil {
		return 0, ack.Error
	}
	return ack.Seq, nil
}

// fits refuses a record that the servers would not take.
func (s *stream) fits(r *record) error {
	const batch = 256 // bytes of the headers that a batch adds
	if size := int64(r.message().Size() + batch); size > s.conn.MaxPayload() {
		return fmt.Errorf("%d bytes, more than the servers' %d: %w", size, s.conn.MaxPayload(), ErrTooLarge)
	}
	return nil
}
