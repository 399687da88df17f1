package sqlitelog

// RangeQueries returns the statements that go through a range of offsets of
// the log with a number.
func RangeQueries(number int64) []string {
	q := queriesFor(number)
	return []string{q.log.read, q.log.keys, q.log.drop, q.compacted.read, q.compacted.keys, q.compacted.drop, q.move}
}

// SetGrain makes pages of replays and slices of compactions small, and returns
// what makes them large again.
func SetGrain(page, slice int) (reset func()) {
	oldPage, oldSlice := pageRows, sliceRows
	pageRows, sliceRows = page, slice
	return func() { pageRows, sliceRows = oldPage, oldSlice }
}
