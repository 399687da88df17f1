package natslog

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// subjects is where the records of one log are in its stream.
type subjects struct {
	events   string // the events, and the openings of the log among them
	snapshot string // the parts of the newest snapshot
	state    string // a wildcard: the mark and all positions
	mark     string // how far the log was compacted
}

func subjectsOf(stream, log string) subjects {
	root := stream + "." + token(log)
	return subjects{
		events:   root + ".events",
		snapshot: root + ".snapshot",
		state:    root + ".state.>",
		mark:     root + ".state.mark",
	}
}

// position is where the position of a subscription is.
func (s subjects) position(name string) string {
	return strings.TrimSuffix(s.state, ">") + "position." + token(name)
}

// token makes one token of a subject of any name, without wildcards. Different
// names make different tokens.
func token(name string) string { return strings.ReplaceAll(url.QueryEscape(name), ".", "%2E") }

// checkName refuses the names that sqlitelog refuses, so that a log can move.
func checkName(of, name string) error {
	if name == "" || len(name) > 255 || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return fmt.Errorf("%q is no name for %s: 1 to 255 bytes of UTF-8 without NUL", name, of)
	}
	return nil
}

var streamName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// checkStream refuses names that cannot begin a subject.
func checkStream(name string) error {
	if !streamName.MatchString(name) {
		return fmt.Errorf("%q is no name for a stream: 1 to 64 letters, digits, - and _", name)
	}
	return nil
}
