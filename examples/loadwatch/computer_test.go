package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edfsm/edfsm/examples/loadwatch/load"
)

func TestSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		var at []time.Duration
		for r, err := range samples(ctx, 2*time.Second, func() (load.Reading, error) { return load.Reading{Time: time.Now()}, nil }) {
			if err != nil {
				t.Fatal(err)
			}
			at = append(at, r.Time.Sub(start))
		}
		if want := []time.Duration{0, 2 * time.Second, 4 * time.Second}; !slices.Equal(at, want) {
			t.Errorf("readings at %v, want %v", at, want)
		}
	})
}

func TestSamplesEndWithTheFirstError(t *testing.T) {
	broken := errors.New("broken")
	var errs []error
	for _, err := range samples(t.Context(), time.Hour, func() (load.Reading, error) { return load.Reading{}, broken }) {
		errs = append(errs, err)
	}
	if !slices.Equal(errs, []error{broken}) {
		t.Errorf("%v, want one %v", errs, broken)
	}
}

func TestMeasureThisComputer(t *testing.T) {
	r, err := measure()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(); err != nil {
		t.Errorf("%+v: %v", r, err)
	}
}
