// Package race tells a test that it runs with the race detector, which makes
// everything some ten times as slow and finds what it finds in a part of the work.
// Only tests import it.
package race
