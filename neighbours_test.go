package edfsm_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edfsm/edfsm/history"
	"github.com/edfsm/edfsm/sqlitelog"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// The test binary is also the other process that has a file open.
func TestMain(m *testing.M) {
	if path := os.Getenv("EDFSM_TEST_HOLD"); path != "" {
		if err := hold(path, os.Getenv("EDFSM_TEST_STATEMENTS")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// hold runs statements as the sqlite3 shell would, says so, and keeps what they
// have begun until its standard input ends.
func hold(path, statements string) error {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	for s := range strings.SplitSeq(statements, ";") {
		if err := sqlitex.ExecuteTransient(conn, s, nil); err != nil {
			return err
		}
	}
	fmt.Println("held")
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, sqlitex.ExecuteTransient(conn, "ROLLBACK", nil), conn.Close())
}

// elsewhere lets another process hold a file, until it is released.
func elsewhere(t *testing.T, path, statements string) (release func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "EDFSM_TEST_HOLD="+path, "EDFSM_TEST_STATEMENTS="+statements)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	release = sync.OnceFunc(func() {
		must(t, in.Close())
		must(t, cmd.Wait())
	})
	t.Cleanup(release)
	if !bufio.NewScanner(out).Scan() {
		t.Fatal("the other process has ended")
	}
	return release
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// kept is a log or a history of texts.
type kept struct {
	store func(ctx context.Context, text string) error
	all   func() ([]string, error) // as they were stored
	close func() error
}

// keepers open a file to keep texts in, each in its way.
var keepers = map[string]func(path string, opts sqlitelog.Options) (kept, error){"log": keepLog, "history": keepHistory}

func keepLog(path string, opts sqlitelog.Options) (kept, error) {
	log, err := sqlitelog.Open(context.Background(), path, sqlitelog.Config[string]{File: opts})
	return kept{
		store: func(ctx context.Context, text string) error { return log.Notify(ctx, []string{text}) },
		all:   func() ([]string, error) { return collect(log.Feed(context.Background())) },
		close: func() error { return log.Close() },
	}, err
}

func keepHistory(path string, opts sqlitelog.Options) (kept, error) {
	h, err := history.Open(context.Background(), path, history.Config{File: opts})
	moment := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return kept{
		store: func(ctx context.Context, text string) error { return h.Store(ctx, "text", []byte(text), moment) },
		all: func() (all []string, err error) {
			rows, err := collect(h.Query(context.Background(), "text", history.Window{}))
			for _, r := range slices.Backward(rows) {
				all = append(all, string(r.Value))
			}
			return all, err
		},
		close: func() error { return h.Close() },
	}, err
}

// collect returns the items before the first error.
func collect[T any](seq iter.Seq2[T, error]) (all []T, err error) {
	for v, err := range seq {
		if err != nil {
			return all, err
		}
		all = append(all, v)
	}
	return all, nil
}

// forKeepers runs a test for a log and for a history.
func forKeepers(t *testing.T, test func(t *testing.T, open func(path string, opts sqlitelog.Options) kept)) {
	for what, keep := range keepers {
		t.Run(what, func(t *testing.T) {
			test(t, func(path string, opts sqlitelog.Options) kept {
				t.Helper()
				k, err := keep(path, opts)
				must(t, err)
				t.Cleanup(func() { k.close() })
				return k
			})
		})
	}
}

// Somebody who holds the write lock for a while, such as a person in the sqlite3
// shell, is waited for, as long as the caller likes.
func TestLockHeldElsewhere(t *testing.T) {
	forKeepers(t, func(t *testing.T, open func(string, sqlitelog.Options) kept) {
		path := filepath.Join(t.TempDir(), "it.db")
		k := open(path, sqlitelog.Options{})
		must(t, k.store(t.Context(), "before"))
		release := elsewhere(t, path, "BEGIN IMMEDIATE")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := k.store(ctx, "who leaves"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("beside the lock: %v", err)
		}
		waits := make(chan error)
		go func() { waits <- k.store(t.Context(), "who waits") }()
		if got, err := k.all(); err != nil || !slices.Equal(got, []string{"before"}) {
			t.Errorf("read beside the lock: %q, %v", got, err)
		}
		release()
		must(t, <-waits)
		if got, err := k.all(); err != nil || !slices.Equal(got, []string{"before", "who waits"}) {
			t.Errorf("in the end: %q, %v", got, err)
		}
	})
}

// A reader that does not end holds up no append. The WAL grows meanwhile, which is
// reported, and no longer once he has gone.
func TestEndlessReader(t *testing.T) {
	forKeepers(t, func(t *testing.T, open func(string, sqlitelog.Options) kept) {
		path := filepath.Join(t.TempDir(), "it.db")
		var told bytes.Buffer
		k := open(path, sqlitelog.Options{Logger: slog.New(slog.NewTextHandler(&told, nil)), Durability: sqlitelog.Normal})
		big := strings.Repeat("x", 250_000)
		must(t, k.store(t.Context(), big))
		release := elsewhere(t, path, "BEGIN; SELECT * FROM sqlite_schema")
		for range 40 {
			must(t, k.store(t.Context(), big))
		}
		const most = 8_192_000
		if n := walSize(t, path); n <= most {
			t.Errorf("the WAL has %d bytes: the reader did not hold it up", n)
		}
		if !strings.Contains(told.String(), "checkpoint late") || !strings.Contains(told.String(), path) {
			t.Errorf("reported was %q", told.String())
		}
		release()
		for stored := 0; walSize(t, path) > most; stored++ {
			if stored == 100 {
				t.Fatalf("without the reader the WAL has %d bytes", walSize(t, path))
			}
			must(t, k.store(t.Context(), big))
		}
	})
}

// walSize looks at a WAL without opening it.
func walSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path + "-wal")
	must(t, err)
	return info.Size()
}
