// Command failover runs the machine of loadwatch on three servers, in this
// process and on loopback, and stops the one that leads while readings come. The
// machine waits until another leads, and goes on; what it has announced is in
// the log, as it shows in the end.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/edfsm/edfsm/examples/loadwatch/load"
	"github.com/edfsm/edfsm/machine"
	"github.com/edfsm/edfsm/natslog"
	"github.com/edfsm/edfsm/natslog/internal/cluster"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run is the program, on a folder that goes with it.
func run(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "failover")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	servers, err := cluster.Start(dir, 3, true)
	if err != nil {
		return err
	}
	defer servers.Shutdown()
	conn, err := nats.Connect(servers.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	if err := watch(ctx, js, servers, out); err != nil {
		return err
	}
	return show(ctx, js, out)
}

// open opens the machine's log: all that differs from a file.
func open(ctx context.Context, js jetstream.JetStream, reader bool) (*natslog.Log[load.Event], error) {
	events, err := load.Codec()
	if err != nil {
		return nil, err
	}
	return natslog.Open(ctx, js, natslog.Config[load.Event]{Name: "loadwatch", Codec: events, Reader: reader})
}

// watch gives a day of readings to a machine and stops the leader at noon.
func watch(ctx context.Context, js jetstream.JetStream, servers *cluster.Cluster, out io.Writer) (err error) {
	events, err := open(ctx, js, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, events.Close()) }()
	lines := json.NewEncoder(out)
	m := machine.New(load.Watcher{}, machine.Config[load.State, load.Event, load.Notice]{
		Log:     events,
		Outputs: machine.Each(func(_ context.Context, n load.Notice) error { return lines.Encode(n) }),
	})
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	var stop sync.WaitGroup
	defer stop.Wait()
	for hour := range 24 {
		if hour == 12 {
			fmt.Fprintln(out, "the leader is stopped")
			stop.Go(func() { downLeader(servers) })
		}
		if _, err = m.Do(ctx, load.Sample{Reading: readingAt(hour)}); err != nil {
			break
		}
	}
	m.Close()
	return errors.Join(err, <-ended)
}

// downLeader stops the leader, or the next one if there is none at the moment.
func downLeader(servers *cluster.Cluster) {
	for {
		if i := servers.Leader("edfsm"); i >= 0 {
			servers.Down(i)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// readingAt is a reading of a computer that is busy in every third hour.
func readingAt(hour int) load.Reading {
	r := load.Reading{Time: time.Date(2026, 1, 2, hour, 0, 0, 0, time.UTC), Load: 0.2, Memory: 0.5}
	if hour%3 == 0 {
		r.Load = 1
	}
	return r
}

// show tells what is in the log.
func show(ctx context.Context, js jetstream.JetStream, out io.Writer) (err error) {
	events, err := open(ctx, js, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, events.Close()) }()
	var state load.State
	n := 0
	for e, err := range events.Feed(ctx) {
		if err != nil {
			return err
		}
		load.Watcher{}.Evolve(&state, e)
		n++
	}
	_, err = fmt.Fprintf(out, "%d events: %v\n", n, state)
	return err
}
