package natslog_test

import (
	"fmt"
	"testing"

	"github.com/edfsm/edfsm/machine/machinetest"
	"github.com/edfsm/edfsm/natslog"
)

// put is the event of the tests: a key gets a value, or is deleted.
type put struct {
	Key    string `json:"key,omitempty"`
	Value  int    `json:"value,omitempty"`
	Delete bool   `json:"delete,omitempty"`
}

func TestConformance(t *testing.T) {
	for _, servers := range []int{1, 3} {
		t.Run(fmt.Sprintf("R%d", servers), func(t *testing.T) {
			js := connect(t, startServers(t, servers, false))
			machinetest.TestLog(t, func(dir string) (*natslog.Log[put], error) {
				return natslog.Open(t.Context(), js, natslog.Config[put]{Name: dir, Replicas: servers})
			}, func(n int) put { return put{Key: fmt.Sprint("k", n), Value: n} })
		})
	}
}
