package machine

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// TestScenarios plays the files in testdata. A paragraph has instructions, a
// line "----" and what followed, in the order in which it happened; lines with
// a # are comments. The instructions:
//
//	machine [batch=N] [snapshot=N] [version=N] [log=none]
//	                      a new machine on the same disk, as Run begins it
//	do|send VERB N…       a command
//	apply|notify [close] N…  events
//	view                  a look at the state
//	fail STAGE [uncertain]  the next call of read, write, save, events or outputs fails
//	garble, lose          the disk: its snapshots do not decode, its events are gone
//	disk                  what is on the disk
//
// All inputs of a paragraph wait in the mailbox before the loop takes the
// first, and the loop is driven by hand, without a goroutine.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("scenarios: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			old, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := &scenario{t: t, disk: new(disk)}
			var paragraphs []string
			for p := range strings.SplitSeq(strings.TrimSpace(string(old)), "\n\n") {
				paragraphs = append(paragraphs, s.play(p))
			}
			now := strings.Join(paragraphs, "\n\n") + "\n"
			if *update {
				if err := os.WriteFile(file, []byte(now), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if now != string(old) {
				t.Errorf("%s has changed; it plays as (-update rewrites it):\n%s", file, now)
			}
		})
	}
}

type scenario struct {
	t               *testing.T
	disk            *disk
	events, outputs stage
	loop            *loop[balance, order, entry, string]
	out             bytes.Buffer
	asked           []asked
}

// asked is a caller whose answer is to come.
type asked struct {
	line string
	*caller
}

// play returns a paragraph with what follows from it.
func (s *scenario) play(paragraph string) string {
	head, _, played := strings.Cut(paragraph, "\n----")
	if !played && strings.HasPrefix(paragraph, "#") {
		return paragraph
	}
	s.out.Reset()
	for line := range strings.SplitSeq(head, "\n") {
		if !strings.HasPrefix(line, "#") {
			s.instruct(line, strings.Fields(line))
		}
	}
	if s.loop != nil {
		s.drive()
	}
	return strings.TrimSpace(head + "\n----\n" + s.out.String())
}

func (s *scenario) instruct(line string, words []string) {
	switch words[0] {
	case "machine":
		s.newMachine(words[1:])
	case "do", "send":
		o := order{Verb: words[1], Amounts: s.numbers(words[2:])}
		s.give(line, input[balance, order, entry]{kind: command, cmd: o})
	case "apply", "notify":
		var entries []entry
		if words[1] == "close" {
			entries = append(entries, entry{Close: true})
			words = words[1:]
		}
		for _, n := range s.numbers(words[1:]) {
			entries = append(entries, entry{Amount: n})
		}
		s.give(line, input[balance, order, entry]{kind: apply, events: entries})
	case "view":
		s.give(line, input[balance, order, entry]{kind: view, view: s.look})
	case "fail":
		stages := map[string]*stage{
			"read": &s.disk.read, "write": &s.disk.write, "save": &s.disk.save,
			"events": &s.events, "outputs": &s.outputs,
		}
		stages[words[1]].fault = errFault
		if len(words) > 2 {
			stages[words[1]].fault = errUncertain
		}
	case "garble":
		for id, snapshot := range s.disk.snapshots {
			snapshot.data = []byte("?")
			s.disk.snapshots[id] = snapshot
		}
	case "lose":
		s.disk.gone = true
	case "disk":
		s.print("disk", list(s.disk.entries()))
	default:
		s.t.Fatalf("no such instruction: %s", line)
	}
}

func (s *scenario) numbers(words []string) (numbers []int) {
	for _, w := range words {
		n, err := strconv.Atoi(w)
		if err != nil {
			s.t.Fatal(err)
		}
		numbers = append(numbers, n)
	}
	return numbers
}

// newMachine begins as Run does.
func (s *scenario) newMachine(options []string) {
	cfg := Config[balance, entry, string]{
		Log:     printingDisk{s.disk, s},
		Events:  printing[entry](s, "events", &s.events),
		Outputs: printing[string](s, "outputs", &s.outputs),
		Logger:  slog.New(slog.NewTextHandler(s, &slog.HandlerOptions{ReplaceAttr: withoutTime})),
	}
	for _, option := range options {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "log":
			cfg.Log = nil
		case "batch":
			cfg.MaxBatch = s.numbers([]string{value})[0]
		case "snapshot":
			cfg.Snapshot.Codec = jsonCodec{}
			cfg.Snapshot.Every = s.numbers([]string{value})[0]
		case "version":
			cfg.Snapshot.Version = s.numbers([]string{value})[0]
		}
	}
	s.asked = nil
	s.loop = newLoop(account{}, cfg)
	if err := s.loop.hydrate(s.t.Context()); err != nil || s.loop.finished {
		s.end(err)
	}
}

// Write is for the logger.
func (s *scenario) Write(line []byte) (int, error) {
	s.print("logger", strings.TrimSpace(string(line)))
	return len(line), nil
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// give puts an input in the mailbox. send and notify do not wait for an answer.
func (s *scenario) give(line string, in input[balance, order, entry]) {
	if !strings.HasPrefix(line, "send") && !strings.HasPrefix(line, "notify") {
		in.caller = &caller{answer: make(chan outcome, 1)}
		s.asked = append(s.asked, asked{line, in.caller})
	}
	if err := s.loop.inbox.put(s.t.Context(), in); err != nil {
		s.t.Fatal(err)
	}
}

// drive takes batches, as run does, until nothing waits.
func (s *scenario) drive() {
	for in := s.loop.inbox.poll(); in != nil; in = s.loop.inbox.poll() {
		for ; in != nil; in = s.loop.more() {
			s.loop.step(in)
		}
		if err := s.loop.commit(s.t.Context()); err != nil || s.loop.finished {
			s.end(err)
			return
		}
	}
	s.print("state", s.loop.state)
}

// end is what follows when run returns.
func (s *scenario) end(err error) {
	s.loop.end()
	s.print("ended", err)
	if s.loop.inbox.lastErr == nil {
		s.print("state", s.loop.inbox.last)
	}
	s.loop = nil
}

// answers prints the answers that came since it was called last.
func (s *scenario) answers() {
	for i, a := range s.asked {
		if a.caller == nil || len(a.answer) == 0 {
			continue
		}
		s.asked[i].caller = nil
		o := <-a.answer
		if a.line == "view" && o.err == ErrStopped { // as View does
			o.err = s.loop.inbox.viewLast(s.t.Context(), s.look)
		}
		switch {
		case o.err != nil:
			s.line("answer", fmt.Sprintf("%s: %v", a.line, o.err))
		case a.line != "view":
			s.line("answer", fmt.Sprintf("%s: %v", a.line, o.change))
		}
	}
}

func (s *scenario) look(b balance) { s.print("view", b) }

// print writes a line, below the answers that have come by then.
func (s *scenario) print(what string, v any) {
	s.answers()
	s.line(what, v)
}

func (s *scenario) line(what string, v any) {
	s.out.WriteString(strings.TrimSpace(fmt.Sprintf("%-8s %v", what, v)) + "\n")
}

// printing is an adapter that prints what it is given before it passes a stage.
func printing[T any](s *scenario, what string, stage *stage) Adapter[T] {
	return Func(func(ctx context.Context, items []T) error {
		s.print(what, list(items))
		return stage.pass(ctx)
	})
}

func list[T any](items []T) string {
	words := make([]string, len(items))
	for i, item := range items {
		words[i] = fmt.Sprint(item)
	}
	return strings.Join(words, ", ")
}

type printingDisk struct {
	*disk
	s *scenario
}

func (d printingDisk) Notify(ctx context.Context, events []entry) error {
	d.s.print("log", list(events))
	return d.disk.Notify(ctx, events)
}

func (d printingDisk) SaveSnapshot(ctx context.Context, id string, data []byte) error {
	d.s.print("save", fmt.Sprintf("%s %s", id, data))
	return d.disk.SaveSnapshot(ctx, id, data)
}

func (d printingDisk) LoadSnapshot(ctx context.Context, id string) ([]byte, iter.Seq2[entry, error], error) {
	data, events, err := d.disk.LoadSnapshot(ctx, id)
	d.s.print("load", fmt.Sprintf("%s %s", id, data))
	return data, events, err
}
