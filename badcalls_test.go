package edfsm_test

import (
	"context"
	"errors"
	"iter"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/history"
	"github.com/edfsm/edfsm/internal/race"
	"github.com/edfsm/edfsm/sqlitelog"
)

const maxValue = 256 << 20

// blob is a codec of bytes, which can be anything.
type blob struct{}

func (blob) Name() string                         { return "blob" }
func (blob) Append(dst, v []byte) ([]byte, error) { return append(dst, v...), nil }
func (blob) Decode(data []byte, v *[]byte) error  { *v = slices.Clone(data); return nil }

// badCalls is the specification: what a log and a history that are open refuse,
// and how. Nothing of it is kept.
var badCalls = []struct {
	what string
	call func(ctx context.Context, f bothIn) error
	want error
}{
	{"a log without a name", logNamed(""), sqlitelog.ErrName},
	{"a log named with a NUL", logNamed("a\x00b"), sqlitelog.ErrName},
	{"a log named with what is not UTF-8", logNamed("\xff"), sqlitelog.ErrName},
	{"a log with a long name", logNamed(strings.Repeat("x", 256)), sqlitelog.ErrName},
	{"a subscription without a name", deliver(""), sqlitelog.ErrName},
	{"a subscription named with a NUL", deliver("a\x00b"), sqlitelog.ErrName},
	{"a subscription named with what is not UTF-8", deliver("\xff"), sqlitelog.ErrName},
	{"a subscription with a long name", deliver(strings.Repeat("x", 256)), sqlitelog.ErrName},
	{"the position of a subscription without a name", func(ctx context.Context, f bothIn) error { return f.log.Seek(ctx, "", 1) }, sqlitelog.ErrName},
	{"the end of one", func(ctx context.Context, f bothIn) error { return f.log.Unsubscribe(ctx, "") }, sqlitelog.ErrName},
	{"a large event", func(ctx context.Context, f bothIn) error {
		return f.log.Notify(ctx, [][]byte{[]byte("good"), make([]byte, maxValue+1)})
	}, sqlitelog.ErrTooLarge},
	{"a large event with its key", func(ctx context.Context, f bothIn) error {
		return f.log.Notify(ctx, [][]byte{[]byte("key"), append([]byte("key"), make([]byte, maxValue-3)...)})
	}, sqlitelog.ErrTooLarge},
	{"a large snapshot", func(ctx context.Context, f bothIn) error {
		return f.log.SaveSnapshot(ctx, "id", make([]byte, maxValue+1))
	}, sqlitelog.ErrTooLarge},
	{"the log of another codec", func(ctx context.Context, f bothIn) error {
		_, err := sqlitelog.New(ctx, f.db, "main", sqlitelog.Config[string]{})
		return err
	}, sqlitelog.ErrCodec},

	{"a record without a name", record("", nil, moment), history.ErrName},
	{"a record named with a NUL", record("a\x00b", nil, moment), history.ErrName},
	{"a record named with what is not UTF-8", record("a\xff", nil, moment), history.ErrName},
	{"a record with a long name", record(strings.Repeat("x", 1025), nil, moment), history.ErrName},
	{"no time", record("a", nil, time.Time{}), history.ErrTime},
	{"a time before the year 1", record("a", nil, time.Time{}.Add(-1)), history.ErrTime},
	{"a time in the year 10000", record("a", nil, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)), history.ErrTime},
	{"a time beyond all years", record("a", nil, time.Unix(1<<62, 0)), history.ErrTime},
	{"a large value", func(ctx context.Context, f bothIn) error {
		return f.history.Store(ctx, "a", make([]byte, maxValue+1), moment)
	}, history.ErrTooLarge},
	{"a value of another codec", func(ctx context.Context, f bothIn) error {
		return history.Of(f.history, f.json).Store(ctx, "kept", 1, moment)
	}, history.ErrCodec},

	{"a negative limit", ask("*", history.Window{Limit: -1}), history.ErrLimit},
	{"the latest -1", latest(-1), history.ErrLimit},
	{"the latest 0", latest(0), history.ErrLimit},
	{"the latest 0 of a type", func(ctx context.Context, f bothIn) error {
		return last(history.Of(f.history, f.json).Latest(ctx, "*", 0))
	}, history.ErrLimit},
	{"a start after its end", ask("*", history.Window{Start: moment, End: moment.Add(-time.Second)}), history.ErrBounds},
	{"a start that is too late", ask("*", history.Window{Start: farAway}), history.ErrTime},
	{"an end that is too late", ask("*", history.Window{End: farAway}), history.ErrTime},
	{"a cleanup of all times", func(ctx context.Context, f bothIn) error {
		_, err := f.history.Cleanup(ctx, farAway)
		return err
	}, history.ErrTime},
	{"a long pattern", ask(strings.Repeat("*", 1025), history.Window{}), history.ErrPattern},
	{"a pattern with a NUL", func(ctx context.Context, f bothIn) error { return last(f.history.Names(ctx, "\x00")) }, history.ErrPattern},
	{"a pattern that is not UTF-8", func(ctx context.Context, f bothIn) error { return last(f.history.Stats(ctx, "\xff")) }, history.ErrPattern},
	{"a rule with a pattern that is not UTF-8", func(ctx context.Context, f bothIn) error {
		_, err := history.New(ctx, f.db, history.Config{Retention: []history.Rule{{Pattern: "\xff", Keep: 1}}})
		return err
	}, history.ErrPattern},
}

var (
	moment  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	farAway = time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)
)

// bothIn is a log and a history in one file.
type bothIn struct {
	db      *sqlitelog.DB
	log     *sqlitelog.Log[[]byte]
	history *history.History
	json    codec.Codec[int]
}

func openBoth(t *testing.T, path string) (f bothIn) {
	t.Helper()
	var err error
	f.db, err = sqlitelog.OpenDB(t.Context(), path, sqlitelog.Options{})
	must(t, err)
	t.Cleanup(func() { f.db.Close() })
	f.log, err = sqlitelog.New(t.Context(), f.db, "main", sqlitelog.Config[[]byte]{
		Codec: blob{}, Key: func(event []byte) (string, sqlitelog.KeyOp) {
			return string(event[:min(len(event), 3)]), sqlitelog.Keep
		},
	})
	must(t, err)
	f.history, err = history.New(t.Context(), f.db, history.Config{})
	must(t, err)
	f.json, err = codec.Of[int](codec.JSON)
	must(t, err)
	return f
}

func TestBadCalls(t *testing.T) {
	f := openBoth(t, filepath.Join(t.TempDir(), "it.db"))
	must(t, f.log.Notify(t.Context(), [][]byte{[]byte("kept")}))
	must(t, f.history.Store(t.Context(), "kept", []byte("kept"), moment))
	for _, bad := range badCalls {
		if (bad.want == sqlitelog.ErrTooLarge || bad.want == history.ErrTooLarge) && race.Enabled {
			continue // 256 MiB each, and some eight times as much with the race detector
		}
		if err := bad.call(t.Context(), f); !errors.Is(err, bad.want) {
			t.Errorf("%s: %v, want %v", bad.what, err, bad.want)
		} else if len(err.Error()) > 1000 {
			t.Errorf("%s: the error has %d bytes", bad.what, len(err.Error()))
		}
	}
	events, err := collect(f.log.Feed(t.Context()))
	if len(events) != 1 || err != nil || f.log.Head() != 1 {
		t.Errorf("the log has %.100q, to %d, %v", events, f.log.Head(), err)
	}
	names, err := collect(f.history.Names(t.Context(), "*"))
	if !slices.Equal(names, []string{"kept"}) || err != nil {
		t.Errorf("the history has %q, %v", names, err)
	}
	infos, err := sqlitelog.List(t.Context(), f.db)
	subscriptions, err2 := f.log.Subscriptions(t.Context())
	if len(infos) != 1 || len(subscriptions) != 0 || errors.Join(err, err2) != nil {
		t.Errorf("the file has %v and %v, %v, %v", infos, subscriptions, err, err2)
	}
	must(t, f.log.Notify(t.Context(), [][]byte{[]byte("more")}))
}

// What is extreme and allowed.
func TestGoodCalls(t *testing.T) {
	f := openBoth(t, filepath.Join(t.TempDir(), "it.db"))
	longest := strings.Repeat("ä", 512)
	last := time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC)
	must(t, f.history.Store(t.Context(), longest, nil, time.Time{}.Add(time.Millisecond)))
	must(t, f.history.Store(t.Context(), longest, []byte{}, last))
	rows, err := collect(f.history.Query(t.Context(), longest, history.Window{}))
	if len(rows) != 2 || !rows[0].At.Equal(last) || rows[1].At.Year() != 1 || err != nil {
		t.Errorf("got %v, %v", rows, err)
	}
	for _, hostile := range []string{strings.Repeat("*ä", 341), strings.Repeat("*", 1024), "%_?[a]*\\"} {
		if _, err := collect(f.history.Names(t.Context(), hostile)); err != nil {
			t.Errorf("%.20q: %v", hostile, err)
		}
	}
	texts := []string{"", "\x00", "\xff\xfe", "'; DROP TABLE log; --", strings.Repeat("x", 1<<20)}
	for _, text := range texts {
		must(t, f.log.Notify(t.Context(), [][]byte{[]byte(text)}))
		must(t, f.history.Store(t.Context(), "'; DROP TABLE history; --", []byte(text), moment))
	}
	must(t, f.log.Seek(t.Context(), strings.Repeat("x", 255), math.MinInt64))
	must(t, f.log.Seek(t.Context(), "'; DROP TABLE subscriptions; --", math.MaxInt64))
	entries, err := collect(f.log.Entries(t.Context(), math.MinInt64, math.MaxInt64))
	if len(entries) != len(texts) || err != nil {
		t.Fatalf("%d events, %v", len(entries), err)
	}
	rows, err = collect(f.history.Query(t.Context(), "';*", history.Window{}))
	must(t, err)
	for i, text := range texts {
		if string(entries[i].Event) != text || string(rows[len(texts)-1-i].Value) != text {
			t.Errorf("%.20q came back as %.20q and %.20q", text, entries[i].Event, rows[len(texts)-1-i].Value)
		}
	}
}

// badValues is what the second of three values was made, under the name of the
// codec that is to read it: no bytes are its undoing.
var badValues = []struct {
	what  string
	value string
}{
	{"nothing", ""},
	{"another type", "\x63abc"},
	{"the beginning of a value", "\x82\x01"},
	{"a value and more", "\x81\x01\x01"},
	{"two billion elements", "\x9a\x77\x35\x94\x00"},
	{"2^63 bytes", "\x5b\x80\x00\x00\x00\x00\x00\x00\x00"},
	{"arrays in arrays", strings.Repeat("\x81", 100_000)},
}

// cborBlob says that any bytes are CBOR.
type cborBlob struct{ blob }

func (cborBlob) Name() string { return "cbor" }

// A value that does not decode says where it is. A log ends there, and a history
// goes on, as its rows do not depend on each other.
func TestBadValues(t *testing.T) {
	numbers, err := codec.Of[[]int](codec.CBOR)
	must(t, err)
	for _, bad := range badValues {
		path := filepath.Join(t.TempDir(), "it.db")
		f := openBoth(t, path)
		raw, err := sqlitelog.New(t.Context(), f.db, "cbor", sqlitelog.Config[[]byte]{Codec: cborBlob{}})
		must(t, err)
		for i, value := range []string{"\x81\x01", bad.value, "\x81\x03"} {
			must(t, raw.Notify(t.Context(), [][]byte{[]byte(value)}))
			must(t, history.Of(f.history, codec.Codec[[]byte](cborBlob{})).Store(t.Context(), "cbor", []byte(value), moment.Add(time.Duration(i)*time.Second)))
		}
		log, err := sqlitelog.New(t.Context(), f.db, "cbor", sqlitelog.Config[[]int]{Codec: numbers})
		must(t, err)
		events, err := collect(log.Feed(t.Context()))
		re, ok := errors.AsType[*sqlitelog.RecordError](err)
		if !ok || re.Offset != 2 || re.File != path || re.Log != "cbor" || errors.Is(err, sqlitelog.ErrCorrupt) || len(events) != 1 {
			t.Errorf("%s, in a log: %v, %v", bad.what, events, err)
		}
		var good int
		var wrong []error
		for _, err := range history.Of(f.history, numbers).Query(t.Context(), "cbor", history.Window{}) {
			if err == nil {
				good++
			} else {
				wrong = append(wrong, err)
			}
		}
		row, ok := errors.AsType[*history.RowError](errors.Join(wrong...))
		if !ok || row.File != path || row.Record != "cbor" || !row.At.Equal(moment.Add(time.Second)) || good != 2 || len(wrong) != 1 {
			t.Errorf("%s, in a history: %d good, %v", bad.what, good, wrong)
		}
	}
}

// badRows is what is done to the second of three rows of a log. It ends the
// replay there, with the place.
var badRows = map[string]string{
	"another value":          "UPDATE log SET value = x'00' WHERE offset = 2",
	"another key":            "UPDATE log SET key = 'other' WHERE offset = 2",
	"a value of no blob":     "UPDATE log SET value = 7 WHERE offset = 2",
	"no value":               "UPDATE log SET value = x'' WHERE offset = 2",
	"a tombstone":            "UPDATE log SET tombstone = 1 WHERE offset = 2",
	"the row of another log": "UPDATE log SET offset = 20 WHERE offset = 2; UPDATE log SET offset = 2 WHERE offset = 3",
	"another checksum":       "UPDATE log SET crc = 0 WHERE offset = 2",
}

func TestBadRows(t *testing.T) {
	for what, damage := range badRows {
		path := filepath.Join(t.TempDir(), "it.db")
		f := openBoth(t, path)
		must(t, f.log.Notify(t.Context(), [][]byte{[]byte("one"), []byte("two"), []byte("three")}))
		shell(t, path, strings.Split(damage, ";")...)
		events, err := collect(f.log.Feed(t.Context()))
		re, ok := errors.AsType[*sqlitelog.RecordError](err)
		if !ok || re.Offset != 2 || re.File != path || !errors.Is(err, sqlitelog.ErrCorrupt) || len(events) != 1 {
			t.Errorf("%s: %q, %v", what, events, err)
		}
	}
}

func logNamed(name string) func(context.Context, bothIn) error {
	return func(ctx context.Context, f bothIn) error {
		_, err := sqlitelog.New(ctx, f.db, name, sqlitelog.Config[int]{})
		return err
	}
}

func deliver(name string) func(context.Context, bothIn) error {
	return func(ctx context.Context, f bothIn) error {
		ctx, cancel := context.WithCancel(ctx)
		cancel() // a name that was accepted would be delivered for ever
		return f.log.Deliver(ctx, name, sqlitelog.Delivery{}, func(context.Context, []sqlitelog.Entry[[]byte]) error { return nil })
	}
}

// record stores a value, beside a good one of the same call.
func record(name string, value []byte, at time.Time) func(context.Context, bothIn) error {
	return func(ctx context.Context, f bothIn) error {
		return f.history.StoreAll(ctx, []history.Entry[[]byte]{{Name: "good", At: moment}, {Name: name, Value: value, At: at}})
	}
}

func ask(pattern string, w history.Window) func(context.Context, bothIn) error {
	return func(ctx context.Context, f bothIn) error { return last(f.history.Query(ctx, pattern, w)) }
}

func latest(n int) func(context.Context, bothIn) error {
	return func(ctx context.Context, f bothIn) error { return last(f.history.Latest(ctx, "*", n)) }
}

// last is the error that ends a sequence.
func last[T any](seq iter.Seq2[T, error]) error {
	_, err := collect(seq)
	return err
}
