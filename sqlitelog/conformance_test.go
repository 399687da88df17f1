package sqlitelog_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/edfsm/edfsm/machine/machinetest"
	"github.com/edfsm/edfsm/sqlitelog"
)

func TestConformance(t *testing.T) {
	for _, durability := range []sqlitelog.Durability{sqlitelog.Full, sqlitelog.Normal} {
		t.Run(fmt.Sprint("durability=", durability), func(t *testing.T) {
			cfg := sqlitelog.Config[put]{File: sqlitelog.Options{Durability: durability}}
			machinetest.TestLog(t, func(dir string) (*sqlitelog.Log[put], error) {
				return sqlitelog.Open(t.Context(), filepath.Join(dir, "log.db"), cfg)
			}, func(n int) put { return put{Key: fmt.Sprint("k", n), Value: n} })
		})
	}
}
