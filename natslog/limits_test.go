package natslog_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/natslog"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestTooLarge(t *testing.T) {
	js := connect(t, startServers(t, 1, false))
	l := open(t, js, natslog.Config[put]{})
	messages := sent(t, js, "main")
	wantError(t, l.Notify(t.Context(), puts(0, natslog.MaxEvents+1)), natslog.ErrTooLarge)
	wantError(t, l.Notify(t.Context(), []put{{Value: 1}, {Key: strings.Repeat("x", int(js.Conn().MaxPayload()))}}), natslog.ErrTooLarge)
	must(t, js.Conn().Flush())
	if len(messages) > 0 {
		t.Error("something was sent")
	}
	must(t, l.Notify(t.Context(), puts(0, natslog.MaxEvents)))
	if n := len(values(t, l)); n != natslog.MaxEvents {
		t.Errorf("%d events", n)
	}
}

// Names of any kind are names, and no wildcards.
func TestNames(t *testing.T) {
	js := connect(t, startServers(t, 1, false))
	names := []string{"a", "a.b", "a.*", "*", ">", "a.>", "a b", "a+b", "a%2Eb", "é", "a.events", "$JS.API.>", "A", strings.Repeat("x", 255)}
	for i, name := range names {
		must(t, open(t, js, natslog.Config[put]{Name: name}).Notify(t.Context(), puts(i, i+1)))
	}
	for i, name := range names {
		l := open(t, js, natslog.Config[put]{Name: name})
		wantValues(t, l, i)
		must(t, l.Seek(t.Context(), name, 0))
		subs, err := l.Subscriptions(t.Context())
		must(t, err)
		if len(subs) != 1 || subs[0].Name != name {
			t.Errorf("%q has the subscriptions %+v", name, subs)
		}
	}
	for _, name := range []string{"a\x00", "\xff", strings.Repeat("x", 256)} {
		if _, err := natslog.Open(t.Context(), js, natslog.Config[put]{Name: name}); err == nil {
			t.Errorf("%q is a name", name)
		}
	}
	for _, stream := range []string{"a.b", "*", "a b", "é"} {
		if _, err := natslog.Open(t.Context(), js, natslog.Config[put]{Stream: stream}); err == nil {
			t.Errorf("%q is a stream", stream)
		}
	}
}

// Hundreds of logs share a stream, and none sees anything of the others: not
// what was appended between its own events, nor that others were compacted.
func TestManyLogs(t *testing.T) {
	js := connect(t, startServers(t, 1, false))
	config := func(i int) natslog.Config[put] {
		cfg := keyed()
		cfg.Name = fmt.Sprint("log ", i)
		return cfg
	}
	var logs []*natslog.Log[put]
	for i := range 300 {
		logs = append(logs, open(t, js, config(i)))
	}
	for n, key := range []string{"k", "", "k", ""} {
		for i, l := range logs {
			must(t, l.Notify(t.Context(), []put{{Key: key, Value: 10*i + n}}))
		}
	}
	for i := 0; i < len(logs); i += 3 {
		compact(t, logs[i], 2) // the first event and the opening
	}
	for i, l := range logs {
		want := []int{10 * i, 10*i + 1, 10*i + 2, 10*i + 3}
		if i%3 == 0 {
			want = want[1:]
		}
		wantValues(t, l, want...)
		wantValues(t, open(t, js, config(i)), want...)
	}
}

func TestCodecIsRemembered(t *testing.T) {
	js := connect(t, startServers(t, 1, false))
	must(t, open(t, js, natslog.Config[put]{}).Notify(t.Context(), puts(0, 1)))
	cbor, err := codec.Of[put](codec.CBOR)
	must(t, err)
	for _, reader := range []bool{false, true} {
		_, err = natslog.Open(t.Context(), js, natslog.Config[put]{Codec: cbor, Reader: reader, Replicas: 1})
		wantError(t, err, natslog.ErrCodec)
	}
}

func TestReader(t *testing.T) {
	js := connect(t, startServers(t, 1, false))
	_, err := natslog.Open(t.Context(), js, natslog.Config[put]{Reader: true, Replicas: 1})
	wantError(t, err, natslog.ErrNoLog)
	owner := open(t, js, natslog.Config[put]{})
	reader := open(t, js, natslog.Config[put]{Reader: true})
	must(t, owner.Notify(t.Context(), puts(0, 3)))
	wantValues(t, reader, 0, 1, 2)
	wantError(t, reader.Notify(t.Context(), puts(0, 1)), natslog.ErrReadOnly)
	wantError(t, reader.SaveSnapshot(t.Context(), "x", nil), natslog.ErrReadOnly)
	_, err = reader.Compact(t.Context())
	wantError(t, err, natslog.ErrReadOnly)
}

func TestClosed(t *testing.T) {
	l := open(t, connect(t, startServers(t, 1, false)), natslog.Config[put]{})
	must(t, l.Close())
	wantError(t, l.Notify(t.Context(), puts(0, 1)), natslog.ErrClosed)
	_, _, err := l.LoadSnapshot(t.Context(), "x")
	wantError(t, err, natslog.ErrClosed)
	wantError(t, l.Seek(t.Context(), "s", 0), natslog.ErrClosed)
	for _, err := range l.Feed(t.Context()) {
		wantError(t, err, natslog.ErrClosed)
	}
}

// Restarts without an event leave no more than one record.
func TestOpeningsDoNotPileUp(t *testing.T) {
	js := connect(t, startServers(t, 1, false))
	for range 5 {
		open(t, js, natslog.Config[put]{})
	}
	stream, err := js.Stream(t.Context(), "edfsm")
	must(t, err)
	if n := stream.CachedInfo().State.Msgs; n != 1 {
		t.Errorf("%d records", n)
	}
}

func TestStreamsThatCannotKeepALog(t *testing.T) {
	js := connect(t, startServers(t, 1, false))
	n := 0
	for what, spoil := range map[string]func(*jetstream.StreamConfig){
		"":                     func(*jetstream.StreamConfig) {},
		"AllowAtomicPublish":   func(c *jetstream.StreamConfig) { c.AllowAtomicPublish = false },
		"AllowDirect":          func(c *jetstream.StreamConfig) { c.AllowDirect = false },
		"file storage":         func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage },
		"no MaxAge":            func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour },
		"no MaxMsgsPerSubject": func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 1 },
		"DiscardNew":           func(c *jetstream.StreamConfig) { c.Discard, c.MaxBytes = jetstream.DiscardOld, 1<<20 },
		"the subject s":        func(c *jetstream.StreamConfig) { c.Subjects = []string{c.Name + ".*"} },
		"limits retention":     func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy },
	} {
		n++ // the server may still be deleting a stream when the next one of its name is made
		name := fmt.Sprint("s", n)
		cfg := jetstream.StreamConfig{
			Name: name, Subjects: []string{name + ".>"}, Discard: jetstream.DiscardNew,
			AllowAtomicPublish: true, AllowDirect: true, AllowRollup: true,
		}
		spoil(&cfg)
		_, err := js.CreateStream(t.Context(), cfg)
		must(t, err)
		_, err = natslog.Open(t.Context(), js, natslog.Config[put]{Stream: name})
		if what == "" {
			must(t, err)
		} else if !errors.Is(err, natslog.ErrStream) || !strings.Contains(err.Error(), what) {
			t.Errorf("without %s: %v", what, err)
		}
	}
}

// A record that somebody has changed is found out.
func TestDamage(t *testing.T) {
	js := connect(t, startServers(t, 1, false))
	l := open(t, js, natslog.Config[put]{})
	must(t, l.Notify(t.Context(), puts(0, 2)))
	stream, err := js.Stream(t.Context(), "edfsm")
	must(t, err)
	m, err := stream.GetMsg(t.Context(), uint64(l.Head()))
	must(t, err)
	forged := nats.NewMsg(m.Subject)
	for _, header := range []string{"Edfsm-Id", "Edfsm-Part", "Edfsm-Codec", "Edfsm-Crc"} {
		forged.Header[header] = m.Header[header]
	}
	forged.Data = bytes.Replace(m.Data, []byte("1"), []byte("9"), 1)
	_, err = js.PublishMsg(t.Context(), forged)
	must(t, err)
	var got []int
	var last error
	for e, err := range l.Feed(t.Context()) {
		if last = err; err == nil {
			got = append(got, e.Value)
		}
	}
	record, ok := errors.AsType[*natslog.RecordError](last)
	if !ok || record.Offset != l.Head()+1 || !errors.Is(last, natslog.ErrCorrupt) || !slices.Equal(got, []int{0, 1}) {
		t.Errorf("%v and %v", got, last)
	}
}
