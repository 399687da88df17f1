// Package cluster runs NATS servers with JetStream in this process, on loopback,
// for tests and for the example. Programs connect to servers of their own.
package cluster

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Cluster is one server, or several that know each other. Its methods are not
// called concurrently.
type Cluster struct {
	options []*server.Options
	servers []*server.Server // nil: it is down
}

// Start starts n servers that keep their data in folders of dir. With
// syncAlways each sync of a file is made at once, else every two minutes.
func Start(dir string, n int, syncAlways bool) (*Cluster, error) {
	ports, err := freePorts(2 * n)
	if err != nil {
		return nil, err
	}
	c := &Cluster{servers: make([]*server.Server, n)}
	var routes []*url.URL
	for _, port := range ports[n:] {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", port)})
	}
	for i := range n {
		o := &server.Options{
			ServerName: fmt.Sprintf("n%d", i+1),
			Host:       "127.0.0.1",
			Port:       ports[i],
			JetStream:  true,
			StoreDir:   filepath.Join(dir, fmt.Sprintf("n%d", i+1)),
			SyncAlways: syncAlways,
			NoLog:      true,
			NoSigs:     true,
		}
		if n > 1 {
			o.Cluster = server.ClusterOpts{Name: "edfsm", Host: "127.0.0.1", Port: ports[n+i]}
			o.Routes = routes
		}
		c.options = append(c.options, o)
	}
	for i := range n {
		if err := c.Up(i); err != nil {
			c.Shutdown()
			return nil, err
		}
	}
	return c, nil
}

// freePorts returns ports that were free a moment ago.
func freePorts(n int) (ports []int, err error) {
	for range n {
		l, e := net.Listen("tcp", "127.0.0.1:0")
		if e != nil {
			return nil, errors.Join(err, e)
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// Up starts a server that is down. It may take some time until it takes part.
func (c *Cluster) Up(i int) error {
	s, err := server.NewServer(c.options[i].Clone())
	if err != nil {
		return err
	}
	s.Start()
	if !s.ReadyForConnections(time.Minute) {
		s.Shutdown()
		return fmt.Errorf("server %s does not start", c.options[i].ServerName)
	}
	c.servers[i] = s
	return nil
}

// Down stops a server.
func (c *Cluster) Down(i int) {
	c.servers[i].Shutdown()
	c.servers[i].WaitForShutdown()
	c.servers[i] = nil
}

// Shutdown stops all servers.
func (c *Cluster) Shutdown() {
	for i, s := range c.servers {
		if s != nil {
			c.Down(i)
		}
	}
}

// Leader returns which server leads a stream, -1 if none does.
func (c *Cluster) Leader(stream string) int {
	return slices.IndexFunc(c.servers, func(s *server.Server) bool {
		return s != nil && s.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, stream)
	})
}

// Current says whether a server has all that the leader of a stream has.
func (c *Cluster) Current(i int, stream string) bool {
	s := c.servers[i]
	return s != nil && s.JetStreamIsStreamCurrent(server.DEFAULT_GLOBAL_ACCOUNT, stream)
}

// URL is the addresses of all servers, for nats.Connect.
func (c *Cluster) URL() string {
	var urls []string
	for _, o := range c.options {
		urls = append(urls, fmt.Sprintf("nats://127.0.0.1:%d", o.Port))
	}
	return strings.Join(urls, ",")
}
