// Package load is the machine of loadwatch: from readings of a computer it
// makes events that tell when its level of load, memory or pressure changes.
package load

import (
	"errors"
	"fmt"
	"time"

	"github.com/edfsm/edfsm/codec"
	"github.com/edfsm/edfsm/machine"
)

// State is what the log of events amounts to.
type State struct {
	Level        Level
	Since        time.Time // of the reading that led to Level; zero before the first event
	Acknowledged bool
}

func (s State) String() string {
	text := s.Level.String()
	if !s.Since.IsZero() {
		text += " since " + s.Since.Format(time.TimeOnly)
	}
	if s.Acknowledged {
		text += ", acknowledged"
	}
	return text
}

// Command is a [Sample] or an [Acknowledge].
type Command interface{ isCommand() }

// Sample brings a reading.
type Sample struct{ Reading Reading }

// Acknowledge says that somebody has seen the warning.
type Acknowledge struct{ Time time.Time }

func (Sample) isCommand()      {}
func (Acknowledge) isCommand() {}

// Event is a [Raised], a [Cleared] or an [Acknowledged]. A reading that leaves
// the level as it is leaves no event.
type Event interface{ isEvent() }

// Raised says that a reading led to a higher level.
type Raised struct {
	Level   Level   `json:"level"`
	Reading Reading `json:"reading"`
}

// Cleared says that a reading led to a lower level.
type Cleared struct {
	Level   Level   `json:"level"`
	Reading Reading `json:"reading"`
}

// Acknowledged says that somebody has seen the warning.
type Acknowledged struct {
	Time time.Time `json:"time"`
}

func (Raised) isEvent()       {}
func (Cleared) isEvent()      {}
func (Acknowledged) isEvent() {}

// Codec writes each event under its name.
func Codec() (codec.Codec[Event], error) {
	return codec.Union(codec.JSON, map[string]Event{
		"raised":       Raised{},
		"cleared":      Cleared{},
		"acknowledged": Acknowledged{},
	})
}

// Notice tells the world that the level has changed.
type Notice struct {
	Time    time.Time `json:"time"`
	Level   Level     `json:"level"`
	Reading Reading   `json:"reading"`
}

// ErrNothingToAcknowledge rejects an [Acknowledge] of no warning, or the second of one.
var ErrNothingToAcknowledge = errors.New("nothing to acknowledge")

// Watcher decides by the state and the command alone, and the state is made of
// logged events, so a restart between two readings makes no difference.
type Watcher struct{}

func (Watcher) Decide(s State, cmd Command, _ func(Notice)) ([]Event, error) {
	switch cmd := cmd.(type) {
	case Sample:
		switch level := s.Level.after(cmd.Reading); {
		case level > s.Level:
			return []Event{Raised{level, cmd.Reading}}, nil
		case level < s.Level:
			return []Event{Cleared{level, cmd.Reading}}, nil
		}
		return nil, nil
	case Acknowledge:
		if s.Level == Normal || s.Acknowledged {
			return nil, fmt.Errorf("%w: %v", ErrNothingToAcknowledge, s)
		}
		return []Event{Acknowledged(cmd)}, nil
	}
	return nil, fmt.Errorf("unknown command %T", cmd)
}

func (Watcher) Evolve(s *State, e Event) machine.Change {
	switch e := e.(type) {
	case Raised:
		*s = State{Level: e.Level, Since: e.Reading.Time}
		return machine.Transitioned
	case Cleared:
		*s = State{Level: e.Level, Since: e.Reading.Time}
		return machine.Transitioned
	case Acknowledged:
		s.Acknowledged = true
		return machine.Updated
	}
	return machine.Unchanged
}

func (Watcher) React(_ State, e Event, _ machine.Change, emit func(Notice)) {
	switch e := e.(type) {
	case Raised:
		emit(Notice{e.Reading.Time, e.Level, e.Reading})
	case Cleared:
		emit(Notice{e.Reading.Time, e.Level, e.Reading})
	}
}
