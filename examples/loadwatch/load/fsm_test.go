package load

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/edfsm/edfsm/machine"
	"github.com/edfsm/edfsm/machine/machinetest"
	"github.com/edfsm/edfsm/sqlitelog"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestLevelAfterReading(t *testing.T) {
	for _, c := range []struct {
		from    Level
		reading Reading
		to      Level
	}{
		{Normal, Reading{}, Normal},
		{Normal, Reading{Load: 0.89, Memory: 0.79, Pressure: 0.09}, Normal},
		{Normal, Reading{Load: 0.90}, Warning},
		{Normal, Reading{Memory: 0.80}, Warning},
		{Normal, Reading{Pressure: 0.10}, Warning},
		{Normal, Reading{Load: 1.50}, Critical},
		{Warning, Reading{Load: 1.49, Memory: 0.94, Pressure: 0.39}, Warning},
		{Warning, Reading{Memory: 0.95}, Critical},
		{Warning, Reading{Load: 0.70}, Warning},
		{Warning, Reading{Load: 0.69, Memory: 0.69, Pressure: 0.04}, Normal},
		{Critical, Reading{Pressure: 0.25}, Critical},
		{Critical, Reading{Load: 1.19, Memory: 0.89, Pressure: 0.24}, Warning},
		{Critical, Reading{Load: 0.69}, Normal},
	} {
		if to := c.from.after(c.reading); to != c.to {
			t.Errorf("%v after %+v: %v, want %v", c.from, c.reading, to, c.to)
		}
	}
}

// A value near every limit is as likely as all the others together.
func value(most float64) *rapid.Generator[float64] {
	near := []float64{0, 0.04, 0.05, 0.09, 0.1, 0.24, 0.25, 0.4, 0.69, 0.7, 0.8, 0.9, 0.95, 1, 1.19, 1.2, 1.49, 1.5}
	near = slices.DeleteFunc(near, func(v float64) bool { return v > most })
	return rapid.OneOf(rapid.SampledFrom(near), rapid.Float64Range(0, most))
}

func drawReading(t *rapid.T) Reading {
	return Reading{
		Time:     noon,
		Load:     value(3).Draw(t, "load"),
		Memory:   value(1).Draw(t, "memory"),
		Pressure: value(1).Draw(t, "pressure"),
	}
}

func TestSteadyReadingChangesTheLevelOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		level, reading := Level(rapid.IntRange(0, 2).Draw(t, "level")), drawReading(t)
		once := level.after(reading)
		if twice := once.after(reading); twice != once {
			t.Fatalf("%v, then %v", once, twice)
		}
	})
}

// The band of a level is what neither reaches the limit of the next level nor
// falls below the own one in all values.
func TestLevelStaysInsideItsBand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		level := Level(rapid.IntRange(0, 2).Draw(t, "level"))
		top := limit{load: 10, memory: 1, pressure: 1}
		if level < Critical {
			top = enterAt[level+1]
		}
		below := func(top float64) float64 { return rapid.Float64Range(0, 0.999).Draw(t, "share") * top }
		for range rapid.IntRange(1, 20).Draw(t, "readings") {
			r := Reading{Load: below(top.load), Memory: below(top.memory), Pressure: below(top.pressure)}
			if level > Normal {
				switch own := leaveBelow[level]; rapid.IntRange(0, 2).Draw(t, "held by") {
				case 0:
					r.Load = max(r.Load, own.load)
				case 1:
					r.Memory = max(r.Memory, own.memory)
				case 2:
					r.Pressure = max(r.Pressure, own.pressure)
				}
			}
			if next := level.after(r); next != level {
				t.Fatalf("%v left for %v by %+v", level, next, r)
			}
		}
	})
}

func TestMoreNeverLeadsLower(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := Level(rapid.IntRange(0, 2).Draw(t, "level"))
		high := Level(rapid.IntRange(int(low), 2).Draw(t, "higher level"))
		less := drawReading(t)
		more := less
		more.Load += value(3).Draw(t, "more load")
		more.Memory = min(1, more.Memory+value(1).Draw(t, "more memory"))
		if low.after(less) > low.after(more) || low.after(less) > high.after(less) {
			t.Fatalf("from %v or %v by %+v or %+v", low, high, less, more)
		}
	})
}

func TestAcknowledge(t *testing.T) {
	watch := machinetest.For(t, Watcher{})
	raised := Raised{Warning, Reading{Time: noon, Load: 1}}
	worse := Raised{Critical, Reading{Time: noon, Load: 2}}
	cleared := Cleared{Normal, Reading{Time: noon}}
	ack := Acknowledge{noon.Add(time.Hour)}
	acked := Acknowledged(ack)

	watch.Given(raised).When(ack).Then(acked).Emitting()
	watch.Given(raised, acked, worse).When(ack).Then(acked)
	watch.Given().When(ack).ThenRejected(ErrNothingToAcknowledge)
	watch.Given(raised, acked).When(ack).ThenRejected(ErrNothingToAcknowledge)
	watch.Given(raised, cleared).When(ack).ThenRejected(ErrNothingToAcknowledge)
}

func TestNoticeOfEachChange(t *testing.T) {
	watch := machinetest.For(t, Watcher{})
	calm, busy := Reading{Time: noon}, Reading{Time: noon, Load: 1}

	watch.Given().When(Sample{busy}).Then(Raised{Warning, busy}).Emitting(Notice{noon, Warning, busy})
	watch.Given(Raised{Warning, busy}).When(Sample{busy}).Then().Emitting()
	watch.Given(Raised{Warning, busy}).When(Sample{calm}).Then(Cleared{Normal, calm}).Emitting(Notice{noon, Normal, calm})
}

func TestWatcherKeepsTheLaws(t *testing.T) {
	machinetest.TestFSM(t, Watcher{}, commands(), nil)
}

// The log of the program is never compacted, but it could be.
func TestWatcherCouldBeCompacted(t *testing.T) {
	key := func(e Event) (string, sqlitelog.KeyOp) {
		if _, ok := e.(Acknowledged); ok {
			return "acknowledged", sqlitelog.Keep
		}
		return "level", sqlitelog.Keep
	}
	machinetest.TestCompaction(t, Watcher{}, key, commands(), nil)
}

// The log of an afternoon in 2026 still means what it meant.
func TestRecordedLog(t *testing.T) {
	events, err := Codec()
	if err != nil {
		t.Fatal(err)
	}
	recorded := machinetest.Lines("testdata/afternoon.jsonl", events)
	machinetest.TestRecording(t, Watcher{}, recorded, "testdata/afternoon.golden", nil)
}

// outcome is what a series of commands has left.
type outcome struct {
	notices []Notice
	state   State
}

func play(t rapid.TB, log machine.Log[Event], cmds ...Command) (o outcome) {
	ctx := context.Background()
	m := machine.New(Watcher{}, machine.Config[State, Event, Notice]{
		Log:     log,
		Mailbox: len(cmds),
		Outputs: machine.Func(func(_ context.Context, notices []Notice) error {
			o.notices = append(o.notices, notices...)
			return nil
		}),
	})
	if err := m.Commands().Notify(ctx, cmds); err != nil {
		t.Fatal(err)
	}
	m.Close()
	if err := m.Run(ctx); err != nil {
		t.Fatal(err)
	}
	var err error
	if o.state, err = machine.View(ctx, m, func(s State) State { return s }); err != nil {
		t.Fatal(err)
	}
	return o
}

func commands() *rapid.Generator[Command] {
	return rapid.Custom(func(t *rapid.T) Command {
		at := noon.Add(time.Duration(rapid.IntRange(0, 3600).Draw(t, "seconds")) * time.Second)
		if rapid.IntRange(0, 4).Draw(t, "kind") == 0 {
			return Acknowledge{at}
		}
		r := drawReading(t)
		r.Time = at
		return Sample{r}
	})
}

func events(t rapid.TB, log machine.Log[Event]) (events []Event) {
	for e, err := range log.Feed(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

func TestTwoRunsAreOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cmds := rapid.SliceOfN(commands(), 0, 30).Draw(t, "commands")
		cut := rapid.IntRange(0, len(cmds)).Draw(t, "cut")
		var one, two machine.Memory[Event]
		whole := play(t, &one, cmds...)
		first := play(t, &two, cmds[:cut]...)
		second := play(t, &two, cmds[cut:]...)
		sameOutcome(t, whole, first, second)
		if !slices.Equal(events(t, &one), events(t, &two)) {
			t.Fatalf("logged %v in one run, %v in two", events(t, &one), events(t, &two))
		}
	})
}

func TestTwoRunsOverOneFileAreOne(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cmds := rapid.SliceOfN(commands(), 0, 30).Draw(rt, "commands")
		cut := rapid.IntRange(0, len(cmds)).Draw(rt, "cut")
		db := filepath.Join(t.TempDir(), "two.db")
		var memory machine.Memory[Event]
		whole := play(rt, &memory, cmds...)
		first := playInto(rt, db, cmds[:cut])
		second := playInto(rt, db, cmds[cut:])
		sameOutcome(rt, whole, first, second)
	})
}

func playInto(t *rapid.T, db string, cmds []Command) outcome {
	events, err := Codec()
	if err != nil {
		t.Fatal(err)
	}
	file, err := sqlitelog.Open(context.Background(), db, sqlitelog.Config[Event]{Codec: events})
	if err != nil {
		t.Fatal(err)
	}
	o := play(t, file, cmds...)
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return o
}

func sameOutcome(t *rapid.T, whole, first, second outcome) {
	if notices := slices.Concat(first.notices, second.notices); !slices.Equal(notices, whole.notices) {
		t.Fatalf("notices %v in one run, %v in two", whole.notices, notices)
	}
	if second.state != whole.state {
		t.Fatalf("%v after one run, %v after two", whole.state, second.state)
	}
}
