//go:build race

package table_test

// The race detector makes pools drop items, those of fmt too.
func init() { poolsDrop = true }
