package natslog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

// A page is full when it has so many records or bytes.
var (
	pageRecords = 1000
	pageBytes   = 4 << 20
)

// errLagging: a server has not yet got what is to be read.
var errLagging = errors.New("the server is behind")

// page reads the first records of a subject, which may have wildcards, after an
// offset, as one server has them at one moment, and says how many come after
// them there. The server may be behind, but what it has is what the others had:
// of a write it has all or nothing.
func (s *stream) page(ctx context.Context, subject string, after int64, limit int) (records []record, more int64, err error) {
	err = s.insist(ctx, func(ctx context.Context) error {
		records, more, err = s.readPage(ctx, subject, after, limit)
		return err
	})
	return records, more, err
}

// known is a page that is known not to be empty: it waits for a server that has
// it.
func (s *stream) known(ctx context.Context, subject string, after int64) (records []record, err error) {
	err = s.insist(ctx, func(ctx context.Context) error {
		records, _, err = s.readPage(ctx, subject, after, pageRecords)
		if err == nil && len(records) == 0 {
			err = errLagging
		}
		return err
	})
	return records, err
}

// count returns how many records a subject has after an offset, and the first.
func (s *stream) count(ctx context.Context, subject string, after int64) (n int64, first record, err error) {
	records, more, err := s.page(ctx, subject, after, 1)
	if err != nil || len(records) == 0 {
		return 0, first, err
	}
	return more + 1, records[0], nil
}

func (s *stream) readPage(ctx context.Context, subject string, after int64, limit int) (records []record, more int64, err error) {
	query, err := json.Marshal(struct {
		Seq      int64  `json:"seq"`
		NextFor  string `json:"next_by_subj"`
		Batch    int    `json:"batch"`
		MaxBytes int    `json:"max_bytes"`
	}{after + 1, subject, limit, pageBytes})
	if err != nil {
		return nil, 0, err
	}
	sub, err := s.conn.SubscribeSync(s.conn.NewInbox())
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, sub.Unsubscribe()) }()
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return nil, 0, err
	}
	if err := s.conn.PublishRequest(s.api+"DIRECT.GET."+s.name, sub.Subject, query); err != nil {
		return nil, 0, err
	}
	for before := int64(0); ; {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return nil, 0, err
		}
		number := func(header string) (n int64) {
			n, _ = strconv.ParseInt(m.Header.Get(header), 10, 64)
			return n
		}
		previous := number("Nats-Last-Sequence")
		switch status := m.Header.Get("Status"); {
		case status == "404":
			return nil, 0, nil
		case status == "503" && len(m.Data) == 0:
			return nil, 0, nats.ErrNoResponders
		case status == "204" && previous == before:
			return records, number("Nats-Num-Pending"), nil
		case status != "" && status != "204":
			return nil, 0, fmt.Errorf("read: the server answers %s %s", status, m.Header.Get("Description"))
		case previous != before:
			return nil, 0, errLagging // a part of the answer was lost
		}
		before = number("Nats-Sequence")
		at, err := time.Parse(time.RFC3339Nano, m.Header.Get("Nats-Time-Stamp"))
		if err != nil {
			return nil, 0, err
		}
		r, err := recordOf(m.Header.Get("Nats-Subject"), before, at, m.Header, m.Data)
		if err != nil {
			return nil, 0, err
		}
		records = append(records, r)
	}
}
