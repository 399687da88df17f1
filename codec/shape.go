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
	max    uint64       // of integers: the largest
	below  uint64       // of integers: how many are negative
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
var scalar = new(shape)

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

// admits compares a token with the shape that is expected. It lets through
// what only the library can judge.
func (s *shape) admits(t token) error {
	if s == nil || t.kind == null || t.kind == tag {
		return nil
	}
	fits := true
	switch s.kind {
	case reflect.Int64, reflect.Uint64:
		if t.kind == integer && t.n > s.max || t.kind == negative && t.n >= s.below {
			return errRange
		}
		fits = t.kind.number() || t.kind == other
	case reflect.Bool:
		fits = t.kind == boolean || t.kind == other
	case reflect.Float64:
		fits = t.kind.number() || t.kind == other
	case reflect.String:
		fits = t.kind == text || t.kind == blob || t.kind == other
	case reflect.Slice:
		fits = t.kind == array || (t.kind == text || t.kind == blob) && s.elem.mayBeByte()
	case reflect.Map, reflect.Struct:
		fits = t.kind == dict
	}
	if !fits {
		return fmt.Errorf("%s in place of %s", t.kind, s.kind)
	}
	return nil
}

// mayBeByte says that slices of s may be written as bytes or text.
func (s *shape) mayBeByte() bool {
	return s == nil || s == scalar || s.max == math.MaxUint8
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
