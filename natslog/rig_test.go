package natslog_test

import (
	"testing"

	"github.com/edfsm/edfsm/natslog/internal/cluster"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// startServers starts servers that end with the test.
func startServers(tb testing.TB, n int, syncAlways bool) *cluster.Cluster {
	tb.Helper()
	c, err := cluster.Start(tb.TempDir(), n, syncAlways)
	must(tb, err)
	tb.Cleanup(c.Shutdown)
	return c
}

// connect makes a connection that ends with the test.
func connect(tb testing.TB, c *cluster.Cluster) jetstream.JetStream {
	tb.Helper()
	conn, err := nats.Connect(c.URL(), nats.MaxReconnects(-1))
	must(tb, err)
	tb.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	must(tb, err)
	return js
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
