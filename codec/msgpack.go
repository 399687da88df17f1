package codec

import (
	"bytes"
	"io"
	"reflect"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
)

// MsgPack is for programs in other languages that speak it. Structs are maps
// by name, integers take the fewest bytes.
var MsgPack = Bounded{wire: msgpackWire}

var msgpackWire = &wire{
	rules: rules{
		name: "msgpack",
		tag:  "msgpack",
		key:  appendMsgPackText,
		pairs: []pair{
			{"msgpack", reflect.TypeFor[msgpack.CustomEncoder](), reflect.TypeFor[msgpack.CustomDecoder]()},
			{"msgpack", reflect.TypeFor[msgpack.Marshaler](), reflect.TypeFor[msgpack.Unmarshaler]()},
			binaryPair, textPair,
		},
		native:  []reflect.Type{timeType},
		merges:  true,
		unsound: []string{"alias", "as_array", "asArray", "inline", "intern", "noinline"},
		panics:  isNamedByteArray,
	},
	frame:    msgpackFrame{},
	append:   appendMsgPack,
	doubtful: mayHaveNaN,
	walkers: sync.Pool{New: func() any {
		r := &msgpackReader{dec: msgpack.NewDecoder(nil)}
		return &walker{in: r, cursor: &r.cursor, unique: true}
	}},
}

// isNamedByteArray finds the arrays that the library copies as if their elements
// were of type byte.
func isNamedByteArray(t reflect.Type, addressable bool) bool {
	return !addressable && t.Kind() == reflect.Array && t.Elem().Kind() == reflect.Uint8 && t.Elem() != reflect.TypeFor[byte]()
}

// msgpackEncoder lets the library append to a buffer that belongs to the
// caller.
type msgpackEncoder struct {
	enc *msgpack.Encoder
	dst []byte
}

func (e *msgpackEncoder) Write(p []byte) (int, error) {
	e.dst = append(e.dst, p...)
	return len(p), nil
}

func (e *msgpackEncoder) WriteByte(c byte) error {
	e.dst = append(e.dst, c)
	return nil
}

var msgpackEncoders = sync.Pool{New: func() any { return &msgpackEncoder{enc: msgpack.NewEncoder(nil)} }}

func appendMsgPack(dst []byte, v any) ([]byte, error) {
	e := msgpackEncoders.Get().(*msgpackEncoder)
	e.dst = dst
	e.enc.Reset(e) // types that encode themselves may have changed its options
	e.enc.SetCustomStructTag("json")
	e.enc.UseCompactInts(true)
	e.enc.SetSortMapKeys(true)
	err := e.enc.Encode(v)
	out := e.dst
	e.dst = nil
	if err != nil {
		return dst, err // the encoder may be in the middle of something
	}
	msgpackEncoders.Put(e)
	return out, nil
}

// mayHaveNaN finds every float that is not finite, and now and then other
// bytes.
func mayHaveNaN(data []byte) bool {
	for _, float := range []byte{0xca, 0xcb} {
		for rest := data; ; {
			i := bytes.IndexByte(rest, float)
			if i < 0 {
				break
			}
			rest = rest[i+1:]
			if len(rest) >= 2 && rest[0]&0x7f == 0x7f && rest[1] >= 0x80 {
				return true
			}
		}
	}
	return false
}

func appendMsgPackText(dst []byte, s string) []byte {
	dst, _ = appendMsgPack(dst, s) // a string cannot fail
	return dst
}

// msgpackReader is also what the library's decoder reads from: a bytes.Reader
// that can do less.
type msgpackReader struct {
	cursor
	dec *msgpack.Decoder
}

func (r *msgpackReader) decode(v any) error {
	r.i = 0
	r.dec.Reset(r) // types that decode themselves may have changed its options
	r.dec.SetCustomStructTag("json")
	if err := r.dec.Decode(v); err != nil {
		r.dec = msgpack.NewDecoder(nil) // the old one may still be recording
		return err
	}
	if r.left() > 0 {
		return errTrailing
	}
	return nil
}

func (r *msgpackReader) Read(p []byte) (int, error) {
	n := copy(p, r.data[r.i:])
	r.i += n
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (r *msgpackReader) ReadByte() (byte, error) {
	if r.i == len(r.data) {
		return 0, io.EOF
	}
	r.i++
	return r.data[r.i-1], nil
}

func (r *msgpackReader) UnreadByte() error {
	r.i--
	return nil
}

func (r *msgpackReader) next() (token, error) {
	if r.left() == 0 {
		return token{}, errShort
	}
	c := r.data[r.i]
	r.i++
	switch {
	case c <= 0x7f:
		return token{kind: integer, n: uint64(c)}, nil
	case c <= 0x8f:
		return r.container(dict, uint64(c&0x0f))
	case c <= 0x9f:
		return r.container(array, uint64(c&0x0f))
	case c <= 0xbf:
		return r.content(text, uint64(c&0x1f))
	case c >= 0xe0:
		return token{kind: negative, n: uint64(^c)}, nil
	}
	f := msgpackForms[c-0xc0]
	if r.left() < f.size {
		return token{}, errShort
	}
	arg := uint64(f.n)
	if f.size > 0 {
		arg = bigEndian(r.data[r.i:], f.size)
		r.i += f.size
	}
	switch f.kind {
	case integer:
		if f.signed {
			return signed(arg, f.size), nil
		}
		return token{kind: integer, n: arg}, nil
	case fraction:
		if f.size == 4 && arg>>23&0xff == 0xff || f.size == 8 && arg>>52&0x7ff == 0x7ff {
			return token{}, errNotFinite
		}
		return token{kind: fraction}, nil
	case text, blob:
		return r.content(f.kind, arg)
	case other:
		return r.content(other, arg+1) // and the byte that says which
	case array, dict:
		return r.container(f.kind, arg)
	case tag: // 0xc1
		return token{}, errReserved
	}
	return token{kind: f.kind}, nil
}

// msgpackForm is what a first byte from 0xc0 to 0xdf says.
type msgpackForm struct {
	kind   tokenKind
	size   int // of the number that follows: a value or a length
	signed bool
	n      int // length that does not follow
}

var msgpackForms = [32]msgpackForm{
	{kind: null}, {kind: tag}, {kind: boolean}, {kind: boolean},
	{kind: blob, size: 1}, {kind: blob, size: 2}, {kind: blob, size: 4},
	{kind: other, size: 1}, {kind: other, size: 2}, {kind: other, size: 4},
	{kind: fraction, size: 4}, {kind: fraction, size: 8},
	{kind: integer, size: 1}, {kind: integer, size: 2}, {kind: integer, size: 4}, {kind: integer, size: 8},
	{kind: integer, size: 1, signed: true}, {kind: integer, size: 2, signed: true},
	{kind: integer, size: 4, signed: true}, {kind: integer, size: 8, signed: true},
	{kind: other, n: 1}, {kind: other, n: 2}, {kind: other, n: 4}, {kind: other, n: 8}, {kind: other, n: 16},
	{kind: text, size: 1}, {kind: text, size: 2}, {kind: text, size: 4},
	{kind: array, size: 2}, {kind: array, size: 4},
	{kind: dict, size: 2}, {kind: dict, size: 4},
}

func signed(arg uint64, size int) token {
	shift := 64 - 8*size
	n := int64(arg<<shift) >> shift
	if n < 0 {
		return token{kind: negative, n: uint64(-1 - n)}
	}
	return token{kind: integer, n: uint64(n)}
}

func (r *msgpackReader) content(kind tokenKind, n uint64) (token, error) {
	if n > uint64(r.left()) {
		return token{}, errShort
	}
	t := token{kind: kind, lo: r.i, hi: r.i + int(n)}
	r.i = t.hi
	return t, nil
}

func (r *msgpackReader) container(kind tokenKind, n uint64) (token, error) {
	if n > uint64(r.left()) {
		return token{}, errShort
	}
	return token{kind: kind, n: n}, nil
}

func (r *msgpackReader) key() (token, error) { return r.next() }

func (r *msgpackReader) more(tokenKind, bool) (bool, error) { return false, nil } // all are counted

// msgpackFrame is a map of one pair.
type msgpackFrame struct{}

func (msgpackFrame) open(dst []byte, name string) []byte {
	return appendMsgPackText(append(dst, 0x81), name)
}

func (msgpackFrame) close(dst []byte) []byte { return dst }

func (msgpackFrame) cut(data []byte) (name, body []byte, err error) {
	r := msgpackReader{cursor: cursor{data: data}}
	m, _ := r.next()
	k, err := r.key()
	if err != nil || m.kind != dict || m.n != 1 || k.kind != text {
		return nil, nil, errFrame
	}
	return data[k.lo:k.hi], data[r.i:], nil
}
