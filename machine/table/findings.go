package table

import (
	"errors"
	"fmt"
	"strings"
)

// What Build finds. Ask with [errors.Is], of one [Finding] or of all.
var (
	// ErrUndeclared: a row names a state, command or event that New was not
	// given, or has a nil for a function. Also the error of a command that
	// yields an event which its row does not declare.
	ErrUndeclared = errors.New("table: not declared")

	// ErrAmbiguous: there are two rows for one state and command or event, or
	// two states that cannot be told apart.
	ErrAmbiguous = errors.New("table: ambiguous")

	// ErrUnreachable: no sequence of events leads to the state, or the row or
	// action can never have its turn.
	ErrUnreachable = errors.New("table: unreachable")

	// ErrDeadEnd: no row leads from the state to another, and it is not
	// terminal.
	ErrDeadEnd = errors.New("table: no way out")

	// ErrUnhandled: a command is in a state neither handled, ignored nor
	// refused, or an event is taken by no state.
	ErrUnhandled = errors.New("table: not handled")
)

// Finding is one thing that is wrong with a table. Of State, Command and Event
// those are set that it is about.
type Finding struct {
	Err     error // one of the errors above
	State   string
	Command string
	Event   string
	Detail  string // what is wrong
}

func (f Finding) Error() string {
	var about []string
	for _, name := range []string{f.State, f.Command, f.Event} {
		if name != "" {
			about = append(about, name)
		}
	}
	if len(about) == 0 {
		return f.Detail
	}
	return strings.Join(about, ", ") + ": " + f.Detail
}

// Unwrap returns Err.
func (f Finding) Unwrap() error { return f.Err }

// Findings is the error of [Table.Build], with all that is wrong.
type Findings []Finding

func (fs Findings) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = "\n\t" + f.Error()
	}
	return fmt.Sprintf("table: wrong in %d ways:%s", len(fs), strings.Join(lines, ""))
}

// Unwrap returns each finding as an error.
func (fs Findings) Unwrap() []error {
	errs := make([]error, len(fs))
	for i, f := range fs {
		errs[i] = f
	}
	return errs
}
