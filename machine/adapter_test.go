package machine

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
)

// record is an adapter that writes down each call, and then fails with err.
func record[T any](calls *[][]T, err error) Adapter[T] {
	return Func(func(_ context.Context, items []T) error {
		*calls = append(*calls, slices.Clone(items))
		return err
	})
}

func TestAdapters(t *testing.T) {
	odd := func(n int) (string, bool) { return strconv.Itoa(n), n%2 == 1 }
	for name, test := range map[string]struct {
		make func(to Adapter[string]) Adapter[int]
		give []int
		want [][]string
	}{
		"Map gives all at once": {
			func(to Adapter[string]) Adapter[int] { return Map(to, strconv.Itoa) },
			[]int{1, 2, 3}, [][]string{{"1", "2", "3"}},
		},
		"FilterMap drops": {
			func(to Adapter[string]) Adapter[int] { return FilterMap(to, odd) },
			[]int{1, 2, 3}, [][]string{{"1", "3"}},
		},
		"FilterMap of nothing is no call": {
			func(to Adapter[string]) Adapter[int] { return FilterMap(to, odd) },
			[]int{2}, nil,
		},
		"Each gives one by one": {
			func(to Adapter[string]) Adapter[int] {
				return Each(func(ctx context.Context, n int) error { return to.Notify(ctx, []string{strconv.Itoa(n)}) })
			},
			[]int{1, 2}, [][]string{{"1"}, {"2"}},
		},
		"Merge gives to each in order": {
			func(to Adapter[string]) Adapter[int] { return Map(Merge(to, nil, to), strconv.Itoa) },
			[]int{1, 2}, [][]string{{"1", "2"}, {"1", "2"}},
		},
		"nil drops": {
			func(Adapter[string]) Adapter[int] {
				return Merge(nil, Map(nil, strconv.Itoa), BestEffort[int](nil, nil))
			},
			[]int{1}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var calls [][]string
			if err := test.make(record(&calls, nil)).Notify(t.Context(), test.give); err != nil {
				t.Error(err)
			}
			if !slices.EqualFunc(calls, test.want, slices.Equal) {
				t.Errorf("calls: %q, want %q", calls, test.want)
			}
			err := test.make(record(&calls, errFault)).Notify(t.Context(), test.give)
			if called := test.want != nil; errors.Is(err, errFault) != called {
				t.Errorf("when the adapter behind it fails: %v", err)
			}
		})
	}
}

func TestEachStopsAtTheFirstError(t *testing.T) {
	var seen []int
	err := Each(func(_ context.Context, n int) error {
		seen = append(seen, n)
		if n == 2 {
			return errFault
		}
		return nil
	}).Notify(t.Context(), []int{1, 2, 3})
	if err != errFault || !slices.Equal(seen, []int{1, 2}) {
		t.Errorf("%v, seen %v", err, seen)
	}
}

func TestMergeGoesOnAfterAnError(t *testing.T) {
	other := errors.New("another")
	var calls [][]int
	err := Merge(record(&calls, errFault), record(&calls, nil), record(&calls, other)).Notify(t.Context(), []int{1})
	if !errors.Is(err, errFault) || !errors.Is(err, other) {
		t.Errorf("joined: %v", err)
	}
	if len(calls) != 3 {
		t.Errorf("%d adapters were called, want 3", len(calls))
	}
}

func TestChan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := make(chan int, 1)
		give := in(func(ctx context.Context) (Change, error) { return 0, Chan(ch).Notify(ctx, []int{1, 2, 3}) })
		give.wantBlocked(t)
		first, second := <-ch, <-ch
		synctest.Wait()
		give.want(t, outcome{})
		if first != 1 || second != 2 || <-ch != 3 {
			t.Errorf("received %d, %d, and not 3", first, second)
		}

		give = in(func(ctx context.Context) (Change, error) { return 0, Chan(ch).Notify(ctx, []int{4, 5}) })
		give.wantBlocked(t)
		give.leave()
		give.want(t, outcome{err: context.Canceled})
		if got := <-ch; got != 4 || len(ch) != 0 {
			t.Errorf("received %d and then %d more, want 4 alone", got, len(ch))
		}
	})
}

func TestBestEffort(t *testing.T) {
	var out bytes.Buffer
	var calls [][]int
	a := BestEffort(record(&calls, errFault), slog.New(slog.NewTextHandler(&out, nil)))
	if err := a.Notify(t.Context(), []int{1, 2}); err != nil {
		t.Errorf("the error was not swallowed: %v", err)
	}
	for _, want := range []string{"level=WARN", "items=2", errFault.Error()} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("not logged: %s in %s", want, &out)
		}
	}
	if len(calls) != 1 {
		t.Errorf("%d calls", len(calls))
	}
}

func TestBestEffortUsesTheDefaultLogger(t *testing.T) {
	var out bytes.Buffer
	was := slog.Default()
	defer slog.SetDefault(was)
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	if err := BestEffort(record(new([][]int), errFault), nil).Notify(t.Context(), []int{1}); err != nil || out.Len() == 0 {
		t.Errorf("%v, logged %q", err, &out)
	}
}

// Two machines that feed each other, wired in two lines.
func TestMachinesFeedEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var there, back *Machine[int, int, int]
		there = New(relay{}, Config[int, int, int]{Outputs: Func(func(ctx context.Context, n []int) error { return back.Commands().Notify(ctx, n) })})
		back = New(relay{}, Config[int, int, int]{Outputs: there.Commands()})
		ends := make(chan error, 2)
		go func() { ends <- there.Run(t.Context()) }()
		go func() { ends <- back.Run(t.Context()) }()
		if _, err := there.Do(t.Context(), 9); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for m, want := range map[*Machine[int, int, int]]int{there: 9 + 7 + 5 + 3 + 1, back: 8 + 6 + 4 + 2} {
			if got, err := View(t.Context(), m, func(n int) int { return n }); got != want || err != nil {
				t.Errorf("state %d, %v, want %d", got, err, want)
			}
		}
		there.Close()
		back.Close()
		for range 2 {
			if err := <-ends; err != nil {
				t.Error(err)
			}
		}
	})
}

// relay adds up what it is given, and passes one less on.
type relay struct{}

func (relay) Decide(_, n int, _ func(int)) ([]int, error) { return []int{n}, nil }

func (relay) Evolve(sum *int, n int) Change { *sum += n; return Updated }

func (relay) React(_, n int, _ Change, emit func(int)) {
	if n > 1 {
		emit(n - 1)
	}
}
