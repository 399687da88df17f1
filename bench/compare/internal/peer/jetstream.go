package peer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edfsm/edfsm/bench/internal/engine"
)

var jetstreamSync = engine.Engine{
	Name:    "jetstream-sync",
	Durable: true,
	How:     "NATS JetStream in this process without a network, file store, sync always: one Publish, which waits for the acknowledgement; a sync an event",
	Open:    func(dir string) (engine.Log, error) { return openJetstream(dir, true) },
}

var jetstreamDefault = engine.Engine{
	Name: "jetstream",
	How:  "the same as it comes: the file is synced every 2 minutes, long after the acknowledgement",
	Open: func(dir string) (engine.Log, error) { return openJetstream(dir, false) },
}

const (
	subject = "events"
	patient = 30 * time.Second // for a server in this process to start or answer
)

type jetstreamLog struct {
	server *server.Server
	conn   *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
}

func openJetstream(dir string, syncAlways bool) (engine.Log, error) {
	s, err := server.NewServer(&server.Options{
		ServerName: "compare",
		DontListen: true,
		NoSigs:     true,
		NoLog:      true,
		JetStream:  true,
		StoreDir:   dir,
		SyncAlways: syncAlways,
	})
	if err != nil {
		return nil, err
	}
	s.Start()
	l := &jetstreamLog{server: s}
	if err := l.connect(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *jetstreamLog) connect() (err error) {
	if !l.server.ReadyForConnections(patient) {
		return fmt.Errorf("the NATS server is not ready after %v", patient)
	}
	if l.conn, err = nats.Connect("", nats.InProcessServer(l.server)); err != nil {
		return err
	}
	if l.js, err = jetstream.New(l.conn); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	l.stream, err = l.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:     subject,
		Subjects: []string{subject},
		Storage:  jetstream.FileStorage,
	})
	return err
}

func (l *jetstreamLog) Append(ctx context.Context, event []byte) error {
	_, err := l.js.Publish(ctx, subject, event)
	return err
}

func (l *jetstreamLog) Replay(yield func(event []byte) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	info, err := l.stream.Info(ctx)
	if err != nil || info.State.Msgs == 0 {
		return err
	}
	consumer, err := l.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return err
	}
	defer messages.Stop()
	for range info.State.Msgs {
		m, err := messages.Next(jetstream.NextMaxWait(patient))
		if err != nil {
			return err
		}
		if err := yield(m.Data()); err != nil {
			return err
		}
	}
	return nil
}

func (l *jetstreamLog) Close() error {
	if l.conn != nil {
		l.conn.Close()
	}
	l.server.Shutdown()
	l.server.WaitForShutdown()
	return nil
}
