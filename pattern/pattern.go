// Package pattern matches names against patterns in which * stands for any run
// of characters. All else stands for itself: ?, %, _, [ and \ too.
//
// Any pattern takes time and memory in proportion to its length and that of the
// name.
package pattern

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxLen is the most bytes that a pattern may have.
const MaxLen = 1024

// ErrInvalid: a pattern has more than [MaxLen] bytes, a NUL, or is not UTF-8.
var ErrInvalid = errors.New("invalid pattern")

// Pattern is what a pattern's text was compiled to. The zero Pattern matches the
// empty name only. It may be used concurrently.
type Pattern struct {
	text   string
	prefix string // what comes before the first *
	open   bool   // there is a *

	inner  []string // what comes between two *, unless it is empty
	suffix string   // what comes after the last *
}

// Compile returns an error that wraps [ErrInvalid] if text cannot be a pattern.
func Compile(text string) (Pattern, error) {
	switch {
	case len(text) > MaxLen:
		return Pattern{}, fmt.Errorf("%w: it has %d bytes, more than %d", ErrInvalid, len(text), MaxLen)
	case !utf8.ValidString(text):
		return Pattern{}, fmt.Errorf("%w %q: it is not UTF-8", ErrInvalid, text)
	case strings.ContainsRune(text, 0):
		return Pattern{}, fmt.Errorf("%w %q: it has a NUL", ErrInvalid, text)
	}
	p := Pattern{text: text}
	p.prefix, text, p.open = strings.Cut(text, "*")
	for {
		inner, rest, more := strings.Cut(text, "*")
		if !more {
			p.suffix = inner
			return p, nil
		}
		if inner != "" {
			p.inner = append(p.inner, inner)
		}
		text = rest
	}
}

// String returns the text that the pattern was compiled from.
func (p Pattern) String() string { return p.text }

// Literals returns how many bytes of the pattern stand for themselves: the more
// there are, the more the pattern says.
func (p Pattern) Literals() int { return len(p.text) - strings.Count(p.text, "*") }

// Match reports whether the pattern stands for the whole name. Upper and lower
// case differ.
//
// Between the first and the last * it is enough to find each part where it comes
// first, as a later place leaves less to those that follow; so nothing is ever
// tried twice. (Russ Cox, "Glob Matching Can Be Simple And Fast Too".)
func (p Pattern) Match(name string) bool {
	if !p.open {
		return name == p.prefix
	}
	name, ok := strings.CutPrefix(name, p.prefix)
	if !ok {
		return false
	}
	if name, ok = strings.CutSuffix(name, p.suffix); !ok {
		return false
	}
	for _, part := range p.inner {
		if _, name, ok = strings.Cut(name, part); !ok {
			return false
		}
	}
	return true
}

// Range returns bounds, as bytes compare, of the names without NUL that match:
// first <= name, and name < end unless bounded is false.
func (p Pattern) Range() (first, end string, bounded bool) {
	if !p.open {
		return p.prefix, p.prefix + "\x00", true
	}
	end, bounded = after(p.prefix)
	return p.prefix, end, bounded
}

// after returns the least text that is greater than all that start with prefix,
// and false if there is none. UTF-8 is ordered as its characters are.
func after(prefix string) (string, bool) {
	for prefix != "" {
		r, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
		if next := r + 1; next <= utf8.MaxRune {
			if !utf8.ValidRune(next) { // surrogates
				next = 0xE000
			}
			return prefix + string(next), true
		}
	}
	return "", false
}

// Glob returns the pattern for SQLite's operator GLOB. It is for programs that
// ask a database with statements of their own, such as one on the view
// record_history of package history; the packages here use Range and Match.
//
// It matches the same names as Match, as far as they are UTF-8 without NUL.
// SQLite uses no index for it, so it goes with a comparison with Range; and
// hostile patterns take it time in proportion to the product of both lengths.
// (Old versions of SQLite take U+FFFE and U+FFFF for U+FFFD.)
func (p Pattern) Glob() string {
	var b strings.Builder
	glob(&b, p.prefix)
	if p.open {
		b.WriteByte('*')
		for _, part := range p.inner {
			glob(&b, part)
			b.WriteByte('*')
		}
		glob(&b, p.suffix)
	}
	return b.String()
}

var globEscapes = strings.NewReplacer("?", "[?]", "[", "[[]")

func glob(b *strings.Builder, literal string) { b.WriteString(globEscapes.Replace(literal)) }
