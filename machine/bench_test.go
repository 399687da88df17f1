package machine

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// tally is about the least that an FSM can be: a command becomes an event, and
// the state is their sum.
type tally struct{}

func (tally) Decide(_, n int, _ func(int)) ([]int, error) { return []int{n}, nil }

func (tally) Evolve(sum *int, n int) Change { *sum += n; return Updated }

func (tally) React(int, int, Change, func(int)) {}

// engine is a machine, or what it is compared with.
type engine struct {
	send func(n int)
	do   func(n int)
	end  func() (sum int) // after all else
}

func machineEngine(log Log[int]) engine {
	ctx := context.Background()
	m := New(tally{}, Config[int, int, int]{Log: log})
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	return engine{
		send: func(n int) { must(0, m.Send(ctx, n)) },
		do:   func(n int) { must(m.Do(ctx, n)) },
		end: func() int {
			m.Close()
			must(0, <-ended)
			return must(View(ctx, m, func(sum int) int { return sum }))
		},
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

type handCommand struct {
	verb   string
	n      int
	answer chan error
}

// handEngine is the loop that programs have without this package: a channel
// for a mailbox, a switch, and a slice of events. It knows no batches, no
// cancellation and no failures.
func handEngine(logged bool) engine {
	mailbox := make(chan handCommand, 256)
	ended := make(chan int)
	var log []int
	go func() {
		sum := 0
		for c := range mailbox {
			switch c.verb {
			case "add":
				if logged {
					log = append(log, c.n)
				}
				sum += c.n
			}
			if c.answer != nil {
				c.answer <- nil
			}
		}
		ended <- sum
	}()
	return engine{
		send: func(n int) { mailbox <- handCommand{verb: "add", n: n} },
		do: func(n int) {
			answer := make(chan error, 1)
			mailbox <- handCommand{verb: "add", n: n, answer: answer}
			must(0, <-answer)
		},
		end: func() int {
			close(mailbox)
			return <-ended
		},
	}
}

// BenchmarkMachine gives commands to a machine and to a loop by hand in turns.
// An op is one command to the machine; ratio is what it takes by the time that
// the loop by hand takes, the median of all turns.
func BenchmarkMachine(b *testing.B) {
	for _, call := range []string{"send", "do"} {
		for _, log := range []string{"none", "memory"} {
			for _, senders := range []int{1, 4, 64} {
				b.Run(fmt.Sprintf("call=%s/log=%s/senders=%d", call, log, senders), func(b *testing.B) {
					ours := func() engine {
						if log == "none" {
							return machineEngine(nil)
						}
						return machineEngine(new(Memory[int]))
					}
					byHand := func() engine { return handEngine(log != "none") }
					compare(b, ours, byHand, call, senders)
				})
			}
		}
	}
}

func compare(b *testing.B, ours, byHand func() engine, call string, senders int) {
	var times, ratios, allocs []float64
	for n := 0; n < 5 || b.Loop(); n++ {
		t, a := turn(b, ours(), call, senders)
		h, _ := turn(b, byHand(), call, senders)
		times, ratios, allocs = append(times, t), append(ratios, t/h), append(allocs, a)
	}
	b.ReportMetric(median(times), "ns/op")
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(median(allocs), "allocs/cmd")
}

// turn returns the nanoseconds and the allocations of a command.
func turn(b *testing.B, e engine, call string, senders int) (ns, allocs float64) {
	const commands = 1 << 14
	give := e.send
	if call == "do" {
		give = e.do
	}
	var before, after runtime.MemStats
	var wg sync.WaitGroup
	runtime.ReadMemStats(&before)
	start := time.Now()
	for range senders {
		wg.Go(func() {
			for range commands / senders {
				give(1)
			}
		})
	}
	wg.Wait()
	sum := e.end()
	elapsed := time.Since(start)
	runtime.ReadMemStats(&after)
	if sum != commands {
		b.Fatalf("%d of %d commands were carried out", sum, commands)
	}
	return float64(elapsed.Nanoseconds()) / commands, float64(after.Mallocs-before.Mallocs) / commands
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// A command costs the slice that Decide returns, and nothing of ours.
func TestCommandAllocatesOnce(t *testing.T) {
	e := machineEngine(nil)
	defer e.end()
	for name, give := range map[string]func(int){"Send": e.send, "Do": e.do} {
		if allocs := testing.AllocsPerRun(10_000, func() { give(1) }); allocs > 1 {
			t.Errorf("%s allocates %v times, want at most once", name, allocs)
		}
	}
}
