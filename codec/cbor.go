package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/big"
	"reflect"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// CBOR is RFC 8949 in its core deterministic encoding: equal values have equal
// bytes.
var CBOR = Bounded{wire: cborWire}

var cborWire = &wire{
	rules: rules{
		name: "cbor",
		tag:  "cbor",
		key:  appendCBORText,
		pairs: []pair{
			{"CBOR", reflect.TypeFor[cbor.Marshaler](), reflect.TypeFor[cbor.Unmarshaler]()},
			binaryPair, textPair,
		},
		native: []reflect.Type{timeType, reflect.TypeFor[big.Int]()},
		copies: true,
		sorted: true,
		// Positions do not survive a change of the struct.
		unsound: []string{"toarray", "toindefarray"},
	},
	frame:  cborFrame{},
	append: appendCBOR,
	alone:  decodeCBORAlone,
	walkers: sync.Pool{New: func() any {
		r := new(cborReader)
		return &walker{in: r, cursor: &r.cursor}
	}},
}

var (
	cborEncoder = newCBOREncoder()
	cborDecoder = newCBORDecoder(10_000)
	cborAlone   = newCBORDecoder(defaultDepth)
)

// newCBOREncoder departs from the defaults of the library where they lose
// something: the nanoseconds of a time, types that encode themselves as text.
func newCBOREncoder() cbor.UserBufferEncMode {
	o := cbor.CoreDetEncOptions()
	o.Time = cbor.TimeRFC3339NanoUTC
	o.TimeTag = cbor.EncTagRequired
	o.TextMarshaler = cbor.TextMarshalerTextString
	o.NaNConvert = cbor.NaNConvertReject
	o.InfConvert = cbor.InfConvertReject
	mode, err := o.UserBufferEncMode()
	if err != nil {
		panic(err) // the options above are constants
	}
	return mode
}

// newCBORDecoder leaves all limits but one to the walker.
func newCBORDecoder(depth int) cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TimeTag:           cbor.DecTagOptional,
		TextUnmarshaler:   cbor.TextUnmarshalerTextString,
		UTF8:              cbor.UTF8DecodeInvalid,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		DefaultMapType:    reflect.TypeFor[map[string]any](),
		NaN:               cbor.NaNDecodeForbidden,
		Inf:               cbor.InfDecodeForbidden,
		MaxNestedLevels:   depth,
		MaxArrayElements:  math.MaxInt32,
		MaxMapPairs:       math.MaxInt32,
	}.DecMode()
	if err != nil {
		panic(err) // the options above are constants
	}
	return mode
}

// decodeCBORAlone saves the time that a walker takes, which is a third of the
// library's. Of the default limits, depth is the one that few bytes can pass.
func decodeCBORAlone(data []byte, v any) error {
	err := cborAlone.Unmarshal(data, v)
	if _, ok := errors.AsType[*cbor.MaxNestedLevelError](err); ok {
		return &LimitError{"depth", defaultDepth}
	}
	return err
}

var cborBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func appendCBOR(dst []byte, v any) ([]byte, error) {
	b := cborBuffers.Get().(*bytes.Buffer)
	*b = *bytes.NewBuffer(dst)
	err := cborEncoder.MarshalToBuffer(v, b)
	out := b.Bytes()
	*b = bytes.Buffer{} // the bytes are the caller's
	cborBuffers.Put(b)
	return out, err
}

func appendCBORText(dst []byte, s string) []byte {
	dst, _ = appendCBOR(dst, s) // a string cannot fail
	return dst
}

type cborReader struct{ cursor }

func (r *cborReader) decode(v any) error { return cborDecoder.Unmarshal(r.data, v) }

var (
	errIndefinite = errors.New("item has no length")
	errReserved   = errors.New("byte has no meaning")
)

// Major types of CBOR.
const (
	cborUnsigned = iota
	cborNegative
	cborBytes
	cborText
	cborArray
	cborMap
	cborTag
	cborSimple
)

// head reads the major type, and its argument in the shortest or any longer
// form. The size of the argument tells floats apart.
func (r *cborReader) head() (major byte, arg uint64, size int, err error) {
	if r.i == len(r.data) {
		return 0, 0, 0, errShort
	}
	b := r.data[r.i]
	r.i++
	major, info := b>>5, b&31
	switch {
	case info < 24:
		return major, uint64(info), 0, nil
	case info == 31:
		return 0, 0, 0, errIndefinite
	case info > 27:
		return 0, 0, 0, errReserved
	}
	size = 1 << (info - 24)
	if r.left() < size {
		return 0, 0, 0, errShort
	}
	arg = bigEndian(r.data[r.i:], size)
	r.i += size
	return major, arg, size, nil
}

func bigEndian(b []byte, size int) uint64 {
	switch size {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(b))
	case 4:
		return uint64(binary.BigEndian.Uint32(b))
	}
	return binary.BigEndian.Uint64(b)
}

func (r *cborReader) next() (token, error) {
	major, arg, size, err := r.head()
	if err != nil {
		return token{}, err
	}
	switch major {
	case cborUnsigned:
		return token{kind: integer, n: arg}, nil
	case cborNegative:
		return token{kind: negative, n: arg}, nil
	case cborBytes, cborText:
		t := token{kind: text, lo: r.i}
		if major == cborBytes {
			t.kind = blob
		}
		if arg > uint64(r.left()) {
			return t, errShort
		}
		r.i += int(arg)
		t.hi = r.i
		return t, nil
	case cborArray, cborMap:
		t := token{kind: array, n: arg}
		if major == cborMap {
			t.kind = dict
		}
		if arg > uint64(r.left()) {
			return t, errShort
		}
		return t, nil
	case cborTag:
		return token{kind: tag}, nil
	}
	return simpleCBOR(arg, size)
}

func simpleCBOR(arg uint64, size int) (token, error) {
	kind := fraction
	switch size {
	case 0, 1:
		switch kind = other; arg {
		case 20, 21:
			kind = boolean
		case 22, 23:
			kind = null
		}
	case 2:
		if arg>>10&0x1f == 0x1f {
			return token{}, errNotFinite
		}
	case 4:
		if arg>>23&0xff == 0xff {
			return token{}, errNotFinite
		}
	case 8:
		if arg>>52&0x7ff == 0x7ff {
			return token{}, errNotFinite
		}
	}
	return token{kind: kind}, nil
}

func (r *cborReader) key() (token, error) { return r.next() }

func (r *cborReader) more(tokenKind, bool) (bool, error) { return false, nil } // all are counted

// cborFrame is a map of one pair.
type cborFrame struct{}

func (cborFrame) open(dst []byte, name string) []byte {
	return appendCBORText(append(dst, cborMap<<5|1), name)
}

func (cborFrame) close(dst []byte) []byte { return dst }

func (cborFrame) cut(data []byte) (name, body []byte, err error) {
	r := cborReader{cursor{data: data}}
	m, _ := r.next()
	k, err := r.key()
	if err != nil || m.kind != dict || m.n != 1 || k.kind != text {
		return nil, nil, errFrame
	}
	return data[k.lo:k.hi], data[r.i:], nil
}
