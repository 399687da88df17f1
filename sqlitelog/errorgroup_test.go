package sqlitelog_test

import (
	"errors"
	"sync"
)

// errorGroup is goroutines, all of whose errors are told.
type errorGroup struct {
	wg   sync.WaitGroup
	mu   sync.Mutex
	errs []error
}

func (g *errorGroup) Go(run func() error) {
	g.wg.Go(func() {
		err := run()
		g.mu.Lock()
		defer g.mu.Unlock()
		g.errs = append(g.errs, err)
	})
}

func (g *errorGroup) Wait() error {
	g.wg.Wait()
	return errors.Join(g.errs...)
}
