package machinetest

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// text is what v holds, all of it: unexported fields too, and what pointers
// lead to. Two values with the same text are taken for equal. Fields that hold
// nothing are left out, and an empty map or slice is nothing, as nil is. Of
// functions and channels it tells only whether there is one.
func text[T any](v T) string {
	var w textWriter
	w.write(reflect.ValueOf(&v).Elem())
	return w.String()
}

func texts[T any](values []T) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = text(v)
	}
	return all
}

type textWriter struct {
	buf  []byte
	path []reflect.Value // the pointers and maps that lead here
}

func (w *textWriter) String() string { return string(w.buf) }

func (w *textWriter) add(s string) { w.buf = append(w.buf, s...) }

var (
	timeType = reflect.TypeFor[time.Time]()
	stringer = reflect.TypeFor[fmt.Stringer]()
)

// write reports whether v holds nothing.
func (w *textWriter) write(v reflect.Value) (nothing bool) {
	switch v.Kind() {
	case reflect.Struct:
		return w.writeStruct(v)
	case reflect.Slice, reflect.Array:
		return w.writeList(v)
	case reflect.Map:
		return w.writeMap(v)
	case reflect.Pointer:
		if v.IsNil() {
			break
		}
		w.add("&")
		w.within(v, func() { w.write(v.Elem()) })
		return false
	case reflect.Interface:
		if v.IsNil() {
			break
		}
		w.add(v.Elem().Type().String())
		if k := v.Elem().Kind(); k == reflect.Struct || k == reflect.Pointer {
			w.write(v.Elem())
			return false
		}
		w.add("(")
		w.write(v.Elem())
		w.add(")")
		return false
	case reflect.String:
		w.buf = strconv.AppendQuote(w.buf, v.String())
		return v.Len() == 0
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		if v.IsNil() {
			break
		}
		w.add(v.Kind().String())
		return false
	default:
		return w.writeNumber(v)
	}
	w.add("nil")
	return true
}

func (w *textWriter) writeNumber(v reflect.Value) (nothing bool) {
	raw := fmt.Sprint(plain(v))
	if v.Type().Implements(stringer) {
		w.add(fmt.Sprintf("%v(%s)", v.Interface(), raw))
	} else {
		w.add(raw)
	}
	return raw == "0" || raw == "false" || raw == "(0+0i)"
}

// plain takes the methods from a number.
func plain(v reflect.Value) any {
	switch {
	case v.CanInt():
		return v.Int()
	case v.CanUint():
		return v.Uint()
	case v.CanFloat():
		return v.Float()
	case v.CanComplex():
		return v.Complex()
	}
	return v.Bool()
}

func (w *textWriter) writeStruct(v reflect.Value) (nothing bool) {
	if v.Type() == timeType {
		t := v.Interface().(time.Time)
		w.add(t.Format(time.RFC3339Nano))
		return t.IsZero()
	}
	if !v.CanAddr() {
		addressable := reflect.New(v.Type()).Elem()
		addressable.Set(v)
		v = addressable
	}
	w.add("{")
	nothing = true
	for i := range v.NumField() {
		before := len(w.buf)
		if !nothing {
			w.add(", ")
		}
		w.add(v.Type().Field(i).Name + ": ")
		if w.write(readable(v.Field(i))) {
			w.buf = w.buf[:before]
		} else {
			nothing = false
		}
	}
	w.add("}")
	return nothing
}

// readable makes an unexported field of an addressable struct readable.
func readable(field reflect.Value) reflect.Value {
	return reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem()
}

func (w *textWriter) writeList(v reflect.Value) (nothing bool) {
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
		w.buf = strconv.AppendQuote(w.buf, string(v.Bytes()))
		return v.Len() == 0
	}
	nothing = v.Kind() == reflect.Array || v.Len() == 0
	w.add("[")
	for i := range v.Len() {
		if i > 0 {
			w.add(", ")
		}
		zero := w.write(v.Index(i))
		nothing = nothing && zero
	}
	w.add("]")
	return nothing
}

func (w *textWriter) writeMap(v reflect.Value) (nothing bool) {
	w.within(v, func() {
		var pairs []string
		for key, value := range v.Seq2() {
			pair := textWriter{path: w.path}
			pair.write(key)
			pair.add(": ")
			pair.write(value)
			pairs = append(pairs, pair.String())
		}
		slices.Sort(pairs)
		w.add("map[" + strings.Join(pairs, ", ") + "]")
	})
	return v.Len() == 0
}

// within calls f unless v is inside itself.
func (w *textWriter) within(v reflect.Value, f func()) {
	if slices.ContainsFunc(w.path, func(p reflect.Value) bool {
		return p.Type() == v.Type() && p.UnsafePointer() == v.UnsafePointer()
	}) {
		w.add("itself")
		return
	}
	w.path = append(w.path, v)
	f()
	w.path = w.path[:len(w.path)-1]
}

const (
	long = 240 // bytes of a state's text that are shown
	lead = 40  // bytes of them before a difference
)

// shorten cuts a long text.
func shorten(s string) string {
	if len(s) <= long {
		return s
	}
	return fmt.Sprintf("%s ... (%d bytes more)", s[:long], len(s)-long)
}

// contrast cuts off what two long texts begin with and have in common.
func contrast(a, b string) (string, string) {
	if max(len(a), len(b)) <= long {
		return a, b
	}
	same := 0
	for same < min(len(a), len(b)) && a[same] == b[same] {
		same++
	}
	if same <= lead {
		return shorten(a), shorten(b)
	}
	cut := same - lead
	return "... " + shorten(a[cut:]), "... " + shorten(b[cut:])
}
