package natslog_test

import (
	"net"
	"sync"
	"testing"

	"github.com/edfsm/edfsm/natslog/internal/cluster"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// link is the connections of a client, which can be held up in each direction.
// What is held up is late, not lost.
type link struct {
	mu       sync.Mutex
	released *sync.Cond
	in, out  bool // held up
	late     []lateWrite
}

type lateWrite struct {
	conn net.Conn
	data []byte
}

// connectLink is connect through a link.
func connectLink(t *testing.T, c *cluster.Cluster) (*link, jetstream.JetStream) {
	t.Helper()
	l := new(link)
	l.released = sync.NewCond(&l.mu)
	conn, err := nats.Connect(c.URL(), nats.MaxReconnects(-1), nats.SetCustomDialer(l))
	must(t, err)
	t.Cleanup(func() {
		must(t, l.hold(false, false))
		conn.Close()
	})
	js, err := jetstream.New(conn)
	must(t, err)
	return l, js
}

func (l *link) Dial(network, address string) (net.Conn, error) {
	conn, err := net.Dial(network, address)
	return &linkConn{conn, l}, err
}

// hold sets what is held up and lets go of the rest.
func (l *link) hold(in, out bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.in, l.out = in, out
	l.released.Broadcast()
	if out {
		return nil
	}
	for _, w := range l.late {
		if _, err := w.conn.Write(w.data); err != nil {
			return err
		}
	}
	l.late = nil
	return nil
}

type linkConn struct {
	net.Conn
	link *link
}

func (c *linkConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	for c.link.in && err == nil {
		c.link.released.Wait()
	}
	return n, err
}

func (c *linkConn) Write(p []byte) (int, error) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if !c.link.out {
		return c.Conn.Write(p)
	}
	c.link.late = append(c.link.late, lateWrite{c.Conn, append([]byte(nil), p...)})
	return len(p), nil
}

// during runs what others do after the first request of f was answered, and
// before f has the answer.
func (l *link) during(t *testing.T, c *cluster.Cluster, f, others func()) {
	t.Helper()
	conn := connect(t, c).Conn()
	answers, err := conn.SubscribeSync("_INBOX.>")
	must(t, err)
	must(t, conn.Flush())
	must(t, l.hold(true, false))
	var running sync.WaitGroup
	running.Go(f)
	_, err = answers.NextMsgWithContext(t.Context())
	must(t, err)
	others()
	must(t, l.hold(false, false))
	running.Wait()
}
