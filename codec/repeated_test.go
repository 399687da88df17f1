package codec_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/edfsm/edfsm/codec"
	"pgregory.net/rapid"
)

func TestSameKeyInJSON(t *testing.T) {
	c := must(codec.Of[map[string]int](codec.JSON))
	var v map[string]int
	if err := c.Decode([]byte(sameKey[&codec.JSON]), &v); err != nil || len(v) != 1 || v["k"] != 8 {
		t.Errorf("%v, %v", v, err)
	}
}

// Duplicates are found where keys are not sorted, too, and only there.
func TestDuplicateKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfN(rapid.StringN(0, 3, 3), 0, 40).Draw(t, "keys")
		cborMap, msgpackMap := []byte{0xb9}, []byte{0xde}
		cborMap = binary.BigEndian.AppendUint16(cborMap, uint16(len(keys)))
		msgpackMap = binary.BigEndian.AppendUint16(msgpackMap, uint16(len(keys)))
		for _, k := range keys {
			cborMap = append(append(append(cborMap, 0x60+byte(len(k))), k...), 1)
			msgpackMap = append(append(append(msgpackMap, 0xa0+byte(len(k))), k...), 1)
		}
		slices.Sort(keys)
		unique := len(slices.Compact(keys)) == len(keys)
		if err := into[map[string]int](codec.CBOR)(cborMap); (err == nil) != unique {
			t.Fatalf("cbor: %v", err)
		}
		if err := into[map[string]int](codec.MsgPack)(msgpackMap); (err == nil) != unique {
			t.Fatalf("msgpack: %v", err)
		}
	})
}

// A struct of more fields than a walker has bits for.
func TestDuplicateFields(t *testing.T) {
	var fields []reflect.StructField
	for i := range 100 {
		fields = append(fields, reflect.StructField{Name: fmt.Sprintf("F%02d", i), Type: reflect.TypeFor[int8]()})
	}
	typ := reflect.StructOf(fields)
	eachFormat(t, func(t *testing.T, f codec.Bounded) {
		v, got := reflect.New(typ), reflect.New(typ)
		for i := range fields {
			v.Elem().Field(i).SetInt(int64(i))
		}
		data, err := f.Append(nil, v.Interface())
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Decode(data, got.Interface()); err != nil || !alike(v, got) {
			t.Errorf("%v became %v, %v", v.Elem(), got.Elem(), err)
		}
		for _, pair := range [][2]string{{"F00", "F01"}, {"F63", "F00"}, {"F00", "F99"}, {"F98", "F99"}} {
			twice := bytes.Replace(data, []byte(pair[0]), []byte(pair[1]), 1)
			if err := f.Decode(twice, got.Interface()); (err == nil) != (f == codec.JSON) {
				t.Errorf("%s for %s: %v", pair[1], pair[0], err)
			}
		}
	})
}
