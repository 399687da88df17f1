package natslog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	maxTry   = 2 * time.Second // how long one request may take
	minPause = 20 * time.Millisecond
	maxPause = 500 * time.Millisecond
)

// stream is a stream of JetStream, and the requests to it that its library does
// not have.
type stream struct {
	jetstream.Stream
	conn    *nats.Conn
	name    string
	api     string        // what the subjects of the API begin with
	timeout time.Duration // after which nothing is tried again
}

// try bounds one request: many fit into the timeout.
func (s *stream) try(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, min(maxTry, s.timeout/5))
}

// openStream finds the stream, or makes it.
func openStream(ctx context.Context, js jetstream.JetStream, name string, replicas int, timeout time.Duration) (*stream, error) {
	s := &stream{conn: js.Conn(), name: name, api: apiPrefix(js.Options()), timeout: timeout}
	err := s.insist(ctx, func(ctx context.Context) (err error) {
		s.Stream, err = js.Stream(ctx, name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			s.Stream, err = js.CreateStream(ctx, streamConfig(name, replicas))
		}
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // made by somebody else meanwhile
			s.Stream, err = js.Stream(ctx, name)
		}
		return err
	})
	if err == nil {
		err = checkSettings(s.CachedInfo().Config)
	}
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", name, err)
	}
	return s, nil
}

func apiPrefix(o jetstream.JetStreamOptions) string {
	switch {
	case o.Domain != "":
		return "$JS." + o.Domain + ".API."
	case o.APIPrefix != "":
		return strings.TrimSuffix(o.APIPrefix, ".") + "."
	}
	return jetstream.DefaultAPIPrefix
}

func streamConfig(name string, replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:               name,
		Description:        "logs of github.com/edfsm/edfsm/natslog",
		Subjects:           []string{name + ".>"},
		Storage:            jetstream.FileStorage,
		Replicas:           replicas,
		Discard:            jetstream.DiscardNew,
		AllowAtomicPublish: true,
		AllowDirect:        true,
		AllowRollup:        true,
	}
}

// checkSettings refuses a stream that drops messages by itself, or cannot do
// what a log asks for.
func checkSettings(c jetstream.StreamConfig) error {
	var wrong []string
	want := func(ok bool, setting string) {
		if !ok {
			wrong = append(wrong, setting)
		}
	}
	want(slices.Contains(c.Subjects, c.Name+".>"), "the subject "+c.Name+".>")
	want(c.Retention == jetstream.LimitsPolicy, "limits retention")
	want(c.Storage == jetstream.FileStorage, "file storage")
	want(c.MaxAge == 0, "no MaxAge")
	want(c.MaxMsgsPerSubject <= 0, "no MaxMsgsPerSubject")
	want(c.Discard == jetstream.DiscardNew || c.MaxMsgs <= 0 && c.MaxBytes <= 0, "DiscardNew")
	want(!c.DenyDelete && !c.DenyPurge, "deletes and purges allowed")
	want(c.AllowAtomicPublish, "AllowAtomicPublish")
	want(c.AllowDirect, "AllowDirect")
	want(c.AllowRollup, "AllowRollup")
	if wrong != nil {
		return fmt.Errorf("%w: it needs %s", ErrStream, strings.Join(wrong, ", "))
	}
	return nil
}

// insist calls f, each time for a short while, until it succeeds, fails in a way
// that will not pass, or the stream's time is over. f must be of no effect when
// it is called again.
func (s *stream) insist(ctx context.Context, f func(context.Context) error) error {
	end := time.Now().Add(s.timeout)
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		try, cancel := s.try(ctx)
		err := f(try)
		cancel()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !passes(err) || time.Now().After(end):
			return err
		}
		if err := rest(ctx, pause); err != nil {
			return err
		}
	}
}

// passes says whether the same request may succeed later.
func passes(err error) bool {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		return api.Code == 503 || api.Code == 429 || api.Code == 408 || api.ErrorCode == errNoPeers
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) ||
		errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse) ||
		errors.Is(err, nats.ErrDisconnected) || errors.Is(err, nats.ErrConnectionReconnecting) ||
		errors.Is(err, nats.ErrReconnectBufExceeded) || errors.Is(err, errLagging)
}

func rest(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stored is a message as the leader of the stream has it.
type stored struct {
	Subject  string    `json:"subject"`
	Sequence int64     `json:"seq"`
	Header   []byte    `json:"hdrs"`
	Data     []byte    `json:"data"`
	Time     time.Time `json:"time"`
}

// last returns the newest record of a subject, with the offset 0 if there is
// none. The leader of the stream answers, so nothing that was acknowledged is
// missing; only one that was cut off, and does not know it yet, may be behind.
func (s *stream) last(ctx context.Context, subject string) (record, error) {
	return s.get(ctx, struct {
		LastFor string `json:"last_by_subj"`
	}{subject})
}

// next returns the first record of a subject after an offset, as last does.
func (s *stream) next(ctx context.Context, subject string, after int64) (record, error) {
	return s.get(ctx, struct {
		Seq     int64  `json:"seq"`
		NextFor string `json:"next_by_subj"`
	}{after + 1, subject})
}

func (s *stream) get(ctx context.Context, request any) (r record, err error) {
	var reply struct {
		Message *stored `json:"message"`
	}
	err = s.ask(ctx, "STREAM.MSG.GET.", request, &reply)
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == errNoMessage {
		return r, nil
	}
	if err != nil || reply.Message == nil {
		return r, err
	}
	m := reply.Message
	header := nats.Header{}
	if len(m.Header) > 0 {
		if header, err = nats.DecodeHeadersMsg(m.Header); err != nil {
			return r, err
		}
	}
	return recordOf(m.Subject, m.Sequence, m.Time, header, m.Data)
}

// remove deletes the record with an offset, if it is there. Another record of
// its subject must follow.
func (s *stream) remove(ctx context.Context, subject string, offset int64) error {
	err := s.ask(ctx, "STREAM.MSG.DELETE.", struct {
		Seq     int64 `json:"seq"`
		NoErase bool  `json:"no_erase"`
	}{offset, true}, nil)
	if _, ok := errors.AsType[*jetstream.APIError](err); !ok {
		return err
	}
	if r, e := s.next(ctx, subject, offset-1); e == nil && r.offset != offset {
		return nil // an earlier attempt did it
	}
	return err
}

// purge deletes the records of a subject before an offset; 0 means all.
func (s *stream) purge(ctx context.Context, subject string, before int64) error {
	return s.ask(ctx, "STREAM.PURGE.", struct {
		Filter string `json:"filter"`
		Seq    int64  `json:"seq,omitempty"`
	}{subject, before}, nil)
}

// What the API says.
const (
	errNoPeers   = 10005 // a cluster that has not yet seen its servers
	errNoMessage = 10037
)

// ask sends a request to the leader of the stream until it is answered.
func (s *stream) ask(ctx context.Context, api string, request, reply any) error {
	query, err := json.Marshal(request)
	if err != nil {
		return err
	}
	return s.insist(ctx, func(ctx context.Context) error {
		msg, err := s.conn.RequestWithContext(ctx, s.api+api+s.name, query)
		if err != nil {
			return err
		}
		var failed struct {
			Error *jetstream.APIError `json:"error"`
		}
		if err := json.Unmarshal(msg.Data, &failed); err != nil {
			return err
		}
		if failed.Error != nil {
			return failed.Error
		}
		if reply == nil {
			return nil
		}
		return json.Unmarshal(msg.Data, reply)
	})
}
