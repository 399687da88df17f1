package load

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// Reading is what was measured at one moment.
type Reading struct {
	Time     time.Time `json:"time"`
	Load     float64   `json:"load"`              // one-minute load average over the number of cores
	Memory   float64   `json:"memory"`            // used share, 0 to 1
	Pressure float64   `json:"pressure,omitzero"` // share of time lost waiting for memory or I/O; 0 where it is not measured
}

// Check refuses a reading that cannot be one.
func (r Reading) Check() error {
	switch {
	case r.Time.IsZero():
		return errors.New("no time")
	case r.Time.UTC().Year() < 1 || r.Time.UTC().Year() > 9999:
		return fmt.Errorf("time %v is out of range", r.Time)
	case !(r.Load >= 0) || math.IsInf(r.Load, 1):
		return fmt.Errorf("load %v is out of range", r.Load)
	case !(r.Memory >= 0 && r.Memory <= 1):
		return fmt.Errorf("memory %v is not between 0 and 1", r.Memory)
	case !(r.Pressure >= 0 && r.Pressure <= 1):
		return fmt.Errorf("pressure %v is not between 0 and 1", r.Pressure)
	}
	return nil
}

// Level says how hard the computer is pressed.
type Level uint8

const (
	Normal Level = iota
	Warning
	Critical
)

var levelNames = [...]string{Normal: "Normal", Warning: "Warning", Critical: "Critical"}

func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("Level(%d)", uint8(l))
}

// MarshalText writes the level in lower case, as notices and the log have it.
func (l Level) MarshalText() ([]byte, error) {
	if int(l) >= len(levelNames) {
		return nil, fmt.Errorf("%v is no level", l)
	}
	return []byte(strings.ToLower(levelNames[l])), nil
}

// UnmarshalText reads what MarshalText writes.
func (l *Level) UnmarshalText(text []byte) error {
	for level, name := range levelNames {
		if strings.ToLower(name) == string(text) {
			*l = Level(level)
			return nil
		}
	}
	return fmt.Errorf("%q is no level", text)
}

// limit is reached when one of its values is.
type limit struct{ load, memory, pressure float64 }

// A level is entered at the first limit and left when the second is no longer
// reached. Between the two it stays, so readings that swing around a limit do
// not raise and clear with each swing.
var (
	enterAt = [...]limit{
		Warning:  {load: 0.90, memory: 0.80, pressure: 0.10},
		Critical: {load: 1.50, memory: 0.95, pressure: 0.40},
	}
	leaveBelow = [...]limit{
		Warning:  {load: 0.70, memory: 0.70, pressure: 0.05},
		Critical: {load: 1.20, memory: 0.90, pressure: 0.25},
	}
)

func (r Reading) reaches(l limit) bool {
	return r.Load >= l.load || r.Memory >= l.memory || r.Pressure >= l.pressure
}

// after is the level to which a reading leads from this one.
func (l Level) after(r Reading) Level {
	for l < Critical && r.reaches(enterAt[l+1]) {
		l++
	}
	for l > Normal && !r.reaches(leaveBelow[l]) {
		l--
	}
	return l
}
