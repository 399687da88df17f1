package codec

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
)

// shape is what of a type shows in its encoding. It serves two ends: building
// it finds what the format cannot carry, and a walker compares bytes with it.
// A nil shape stands for anything at all.
type shape struct {
	kind   reflect.Kind // Int64 for all signed, Uint64 for all unsigned, Float64 for both
	kinds  kinds        // what its first token may be
	max    uint64       // the largest integer that fits
	below  uint64       // how many negative integers fit
	elem   *shape       // of Slice (also arrays) and Map
	key    *shape       // of Map
	fields []field      // of Struct, as they are written
	byName map[string]int
}

type field struct {
	name    string
	encoded []byte // the name as key of a map
	shape   *shape
}

// scalar is the shape of what is written as text or the like, by its own code.
var scalar = newShape(reflect.Invalid)

func newShape(kind reflect.Kind) *shape {
	s := &shape{kind: kind, max: math.MaxUint64, below: math.MaxUint64}
	s.kinds = s.accepted()
	return s
}

// unbounded is the nesting of what may contain itself, or anything.
const unbounded = math.MaxInt

// nesting is how many arrays and maps a value may have inside each other.
func (s *shape) nesting(known map[*shape]int) int {
	if s == nil || s.kind == reflect.Interface {
		return unbounded
	}
	if n, ok := known[s]; ok {
		return n
	}
	known[s] = unbounded // as long as it may contain itself
	inner, n := 0, 0
	for _, f := range s.fields {
		inner = max(inner, f.shape.nesting(known))
	}
	if s.kind == reflect.Slice || s.kind == reflect.Map {
		inner = s.elem.nesting(known)
	}
	switch s.kind {
	case reflect.Slice, reflect.Map, reflect.Struct:
		n = min(inner, unbounded-1) + 1
	}
	known[s] = n
	return n
}

// kinds is a set of kinds of tokens.
type kinds uint16

func kindsOf(list ...tokenKind) (k kinds) {
	for _, kind := range list {
		k |= 1 << kind
	}
	return k | 1<<null | 1<<tag // which every value may be
}

// accepted are the tokens that a value of shape s may start with, and that the
// library has to judge.
func (s *shape) accepted() kinds {
	switch s.kind {
	case reflect.Bool:
		return kindsOf(boolean, other)
	case reflect.Int64, reflect.Uint64, reflect.Float64:
		return kindsOf(integer, negative, fraction, other)
	case reflect.String:
		return kindsOf(text, blob, other)
	case reflect.Slice:
		if s.elem.mayBeByte() {
			return kindsOf(array, text, blob)
		}
		return kindsOf(array)
	case reflect.Map, reflect.Struct:
		return kindsOf(dict)
	}
	return 1<<16 - 1
}

// admits compares a token with the shape that is expected. It is small enough
// to be inlined; refusal says why not.
func (s *shape) admits(t token) bool {
	return s == nil || s.kinds>>t.kind&1 != 0 && (t.kind != integer || t.n <= s.max) && (t.kind != negative || t.n < s.below)
}

func (s *shape) refusal(t token) error {
	if s.kinds>>t.kind&1 != 0 {
		return errRange
	}
	return fmt.Errorf("%s in place of %s", t.kind, s.kind)
}

// mayBeByte says that slices of s may be written as bytes or text.
func (s *shape) mayBeByte() bool {
	return s == nil || s.kind == reflect.Invalid || s.kind == reflect.Uint64 && s.max == math.MaxUint8
}

// field returns the number of the field that is written as name, or -1.
func (s *shape) field(name []byte, fold bool) int {
	if i, ok := s.byName[string(name)]; ok {
		return i
	}
	if fold {
		return slices.IndexFunc(s.fields, func(f field) bool { return strings.EqualFold(f.name, string(name)) })
	}
	return -1
}
