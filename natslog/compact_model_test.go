package natslog_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"iter"
	"maps"
	"testing"
	"time"

	"github.com/edfsm/edfsm/natslog"
	"github.com/nats-io/nats.go/jetstream"
	"pgregory.net/rapid"
)

func putKey(e put) (string, natslog.KeyOp) {
	if e.Delete {
		return e.Key, natslog.Tombstone
	}
	return e.Key, natslog.Keep
}

// contents is the state that puts lead to: what has no key adds up.
type contents map[string]int

func (c contents) apply(e put) {
	switch {
	case e.Key == "":
		c[""] += e.Value
	case e.Delete:
		delete(c, e.Key)
	default:
		c[e.Key] = e.Value
	}
}

// fold is what events lead to from a state.
func fold(t fataler, from contents, events iter.Seq2[put, error]) contents {
	c := maps.Clone(from)
	for e, err := range events {
		if err != nil {
			t.Fatal(err)
		}
		c.apply(e)
	}
	return c
}

type fataler interface{ Fatal(args ...any) }

func genPut() *rapid.Generator[put] {
	return rapid.Custom(func(t *rapid.T) put {
		e := put{
			Key:   rapid.SampledFrom([]string{"", "a", "b", "c/d e"}).Draw(t, "key"),
			Value: rapid.IntRange(1, 9).Draw(t, "value"),
		}
		e.Delete = e.Key != "" && rapid.IntRange(0, 2).Draw(t, "delete") == 0
		return e
	})
}

// TestCompactionModel compares a log that compacts itself, is compacted, opened
// again and read slowly meanwhile with the state of all its events.
func TestCompactionModel(t *testing.T) {
	js := connect(t, startServers(t, 1, false))
	natslog.SetPage(t, 3)
	if testing.Short() || !flagGiven("rapid.checks") {
		must(t, flag.Set("rapid.checks", "30")) // each takes some 0.2 s
	}
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		m := &model{t: rt, js: js, name: fmt.Sprint(n), state: contents{}}
		m.open(rt)
		defer func() { must(t, m.log.Close()) }()
		rt.Repeat(map[string]func(*rapid.T){
			"":         func(*rapid.T) {},
			"append":   m.append,
			"compact":  m.compact,
			"open":     m.open,
			"replay":   m.replay,
			"begin":    m.begin,
			"go on":    m.goOn,
			"snapshot": m.snapshot,
			"load":     m.load,
		})
		m.replay(rt)
		m.load(rt)
		for len(m.walks) > 0 {
			m.finish(rt, 0)
		}
		m.rest(rt)
	})
}

func flagGiven(name string) (given bool) {
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	return given
}

// model is a log and what it must amount to.
type model struct {
	t     *rapid.T
	js    jetstream.JetStream
	name  string
	log   *natslog.Log[put]
	state contents
	saved bool
	high  int // 0: any
	walks []*walk
}

// walk is a replay that is under way, or the rest of a log behind a snapshot.
type walk struct {
	next  func() (put, error, bool)
	stop  func()
	state contents
	want  contents
}

func (m *model) open(t *rapid.T) {
	for len(m.walks) > 0 {
		m.finish(t, 0)
	}
	if m.log != nil {
		if err := m.log.Close(); err != nil {
			t.Fatal(err)
		}
	}
	high := m.high
	if high == 0 {
		high = rapid.IntRange(1, 6).Draw(t, "high")
	}
	cfg := natslog.WithGrace(natslog.Config[put]{Name: m.name, Key: putKey, HighWater: high, Replicas: 1}, time.Nanosecond)
	log, err := natslog.Open(m.t.Context(), m.js, cfg)
	if err != nil {
		t.Fatal(err)
	}
	m.log = log
}

func (m *model) append(t *rapid.T) {
	events := rapid.SliceOfN(genPut(), 1, 4).Draw(t, "events")
	if err := m.log.Notify(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		m.state.apply(e)
	}
}

func (m *model) compact(t *rapid.T) {
	if _, err := m.log.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (m *model) replay(t *rapid.T) {
	m.equal(t, fold(t, contents{}, m.log.Feed(t.Context())), m.state)
}

func (m *model) equal(t *rapid.T, got, want contents) {
	if !maps.Equal(got, want) {
		t.Fatalf("the log leads to %v, want %v", got, want)
	}
}

// begin begins a replay that goes on later.
func (m *model) begin(t *rapid.T) {
	w := &walk{state: contents{}, want: maps.Clone(m.state)}
	w.next, w.stop = iter.Pull2(m.log.Feed(m.t.Context()))
	m.walks = append(m.walks, w)
	m.step(t, w)
}

func (m *model) step(t *rapid.T, w *walk) (more bool) {
	e, err, more := w.next()
	if err != nil {
		t.Fatal(err)
	}
	if more {
		w.state.apply(e)
	}
	return more
}

func (m *model) goOn(t *rapid.T) {
	if len(m.walks) > 0 {
		m.finish(t, rapid.IntRange(0, len(m.walks)-1).Draw(t, "walk"))
	}
}

func (m *model) finish(t *rapid.T, i int) {
	w := m.walks[i]
	for m.step(t, w) {
	}
	w.stop()
	m.walks = append(m.walks[:i], m.walks[i+1:]...)
	m.equal(t, w.state, w.want)
}

func (m *model) snapshot(t *rapid.T) {
	data, err := json.Marshal(m.state)
	if err == nil {
		err = m.log.SaveSnapshot(t.Context(), "json/1", data)
	}
	if err != nil {
		t.Fatal(err)
	}
	m.saved = true
}

func (m *model) load(t *rapid.T) {
	data, events, err := m.log.LoadSnapshot(t.Context(), "json/1")
	if err != nil {
		t.Fatal(err)
	}
	if (data != nil) != m.saved {
		t.Fatalf("the snapshot is %q", data)
	}
	if data == nil {
		return
	}
	state := contents{}
	if err := json.Unmarshal(data, &state); err != nil {
		t.Fatal(err)
	}
	m.equal(t, fold(t, state, events), m.state)
}

// rest says what is left of a log that has come to rest: of each key at most
// one event, and of those that were ended nothing.
func (m *model) rest(t *rapid.T) {
	m.high = 1
	m.open(t)
	if m.saved {
		m.snapshot(t)
	}
	last := put{Value: 1} // the newest record stays in any case
	if err := m.log.Notify(t.Context(), []put{last}); err != nil {
		t.Fatal(err)
	}
	m.state.apply(last)
	for range 3 {
		m.compact(t)
	}
	seen := make(map[string]bool)
	for e, err := range m.log.Feed(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Key != "" && (seen[e.Key] || e.Delete) {
			t.Fatalf("%+v is left", e)
		}
		seen[e.Key] = true
	}
	m.replay(t)
}
