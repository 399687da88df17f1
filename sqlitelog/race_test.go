//go:build race

package sqlitelog_test

import "flag"

// The race detector makes everything ten times as slow, and what it finds it
// finds in a part of the work: less data where its amount is not what is tested,
// and fewer checks of each model, unless -rapid.checks says how many.
const lessData = 4

func init() {
	if err := flag.Set("rapid.checks", "12"); err != nil {
		panic(err)
	}
}
