//go:build !race

package sqlitelog_test

const lessData = 1
