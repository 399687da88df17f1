// Package timeutil is what histories need of time: moments in ms, inclusive
// ranges of them, and work that is done every so often.
package timeutil
