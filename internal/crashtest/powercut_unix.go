//go:build unix

package crashtest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/edfsm/edfsm/internal/faultfs"
)

// Day is a day of work, and what it did to the device.
type Day[W Workload[W]] struct {
	work  W
	ops   []faultfs.Op
	awake int // how many of them before the store was closed
}

// Record lets a day pass, without a fault. It skips a test as [SkipRace] does.
func Record[W Workload[W]](t *testing.T, begin func(Place) W) Day[W] {
	SkipRace(t)
	var d Day[W]
	must(t, faultfs.Seed(1))
	d.ops = watched(t, nil, func(_ *faultfs.FS, at Place) {
		synctest.Test(t, func(t *testing.T) {
			d.work = begin(at)
			err := d.work.Run(t.Context())
			d.awake = at.Now()
			must(t, errors.Join(err, d.work.Close()))
		})
	})
	must(t, faultfs.Seed(0))
	return d
}

// Repeats returns an error if two days differ by a byte. They do not if nothing
// is done at the same time, and then a power cut can be seen again.
func Repeats[W Workload[W]](t *testing.T, begin func(Place) W) error {
	a, b := Record(t, begin), Record(t, begin)
	for i := range max(len(a.ops), len(b.ops)) {
		if i >= len(a.ops) || i >= len(b.ops) || !reflect.DeepEqual(a.ops[i], b.ops[i]) {
			return fmt.Errorf("operation %d of %d and %d is another", i, len(a.ops), len(b.ops))
		}
	}
	return nil
}

// Unsynced is the day on a device that does not sync, as with synchronous=OFF.
func (d Day[W]) Unsynced() Day[W] {
	d.ops = slices.Clone(d.ops)
	for i := range d.ops {
		if d.ops[i].Kind == faultfs.Sync {
			d.ops[i].Kind = faultfs.Read
		}
	}
	return d
}

// cut is a power cut.
type cut struct {
	after int        // so many operations
	next  faultfs.Op // which is no longer done
	seed  uint64     // of what is left
}

func (c cut) String() string {
	return fmt.Sprintf("power cut after %d operations, before %v, with seed %d", c.after, c.next, c.seed)
}

// cuts is power cuts after n of the operations, each with four seeds.
func (d Day[W]) cuts(n int, random *rand.Rand) (all []cut) {
	for _, after := range spread(len(d.ops)-1, n, random) {
		for _, seed := range []uint64{faultfs.DropAll, faultfs.KeepAll, drawn(random), drawn(random)} {
			all = append(all, cut{after, d.ops[after], seed})
		}
	}
	return all
}

func drawn(random *rand.Rand) uint64 { return faultfs.Drawn + random.Uint64N(math.MaxInt64) }

// PowerCuts cuts the power after n operations of a day, each time with four seeds
// of what is left of the writes that were not synced.
func PowerCuts[W Workload[W]](t *testing.T, n int, d Day[W]) (errs []error) {
	cuts := d.cuts(n, Random(t))
	left := make([]int, len(cuts))
	errs = each(t, len(cuts), func(t *testing.T, i int) (err error) {
		cut := cuts[i]
		_, left[i], err = wakeUp(t, d.work, cut.after, faultfs.Image(nil, d.ops, cut.after, cut.seed))
		if err != nil {
			return fmt.Errorf("%v: %w", cut, err)
		}
		return nil
	})
	t.Logf("%d images of %d operations; up to %d were left", len(cuts), len(d.ops), slices.Max(left))
	return errs
}

// PowerCutsAgain cuts the power after n operations of a day, and again in the
// recovery from that, or right after.
func PowerCutsAgain[W Workload[W]](t *testing.T, n int, d Day[W]) (errs []error) {
	random := Random(t)
	tried := spread(len(d.ops)-1, n, random)
	seed := random.Uint64()
	t.Logf("%d of %d operations", len(tried), len(d.ops))
	return each(t, len(tried), func(t *testing.T, i int) error {
		return d.cutTwice(t, tried[i], rand.New(rand.NewPCG(seed, uint64(i))))
	})
}

func (d Day[W]) cutTwice(t *testing.T, after int, random *rand.Rand) error {
	first := cut{after, d.ops[after], drawn(random)}
	files := faultfs.Image(nil, d.ops, first.after, first.seed)
	woken, _, err := wakeUp(t, d.work, first.after, files)
	if err != nil {
		return fmt.Errorf("%v: %w", first, err)
	}
	n, seed := random.IntN(len(woken.ops)+1), drawn(random)
	if _, _, err := wakeUp(t, woken.work, n, faultfs.Image(files, woken.ops, n, seed)); err != nil {
		return fmt.Errorf("%v, and again after %d of %d, with seed %d: %w", first, n, len(woken.ops), seed, err)
	}
	return nil
}

// FailedSyncs lets n syncs fail. There the process is killed, the next one goes
// on, and the power fails after its last commit. What the
// failed sync has left may never get to the disk, so that nothing may be kept
// behind it. It skips a test as [SkipRace] does.
func FailedSyncs[W Workload[W]](t *testing.T, n int, begin func(Place) W) (errs []error) {
	SkipRace(t)
	random := Random(t)
	syncs, _, err := fault(t, faultfs.Plan{Fault: faultfs.NoSync, At: math.MaxInt}, begin)
	must(t, err)
	tried := spread(syncs, n, random)
	var failed atomic.Int64
	errs = each(t, len(tried), func(t *testing.T, i int) error {
		work, ops := untilFailedSync(t, tried[i], begin)
		if ops == nil {
			return nil
		}
		failed.Add(1)
		next, _, err := wakeUp(t, work, len(ops)-1, faultfs.Image(nil, ops, len(ops), faultfs.KeepAll))
		if err == nil {
			all := append(ops, next.ops...)
			_, _, err = wakeUp(t, next.work, math.MaxInt, faultfs.Image(nil, all, lastCommit(all, len(ops)), faultfs.DropAll))
		}
		if err != nil {
			return fmt.Errorf("sync %d failed: %w", tried[i], err)
		}
		return nil
	})
	t.Logf("%d of %d syncs have failed", failed.Load(), syncs)
	if failed.Load() == 0 {
		errs = append(errs, errors.New("no sync has failed"))
	}
	return errs
}

// untilFailedSync returns what was done until a sync failed, or nil.
func untilFailedSync[W Workload[W]](t *testing.T, at int, begin func(Place) W) (work W, ops []faultfs.Op) {
	ops = watched(t, nil, func(f *faultfs.FS, place Place) {
		synctest.Test(t, func(t *testing.T) {
			work = begin(place)
			f.Inject(faultfs.Plan{Fault: faultfs.NoSync, At: at})
			work.Run(t.Context())
			f.Heal()
			work.Close()
		})
	})
	failed := slices.IndexFunc(ops, func(op faultfs.Op) bool { return op.Kind == faultfs.SyncFailed })
	if failed < 0 {
		return work, nil
	}
	return work, slices.Clip(ops[:failed+1])
}

// lastCommit returns how many operations there were when a WAL was last synced.
func lastCommit(ops []faultfs.Op, from int) (end int) {
	for i := from; i < len(ops); i++ {
		if ops[i].Kind == faultfs.Sync && strings.HasSuffix(ops[i].File, "-wal") {
			end = i + 1
		}
	}
	return max(end, from)
}
