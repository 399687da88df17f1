package main

import (
	"errors"
	"fmt"
	"time"

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

// Notice tells the world that the level has changed.
type Notice struct {
	Time    time.Time `json:"time"`
	Level   Level     `json:"level"`
	Reading Reading   `json:"reading"`
}

var errNothingToAcknowledge = errors.New("nothing to acknowledge")

// watcher decides by the state and the command alone, and the state is made of
// logged events, so a restart between two readings makes no difference.
type watcher struct{}

func (watcher) Decide(s State, cmd Command, _ func(Notice)) ([]Event, error) {
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
			return nil, fmt.Errorf("%w: %v", errNothingToAcknowledge, s)
		}
		return []Event{Acknowledged(cmd)}, nil
	}
	return nil, fmt.Errorf("unknown command %T", cmd)
}

func (watcher) Evolve(s *State, e Event) machine.Change {
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

func (watcher) React(_ State, e Event, _ machine.Change, emit func(Notice)) {
	switch e := e.(type) {
	case Raised:
		emit(Notice{e.Reading.Time, e.Level, e.Reading})
	case Cleared:
		emit(Notice{e.Reading.Time, e.Level, e.Reading})
	}
}
