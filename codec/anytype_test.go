package codec_test

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/edfsm/edfsm/codec"
	"pgregory.net/rapid"
)

// Types that no one thought of: whatever can be made of the leaves survives in
// all formats.
func TestAnyType(t *testing.T) {
	eachFormat(t, func(t *testing.T, f codec.Bounded) {
		rapid.Check(t, func(t *rapid.T) {
			typ := genType(3).Draw(t, "type")
			v, got := reflect.New(typ), reflect.New(typ)
			fill(t, v.Elem())
			data, err := f.Append(nil, v.Interface())
			if e, ok := errors.AsType[*codec.TypeError](err); ok && strings.Contains(e.Reason, "panics") {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Decode(data, got.Interface()); err != nil {
				t.Fatalf("%s\n%q: %v", typ, data, err)
			}
			if !alike(v.Elem(), got.Elem()) {
				t.Fatalf("%#v\nas %q became\n%#v", v.Elem(), data, got.Elem())
			}
		})
	})
}

var leaves = []reflect.Type{
	reflect.TypeFor[bool](), reflect.TypeFor[string](), reflect.TypeFor[float32](), reflect.TypeFor[float64](),
	reflect.TypeFor[int](), reflect.TypeFor[int8](), reflect.TypeFor[int16](), reflect.TypeFor[int32](), reflect.TypeFor[int64](),
	reflect.TypeFor[uint](), reflect.TypeFor[uint8](), reflect.TypeFor[uint16](), reflect.TypeFor[uint32](), reflect.TypeFor[uint64](),
	reflect.TypeFor[time.Time](), reflect.TypeFor[mood](), reflect.TypeFor[netip.Addr](),
	reflect.TypeFor[renamed](), reflect.TypeFor[counted](), reflect.TypeFor[part](), reflect.TypeFor[cleared](),
}

var keys = []reflect.Type{
	reflect.TypeFor[string](), reflect.TypeFor[renamed](), reflect.TypeFor[int8](), reflect.TypeFor[int64](), reflect.TypeFor[uint16](),
	reflect.TypeFor[counted](), reflect.TypeFor[mood](), reflect.TypeFor[netip.Addr](),
}

func genType(depth int) *rapid.Generator[reflect.Type] {
	leaf := rapid.SampledFrom(leaves)
	if depth == 0 {
		return leaf
	}
	elem := genType(depth - 1)
	return rapid.Custom(func(t *rapid.T) reflect.Type {
		switch rapid.IntRange(0, 6).Draw(t, "kind") {
		case 0:
			return reflect.SliceOf(elem.Draw(t, "element"))
		case 1:
			return reflect.ArrayOf(rapid.IntRange(0, 3).Draw(t, "length"), elem.Draw(t, "element"))
		case 2:
			return reflect.MapOf(rapid.SampledFrom(keys).Draw(t, "key"), elem.Draw(t, "element"))
		case 3:
			return reflect.PointerTo(leaf.Draw(t, "target"))
		case 4, 5:
			var fields []reflect.StructField
			for i := range rapid.IntRange(0, 4).Draw(t, "fields") {
				fields = append(fields, reflect.StructField{
					Name: fmt.Sprintf("F%d", i),
					Type: elem.Draw(t, "field"),
					Tag:  rapid.SampledFrom([]reflect.StructTag{"", `json:",omitzero"`, reflect.StructTag(fmt.Sprintf(`json:"%c"`, 'z'-i))}).Draw(t, "tag"),
				})
			}
			return reflect.StructOf(fields)
		}
		return leaf.Draw(t, "leaf")
	})
}

func fill(t *rapid.T, v reflect.Value) {
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = genTime.Draw(t, "time")
		return
	case *mood:
		*x = genMood.Draw(t, "mood")
		return
	case *netip.Addr:
		*x = genAddr.Draw(t, "addr")
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.String:
		v.SetString(rapid.String().Draw(t, "string"))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(rapid.Int32().Draw(t, "float")) / 8)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "int") >> (64 - v.Type().Bits()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(rapid.Uint64().Draw(t, "uint") >> (64 - v.Type().Bits()))
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "set") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem())
		}
	case reflect.Slice:
		if rapid.Bool().Draw(t, "made") {
			n := rapid.IntRange(0, 3).Draw(t, "length")
			v.Set(reflect.MakeSlice(v.Type(), n, n))
		}
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i))
		}
	case reflect.Map:
		if !rapid.Bool().Draw(t, "made") {
			return
		}
		v.Set(reflect.MakeMap(v.Type()))
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(t, key)
			fill(t, value)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	default:
		panic(v.Type())
	}
}

// alike is reflect.DeepEqual but for times, which are compared as instants.
func alike(a, b reflect.Value) bool {
	switch x := a.Interface().(type) {
	case time.Time:
		return x.Equal(b.Interface().(time.Time))
	case netip.Addr, mood, *big.Int:
		return reflect.DeepEqual(x, b.Interface())
	}
	switch a.Kind() {
	case reflect.Interface:
		return a.Elem().Type() == b.Elem().Type() && alike(a.Elem(), b.Elem())
	case reflect.Pointer:
		return a.IsNil() == b.IsNil() && (a.IsNil() || alike(a.Elem(), b.Elem()))
	case reflect.Slice, reflect.Array:
		if a.Kind() == reflect.Slice && a.IsNil() != b.IsNil() || a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !alike(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		if a.IsNil() != b.IsNil() || a.Len() != b.Len() {
			return false
		}
		for key, value := range a.Seq2() {
			if other := b.MapIndex(key); !other.IsValid() || !alike(value, other) {
				return false
			}
		}
		return true
	case reflect.Struct:
		for i := range a.NumField() {
			if !alike(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	}
	return a.Equal(b)
}
