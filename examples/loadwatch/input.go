package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/edfsm/edfsm/examples/loadwatch/load"
)

// lines gives the readings of a stream of JSON lines, each with its own time.
// The first line that is no reading ends the sequence with an error that has
// its number.
func lines(r io.Reader) iter.Seq2[load.Reading, error] {
	return func(yield func(load.Reading, error) bool) {
		in := bufio.NewScanner(r)
		number := 1
		for ; in.Scan(); number++ {
			reading, err := parseReading(in.Bytes())
			if err != nil {
				yield(load.Reading{}, fmt.Errorf("line %d: %w", number, err))
				return
			}
			if !yield(reading, nil) {
				return
			}
		}
		if err := in.Err(); err != nil {
			yield(load.Reading{}, fmt.Errorf("line %d: %w", number, err))
		}
	}
}

func parseReading(line []byte) (load.Reading, error) {
	var in struct {
		Time     *time.Time
		Load     *float64
		Memory   *float64
		Pressure float64
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		if err == io.EOF {
			return load.Reading{}, errors.New("empty line")
		}
		return load.Reading{}, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return load.Reading{}, errors.New("more than one value")
	}
	switch {
	case in.Time == nil:
		return load.Reading{}, errors.New("no time")
	case in.Load == nil:
		return load.Reading{}, errors.New("no load")
	case in.Memory == nil:
		return load.Reading{}, errors.New("no memory")
	}
	r := load.Reading{Time: *in.Time, Load: *in.Load, Memory: *in.Memory, Pressure: in.Pressure}
	return r, r.Check()
}
