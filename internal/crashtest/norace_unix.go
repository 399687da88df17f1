//go:build unix && !race

package crashtest

const (
	fewer = 1
	plans = 6
)
