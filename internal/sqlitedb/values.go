package sqlitedb

import "zombiezen.com/go/sqlite"

// Values is copies of the values of a page of rows, which are valid until Reset.
// The zero Values is ready.
type Values struct {
	data []byte
	size int
}

// Size returns how many bytes were copied since Reset.
func (v *Values) Size() int { return v.size }

// Reset begins a new page.
func (v *Values) Reset() { v.data, v.size = v.data[:0], 0 }

// Copy returns a copy of a column. When data has to grow, earlier values keep
// the array they had before; it grows by doubling up to 1 MB.
func (v *Values) Copy(stmt *sqlite.Stmt, col int) []byte {
	start := len(v.data)
	n := stmt.ColumnBytes(col, v.data[start:cap(v.data)])
	if n == cap(v.data)-start { // there may be more
		n = stmt.ColumnLen(col)
		v.data = make([]byte, 0, max(n+1, min(2*cap(v.data), 1<<20), 4096))
		start = 0
		stmt.ColumnBytes(col, v.data[:n])
	}
	v.size += n
	v.data = v.data[:start+n]
	return v.data[start : start+n : start+n]
}
