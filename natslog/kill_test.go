package natslog_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/edfsm/edfsm/natslog"
	"github.com/edfsm/edfsm/natslog/internal/cluster"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var (
	kills    = flag.Int("kills", 20, "how many servers and clients TestKill kills; with -short at most 4")
	killSeed = flag.Uint64("kill-seed", 0, "what TestKill draws from; 0: the time")
)

// step is the event of the machines that TestKill runs: a machine numbers its
// events by what it has seen of the log, so that the number is the event's place
// there, unless it has appended on a head that was not the log's.
type step struct {
	Place  int    `json:"place"`
	Writer string `json:"writer"`
	Call   int    `json:"call"`
}

// TestKill kills and restarts the leader, followers and clients while machines
// append, two of them to the same log. What was acknowledged is there, once, in
// its order, and each event is where its machine took it to be.
func TestKill(t *testing.T) {
	seed := *killSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-kill-seed=%d", seed)
	rounds := *kills
	if testing.Short() {
		rounds = min(rounds, 4)
	}
	c := &chaos{t: t, servers: startServers(t, 3, false), rand: rand.New(rand.NewPCG(seed, 0)), acks: make(chan string), heard: make(map[string]bool)}
	c.run(rounds)
	js := connect(t, c.servers)
	for _, log := range []string{"a", "b", "shared"} {
		c.check(js, log)
	}
}

// chaos is one run of TestKill.
type chaos struct {
	t       *testing.T
	servers *cluster.Cluster
	rand    *rand.Rand
	acks    chan string     // tells of which log a call was accepted, if anybody listens
	heard   map[string]bool // of which logs it has told
	writers []*writer
}

func (c *chaos) run(rounds int) {
	ctx, end := context.WithCancel(c.t.Context())
	var running sync.WaitGroup
	for i, log := range []string{"a", "b", "shared", "shared"} {
		w := &writer{name: fmt.Sprint(log, i), log: log, url: c.servers.URL(), acks: c.acks, rand: rand.New(rand.NewPCG(c.rand.Uint64(), 1))}
		c.writers = append(c.writers, w)
		running.Go(func() { w.run(ctx) })
	}
	defer running.Wait()
	defer end()
	for len(c.heard) < 3 {
		c.progress()
	}
	victims := c.rand.Perm(3) // so that none is left out
	for len(victims) < rounds {
		victims = append(victims, c.rand.IntN(3))
	}
	for round, victim := range victims[:rounds] {
		c.kill(round, victim)
	}
}

// progress waits until the machines have appended some more.
func (c *chaos) progress() {
	c.t.Helper()
	for range 30 {
		select {
		case log := <-c.acks:
			c.heard[log] = true
		case <-time.After(time.Minute):
			c.t.Fatal("nothing was accepted for a minute")
		}
	}
}

// Whom TestKill kills.
const (
	client = iota
	follower
	leader
)

func (c *chaos) kill(round, victim int) {
	if victim == client {
		w := c.writers[c.rand.IntN(len(c.writers))]
		c.t.Logf("round %d: client %s", round, w.name)
		w.kill()
		c.progress()
		return
	}
	leads := c.servers.Leader("edfsm")
	for leads < 0 {
		c.progress() // none, until somebody leads
		leads = c.servers.Leader("edfsm")
	}
	i := leads
	if victim == follower {
		i = (leads + 1 + c.rand.IntN(2)) % 3
	}
	c.t.Logf("round %d: server %d, while %d leads", round, i, leads)
	c.servers.Down(i)
	c.progress()
	must(c.t, c.servers.Up(i))
	for !c.servers.Current(i, "edfsm") || c.servers.Leader("edfsm") < 0 {
		c.progress()
	}
}

// check reads a log.
func (c *chaos) check(js jetstream.JetStream, name string) {
	l, err := natslog.Open(c.t.Context(), js, natslog.Config[step]{Name: name})
	must(c.t, err)
	defer l.Close()
	stored := make(map[step]bool)
	n := 0
	for e, err := range l.Feed(c.t.Context()) {
		must(c.t, err)
		if e.Place != n {
			c.t.Fatalf("log %s: event %d is %+v", name, n, e)
		}
		stored[e] = true
		n++
	}
	accepted := 0
	for _, w := range c.writers {
		if w.log != name {
			continue
		}
		c.t.Logf("log %s: %d events; %s: %d accepted, %d uncertain, %d conflicts", name, n, w.name, len(w.accepted), w.uncertain, w.conflicts)
		for _, e := range w.accepted {
			if !stored[e] {
				c.t.Errorf("log %s: %+v was accepted and is not there", name, e)
			}
		}
		for _, e := range w.refused {
			if stored[e] {
				c.t.Errorf("log %s: %+v was refused and is there", name, e)
			}
		}
		accepted += len(w.accepted)
	}
	if accepted == 0 { // of two who share a log, one may be too late all the time
		c.t.Errorf("log %s: nothing was accepted", name)
	}
}

// writer is a machine that starts again whenever something fails.
type writer struct {
	name, log, url string
	acks           chan<- string
	rand           *rand.Rand

	mu   sync.Mutex
	conn *nats.Conn

	calls                int
	accepted, refused    []step
	uncertain, conflicts int
}

// kill takes the connection from the writer.
func (w *writer) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn != nil {
		w.conn.Close()
	}
}

func (w *writer) run(ctx context.Context) {
	for ctx.Err() == nil {
		conn, err := nats.Connect(w.url, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
		if err != nil {
			continue
		}
		w.mu.Lock()
		w.conn = conn
		w.mu.Unlock()
		for ctx.Err() == nil && !conn.IsClosed() {
			w.life(ctx, conn)
		}
		conn.Close()
	}
}

// life is one machine, from the opening of its log to the first failure.
func (w *writer) life(ctx context.Context, conn *nats.Conn) {
	js, err := jetstream.New(conn)
	if err != nil {
		return
	}
	l, err := natslog.Open(ctx, js, natslog.Config[step]{Name: w.log, Timeout: 3 * time.Second})
	if err != nil {
		return
	}
	defer l.Close()
	place := 0
	for _, err := range l.Feed(ctx) {
		if err != nil {
			return
		}
		place++
	}
	for ctx.Err() == nil {
		w.calls++
		events := make([]step, 1+w.rand.IntN(4))
		for i := range events {
			events[i] = step{place + i, w.name, w.calls}
		}
		if err := l.Notify(context.WithoutCancel(ctx), events); err != nil {
			w.failed(events, err)
			return
		}
		place += len(events)
		w.accepted = append(w.accepted, events...)
		select {
		case w.acks <- w.log:
		default:
		}
	}
}

func (w *writer) failed(events []step, err error) {
	switch {
	case errors.Is(err, natslog.ErrUncertain):
		w.uncertain++
	default:
		if errors.Is(err, natslog.ErrConflict) {
			w.conflicts++
		}
		w.refused = slices.Concat(w.refused, events)
	}
}
