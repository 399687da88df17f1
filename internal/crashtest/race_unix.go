//go:build unix && race

package crashtest

const (
	fewer = 50
	plans = 2
)
