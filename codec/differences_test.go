package codec_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/edfsm/edfsm/codec"
)

// The table of differences in the package documentation, in its order.
func TestDifferences(t *testing.T) {
	zone := time.FixedZone("", 67*60) // which no machine is in
	noon := time.Date(2026, 3, 1, 12, 0, 0, 123456789, zone)
	for _, row := range []struct {
		what string
		do   func(codec.Format) string
		want [3]string // in JSON, CBOR, msgpack
	}{
		{"text that is not UTF-8", becomes[string]("a\xff"), [3]string{"refused", `"a\xff"`, `"a\xff"`}},
		{"zone", func(f codec.Format) string {
			_, offset := afterwards(f, noon).Zone()
			return fmt.Sprint(offset == 67*60)
		}, [3]string{"true", "false", "false"}},
		{"instant", func(f codec.Format) string { return fmt.Sprint(afterwards(f, noon).Equal(noon)) }, [3]string{"true", "true", "true"}},
		{"zone of seconds", func(f codec.Format) string {
			odd := noon.In(time.FixedZone("", 3601))
			return afterwards(f, odd).Sub(odd).String()
		}, [3]string{"1s", "0s", "0s"}},
		{"year 10000", func(f codec.Format) string {
			if _, err := must(codec.Of[time.Time](f)).Append(nil, noon.AddDate(8000, 0, 0)); err != nil {
				return "refused"
			}
			return "carried"
		}, [3]string{"refused", "refused", "carried"}},
		{"integer in any", becomes[any](300), [3]string{"300", "0x12c", "0x12c"}},
		{"its type", kind(300), [3]string{"float64", "uint64", "uint16"}},
		{"negative", kind(-1), [3]string{"float64", "int64", "int8"}},
		{"bytes in any", kind([]byte{1}), [3]string{"string", "[]uint8", "[]uint8"}},
		{"time in any", kind(noon), [3]string{"string", "time.Time", "time.Time"}},
		{"nil slice", becomes([]int(nil)), [3]string{"[]int(nil)", "[]int(nil)", "[]int(nil)"}},
		{"empty slice", becomes([]int{}), [3]string{"[]int{}", "[]int{}", "[]int{}"}},
		{"empty map", becomes(map[string]int{}), [3]string{"map[string]int{}", "map[string]int{}", "map[string]int{}"}},
		{"pointer to nil", func(f codec.Format) string {
			return fmt.Sprint(afterwards(f, new([]int)) == nil)
		}, [3]string{"true", "true", "true"}},
		{"nil embedded pointer", func(f codec.Format) string {
			return fmt.Sprint(afterwards(f, struct{ *Origin }{}).Origin == nil)
		}, [3]string{"true", "true", "false"}},
		{"omitzero", func(f codec.Format) string {
			v := struct {
				N int `json:"sentinel,omitzero"`
			}{}
			return fmt.Sprint(len(encoded(f, v)) < 8)
		}, [3]string{"true", "true", "false"}},
		{"longer array", func(f codec.Format) string { return read[[1]int](f, encoded(f, []int{1, 2})) }, [3]string{"[1]int{1}", "[1]int{1}", "refused"}},
		{"shorter array", func(f codec.Format) string { return read[[2]int](f, encoded(f, []int{1})) }, [3]string{"[2]int{1, 0}", "[2]int{1, 0}", "[2]int{1, 0}"}},
		{"name in another case", func(f codec.Format) string {
			return read[struct{ N int }](f, encoded(f, map[string]int{"n": 1}))
		}, [3]string{"struct { N int }{N:1}", "struct { N int }{N:0}", "struct { N int }{N:0}"}},
		{"unknown name", func(f codec.Format) string { return read[struct{}](f, encoded(f, map[string]int{"n": 1})) }, [3]string{"struct {}{}", "struct {}{}", "struct {}{}"}},
		{"null for a number", func(f codec.Format) string { return read[int](f, encoded(f, (*int)(nil))) }, [3]string{"0", "0", "0"}},
		{"integer for a float", func(f codec.Format) string { return read[float64](f, encoded(f, 3)) }, [3]string{"3", "3", "3"}},
		{"float for an integer", func(f codec.Format) string { return read[int](f, encoded(f, 3.5)) }, [3]string{"refused", "refused", "refused"}},
	} {
		for i, f := range formats {
			if got := row.do(f); got != row.want[i] {
				t.Errorf("%s: %s: %s, want %s", row.what, f.Name(), got, row.want[i])
			}
		}
	}
}

func encoded[T any](f codec.Format, v T) []byte {
	data, err := must(codec.Of[T](f)).Append(nil, v)
	if err != nil {
		panic(err)
	}
	return data
}

func afterwards[T any](f codec.Format, v T) (got T) {
	if err := must(codec.Of[T](f)).Decode(encoded(f, v), &got); err != nil {
		panic(err)
	}
	return got
}

func read[T any](f codec.Format, data []byte) string {
	var v T
	if err := must(codec.Of[T](f)).Decode(data, &v); err != nil {
		return "refused"
	}
	return fmt.Sprintf("%#v", v)
}

func becomes[T any](v T) func(codec.Format) string {
	return func(f codec.Format) string {
		data, err := must(codec.Of[T](f)).Append(nil, v)
		if err != nil {
			return "refused"
		}
		return read[T](f, data)
	}
}

func kind(v any) func(codec.Format) string {
	return func(f codec.Format) string { return reflect.TypeOf(afterwards(f, v)).String() }
}
