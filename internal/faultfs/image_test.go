package faultfs_test

import (
	"testing"

	"github.com/edfsm/edfsm/internal/faultfs"
)

func TestImageOf(t *testing.T) {
	op := func(kind faultfs.Kind, offset int64, data string) faultfs.Op {
		return faultfs.Op{Kind: kind, File: "f", Offset: offset, Data: []byte(data)}
	}
	create, write, dir := op(faultfs.Create, 0, ""), op(faultfs.Write, 0, "abc"), op(faultfs.SyncDir, 0, "")
	sync, failed := op(faultfs.Sync, 0, ""), op(faultfs.SyncFailed, 0, "")
	for name, c := range map[string]struct {
		ops        []faultfs.Op
		drop, keep string // "-": there is no file
	}{
		"nothing is synced":              {[]faultfs.Op{create, write}, "-", "abc"},
		"the name is not synced":         {[]faultfs.Op{create, write, sync}, "-", "abc"},
		"the data is not synced":         {[]faultfs.Op{create, write, dir}, "", "abc"},
		"all is synced":                  {[]faultfs.Op{create, write, sync, dir}, "abc", "abc"},
		"the end is not synced":          {[]faultfs.Op{create, write, sync, dir, op(faultfs.Write, 3, "d")}, "abc", "abcd"},
		"cut off":                        {[]faultfs.Op{create, write, sync, dir, op(faultfs.Truncate, 1, "")}, "abc", "a"},
		"deleted":                        {[]faultfs.Op{create, write, sync, dir, op(faultfs.Delete, 0, "")}, "abc", "-"},
		"deleted for good":               {[]faultfs.Op{create, write, sync, dir, op(faultfs.Delete, 0, ""), dir}, "-", "-"},
		"a sync has failed":              {[]faultfs.Op{create, dir, write, failed}, "", "abc"},
		"and the next one has not":       {[]faultfs.Op{create, dir, write, failed, op(faultfs.Write, 3, "d"), sync}, "\x00\x00\x00d", "abcd"},
		"it was written anew and synced": {[]faultfs.Op{create, dir, write, failed, op(faultfs.Write, 0, "ABC"), sync}, "ABC", "ABC"},
	} {
		for seed, want := range map[uint64]string{faultfs.DropAll: c.drop, faultfs.KeepAll: c.keep} {
			data, ok := faultfs.Image(nil, c.ops, len(c.ops), seed)["f"]
			if got := string(data); ok != (want != "-") || ok && got != want {
				t.Errorf("%s, seed %d: %q, %v, want %q", name, seed, got, ok, want)
			}
		}
	}
}
