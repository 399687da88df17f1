//go:build unix

package crashtest

import (
	"context"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/edfsm/edfsm/internal/faultfs"
	"github.com/edfsm/edfsm/internal/race"
)

// Workload is somebody who uses a store in a folder and remembers what he was
// promised. W is the type itself.
type Workload[W any] interface {
	// Run is a day of work that begins with nothing. It goes on after an error,
	// as far as that is possible, and returns all of them. What is open stays
	// open.
	Run(ctx context.Context) error

	// GoOn is called when the device works again: what is open works, or says
	// that it must be opened again, and then closes.
	GoOn(ctx context.Context) error

	// Again opens the store that somebody else has left, compares it with what
	// was promised, uses it, and closes it. It returns how much was there.
	Again(ctx context.Context) (left int, err error)

	// Until returns somebody elsewhere who was promised what this one was
	// promised when a number of operations had been done. Anything else that was
	// ever tried, and not refused, may be there too.
	Until(moment int, at Place) W

	// Forget takes all promises back but those of order: what was promised last
	// is lost first.
	Forget()

	// Close closes what is open.
	Close() error
}

// Place is a folder.
type Place struct {
	Dir string
	Now func() int // how many operations have been done there
}

// Path is that of a file in the folder.
func (p Place) Path(name string) string { return filepath.Join(p.Dir, name) }

var (
	countFlag = flag.Int("crash.n", -1, "how many faults each driver tries; 0: every one; -1: as its test says")
	seedFlag  = flag.Uint64("crash.seed", 0, "what the drivers of faults draw at random; 0: the time")
)

// Count is how many times a test is to try something if it wants to n times: as
// often as -crash.n says, and fewer with the race detector, which makes a fault
// take ten times as long, and finds no other. 0 means every one.
func Count(n int) int {
	switch {
	case *countFlag >= 0:
		return *countFlag
	case race.Enabled:
		return max(n/50, 2)
	}
	return n
}

// SkipRace leaves out with the race detector, unless -crash.n is given, what takes
// long and has nothing for it: one process after the other, or beside it.
func SkipRace(t *testing.T) {
	t.Helper()
	if race.Enabled && *countFlag < 0 {
		t.Skip("left out with the race detector, which has nothing to see here")
	}
}

// Random returns a source of chance, and logs how to see a failure again.
func Random(t *testing.T) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("to see this again: -run '^%s$' -crash.n %d -crash.seed %d", t.Name(), *countFlag, seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// spread returns numbers from 1 through n in order: all, or as many as there are
// to be, evenly spread.
func spread(n, count int, random *rand.Rand) (numbers []int) {
	if count == 0 || count > n {
		count = n
	}
	for i := range count {
		from, to := i*n/count, (i+1)*n/count
		numbers = append(numbers, from+1+random.IntN(to-from))
	}
	return numbers
}

// watched calls run with a folder that has these files and is watched, and
// returns what was done there.
func watched(t *testing.T, files map[string][]byte, run func(f *faultfs.FS, at Place)) (ops []faultfs.Op) {
	dir := makeDir(t)
	defer os.RemoveAll(dir)
	for name, data := range files {
		must(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	f, err := faultfs.New(dir)
	must(t, err)
	defer f.Close()
	run(f, Place{dir, func() int { return len(f.Ops()) }})
	return f.Ops()
}

// makeDir makes a folder, where there is one in memory, as nothing there need last.
func makeDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "crashtest")
	if err != nil {
		dir, err = os.MkdirTemp(t.TempDir(), "")
	}
	must(t, err)
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
