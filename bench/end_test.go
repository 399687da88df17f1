package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/edfsm/edfsm/bench/internal/suite"
)

// lines calls f with each line of progress.
type lines func(line string)

func (f lines) Write(p []byte) (int, error) {
	f(string(p))
	return len(p), nil
}

// Whatever a run is interrupted in, with much of it open, nothing is left of it.
func TestInterrupted(t *testing.T) {
	for name, step := range map[string]string{
		"device": "bandwidth", "append": "16 callers", "machine": "10 on one file", "replay": "2000 events",
		"resume": "starting", "compaction": "1%", "latest": "querying", "range": "querying",
		"cleanup": "2000 rows", "codec": "json", "size": "history",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			o := options{dir: t.TempDir(), only: []string{name}, force: true, scale: tiny}
			var stdout bytes.Buffer
			err := bench(ctx, o, &stdout, lines(func(line string) {
				if strings.Contains(line, name+": ") && strings.Contains(line, step) {
					cancel()
				}
			}))
			if err == nil || err.Error() != "interrupted" || stdout.Len() > 0 {
				t.Errorf("the run ended with %v and told %q", err, &stdout)
			}
			isEmpty(t, o.dir)
		})
	}
}

func TestRefuses(t *testing.T) {
	if err := bench(t.Context(), options{dir: t.TempDir() + "/missing"}, io.Discard, io.Discard); err == nil {
		t.Error("a folder that is not there is measured")
	}
}

func TestArguments(t *testing.T) {
	for _, args := range [][]string{{"-only", "append,apend"}, {"-only", ""}, {"-quick", "append"}, {"-nonsense"}} {
		_, err := parse(args, io.Discard)
		if (err == nil) != (args[0] == "-only" && args[1] == "") {
			t.Errorf("%v: %v", args, err)
		}
	}
	o, err := parse([]string{"-quick", "-only", "append,size", "-dir", "d", "-json", "f"}, io.Discard)
	if err != nil || !o.quick || o.dir != "d" || o.json != "f" || fmt.Sprint(o.only) != "[append size]" || o.scale.Events != suite.Quick.Events {
		t.Errorf("%+v: %v", o, err)
	}
	if o, err := parse(nil, io.Discard); err != nil || o.scale.Events != suite.Full.Events {
		t.Errorf("%+v: %v", o, err)
	}
	if err := run(t.Context(), []string{"-h"}, io.Discard, io.Discard); err != nil {
		t.Errorf("help is an error: %v", err)
	}
}
