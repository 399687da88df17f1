package natslog_test

import (
	"context"
	"errors"
	"iter"
	"path/filepath"
	"slices"
	"testing"

	"github.com/edfsm/edfsm/machine"
	"github.com/edfsm/edfsm/natslog"
	"github.com/edfsm/edfsm/sqlitelog"
)

// A log of sqlitelog moves here whole, in one go or in several.
func TestCopy(t *testing.T) {
	js := connect(t, startServers(t, 1, false))
	from, err := sqlitelog.Open(t.Context(), filepath.Join(t.TempDir(), "log.db"), sqlitelog.Config[put]{})
	must(t, err)
	defer from.Close()
	const n = 2500
	must(t, from.Notify(t.Context(), puts(0, n)))
	for name, before := range map[string]int{"empty": 0, "begun": 1200, "done": n} {
		cfg := keyed()
		cfg.Name = name
		to := open(t, js, cfg)
		for at := 0; at < before; at += 100 {
			must(t, to.Notify(t.Context(), puts(at, at+100)))
		}
		var copied, compared []int
		got, err := natslog.Copy(t.Context(), to, from, func(a, b int) { copied, compared = append(copied, a), append(compared, b) })
		must(t, err)
		if all := values(t, to); got != n || len(all) != n || all[n-1] != n-1 {
			t.Errorf("%s: %d were copied and %d are there, want %d", name, got, len(all), n)
		}
		if !slices.IsSorted(copied) || !slices.IsSorted(compared) || compared[len(compared)-1] != n {
			t.Errorf("%s: the progress was %v and %v", name, copied, compared)
		}
	}
}

// Of what is there already progress is told as of what is appended, so that a
// copy that was stopped late is not silent for long.
func TestCopyTellsWhatItFinds(t *testing.T) {
	const n = 2500
	var from machine.Memory[put]
	must(t, from.Notify(t.Context(), puts(0, n)))
	to := open(t, connect(t, startServers(t, 1, false)), natslog.Config[put]{})
	for at := 0; at < n; at += 500 {
		must(t, to.Notify(t.Context(), puts(at, at+500)))
	}
	var told [][2]int
	_, err := natslog.Copy(t.Context(), to, &from, func(copied, compared int) { told = append(told, [2]int{copied, compared}) })
	must(t, err)
	if want := [][2]int{{1000, 0}, {2000, 0}, {n, 0}, {n, 1000}, {n, 2000}, {n, n}}; !slices.Equal(told, want) {
		t.Errorf("the progress was %v, want %v", told, want)
	}
}

// What differs is no copy.
func TestCopyOfAnother(t *testing.T) {
	js := connect(t, startServers(t, 1, false))
	var from machine.Memory[put]
	must(t, from.Notify(t.Context(), puts(0, 3)))
	for name, there := range map[string][]put{"other": puts(5, 6), "more": puts(0, 4)} {
		to := open(t, js, natslog.Config[put]{Name: name})
		must(t, to.Notify(t.Context(), there))
		_, err := natslog.Copy(t.Context(), to, &from, nil)
		wantError(t, err, natslog.ErrDiffers)
		if got := len(values(t, to)); got != len(there) {
			t.Errorf("%s: %d events, %d before", name, got, len(there))
		}
	}
}

// Whoever appends meanwhile is noticed at the end.
func TestCopyIsChecked(t *testing.T) {
	js := connect(t, startServers(t, 1, false))
	for _, spoilt := range []string{"copy", "source"} {
		var from machine.Memory[put]
		must(t, from.Notify(t.Context(), puts(0, 3)))
		to := open(t, js, natslog.Config[put]{Name: spoilt})
		append := map[string]func(context.Context, []put) error{"copy": to.Notify, "source": from.Notify}[spoilt]
		spoil := func(copied, compared int) {
			if compared == 0 {
				must(t, append(t.Context(), puts(9, 10)))
			}
		}
		_, err := natslog.Copy(t.Context(), to, &from, spoil)
		wantError(t, err, natslog.ErrDiffers)
	}
}

// broken is a log that can be read to its end only once.
type broken struct {
	machine.Memory[put]
	reads int
}

func (b *broken) Feed(ctx context.Context) iter.Seq2[put, error] {
	return func(yield func(put, error) bool) {
		for e, err := range b.Memory.Feed(ctx) {
			if !yield(e, err) {
				return
			}
		}
		if b.reads++; b.reads > 1 {
			yield(put{}, errEnough)
		}
	}
}

// What cannot be read is not said to differ.
func TestCopyOfABrokenLog(t *testing.T) {
	var from broken
	must(t, from.Notify(t.Context(), puts(0, 3)))
	to := open(t, connect(t, startServers(t, 1, false)), natslog.Config[put]{})
	_, err := natslog.Copy(t.Context(), to, &from, nil)
	if wantError(t, err, errEnough); errors.Is(err, natslog.ErrDiffers) {
		t.Error(err)
	}
}
