package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"sync"
	"unicode/utf8"
)

// JSON is encoding/json: the format that people and the sqlite3 shell read.
// Of the options that are not its default one is set: <, > and & are written
// as they are.
var JSON = Bounded{wire: jsonWire}

var jsonWire = &wire{
	rules: rules{
		name:   "json",
		tag:    "json",
		key:    appendJSONKey,
		pairs:  []pair{jsonPair, textPair},
		native: []reflect.Type{timeType, reflect.TypeFor[big.Int](), reflect.TypeFor[json.Number]()},
	},
	frame:  jsonFrame{},
	append: appendJSON,
	walkers: sync.Pool{New: func() any {
		r := new(jsonReader)
		return &walker{in: r, cursor: &r.cursor, folds: true}
	}},
}

// jsonEncoder lets a json.Encoder, which writes once per value, append to a
// buffer that belongs to the caller.
type jsonEncoder struct {
	enc *json.Encoder
	dst []byte
}

func (e *jsonEncoder) Write(p []byte) (int, error) {
	e.dst = append(e.dst, p...)
	return len(p), nil
}

var jsonEncoders = sync.Pool{New: func() any {
	e := new(jsonEncoder)
	e.enc = json.NewEncoder(e)
	e.enc.SetEscapeHTML(false) // < and & stay as people wrote them
	return e
}}

func appendJSON(dst []byte, v any) ([]byte, error) {
	e := jsonEncoders.Get().(*jsonEncoder)
	e.dst = dst
	err := e.enc.Encode(v)
	out := e.dst
	e.dst = nil
	jsonEncoders.Put(e)
	if err != nil {
		return dst, err
	}
	out = out[:len(out)-1] // the newline of Encode
	if replacedUTF8(out[len(dst):]) {
		return dst, errNotUTF8
	}
	return out, nil
}

func appendJSONKey(dst []byte, name string) []byte {
	dst, _ = appendJSON(dst, name) // without an error: what is no UTF-8 is replaced
	return append(dst, ':')
}

// replacedUTF8 finds the escape that encoding/json puts in place of bytes that
// are no UTF-8; the character itself it writes as it is.
func replacedUTF8(data []byte) bool {
	const escape = `\ufffd`
	for i := 0; ; i += len(escape) {
		n := bytes.Index(data[i:], []byte(escape))
		if n < 0 {
			return false
		}
		i += n
		if !escaped(data[:i]) {
			return true
		}
	}
}

// escaped says whether a character after before would be escaped.
func escaped(before []byte) bool {
	return (len(before)-len(bytes.TrimRight(before, `\`)))%2 == 1
}

var (
	errNotUTF8   = errors.New("string is not valid UTF-8")
	errSurrogate = errors.New("string has half of a surrogate pair")
)

type jsonReader struct{ cursor }

func (r *jsonReader) decode(v any) error { return json.Unmarshal(r.data, v) }

func (r *jsonReader) left() int {
	r.space()
	return len(r.data) - r.i
}

func (r *jsonReader) space() {
	for r.i < len(r.data) {
		switch r.data[r.i] {
		case ' ', '\t', '\r', '\n':
			r.i++
		default:
			return
		}
	}
}

// peek returns the next byte that is no space, 0 at the end.
func (r *jsonReader) peek() byte {
	r.space()
	if r.i == len(r.data) {
		return 0
	}
	return r.data[r.i]
}

func (r *jsonReader) next() (token, error) {
	switch c := r.peek(); c {
	case '{':
		r.i++
		return token{kind: dict, n: uncounted}, nil
	case '[':
		r.i++
		return token{kind: array, n: uncounted}, nil
	case '"':
		return r.text()
	case 't':
		return r.word(boolean, "true")
	case 'f':
		return r.word(boolean, "false")
	case 'n':
		return r.word(null, "null")
	default:
		return r.number(c)
	}
}

func (r *jsonReader) word(kind tokenKind, word string) (token, error) {
	if !r.skip([]byte(word)) {
		return token{}, r.unexpected()
	}
	return token{kind: kind}, nil
}

func (r *jsonReader) number(first byte) (token, error) {
	if first != '-' && (first < '0' || first > '9') {
		return token{}, r.unexpected()
	}
	for r.i++; r.i < len(r.data); r.i++ {
		switch c := r.data[r.i]; {
		case '0' <= c && c <= '9', c == '.', c == 'e', c == 'E', c == '+', c == '-':
		default:
			return token{kind: fraction}, nil
		}
	}
	return token{kind: fraction}, nil
}

func (r *jsonReader) key() (token, error) {
	if r.peek() != '"' {
		return token{}, r.unexpected()
	}
	t, err := r.text()
	if err != nil {
		return t, err
	}
	if r.peek() != ':' {
		return token{}, r.unexpected()
	}
	r.i++
	return t, nil
}

func (r *jsonReader) more(kind tokenKind, first bool) (bool, error) {
	c := r.peek()
	switch {
	case kind == array && c == ']' || kind == dict && c == '}':
		r.i++
		return false, nil
	case first:
		return true, nil
	case c != ',':
		return false, r.unexpected()
	}
	r.i++
	return true, nil
}

func (r *jsonReader) unexpected() error {
	if r.i == len(r.data) {
		return errShort
	}
	return fmt.Errorf("unexpected character %q at byte %d", r.data[r.i], r.i)
}

func (r *jsonReader) text() (token, error) {
	s := r.data[r.i+1:]
	n := bytes.IndexByte(s, '"')
	if n >= 0 && bytes.IndexByte(s[:n], '\\') >= 0 {
		var err error
		if n, err = escapedLen(s); err != nil {
			return token{}, err
		}
	}
	switch {
	case n < 0:
		return token{}, errShort
	case !utf8.Valid(s[:n]):
		return token{}, errNotUTF8
	}
	t := token{kind: text, lo: r.i + 1, hi: r.i + 1 + n}
	r.i = t.hi + 1
	return t, nil
}

// escapedLen returns the length of a string with escapes, -1 if it has no end.
func escapedLen(s []byte) (int, error) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return i, nil
		case '\\':
			n, err := escapeLen(s[i:])
			if err != nil {
				return 0, err
			}
			i += n - 1
		}
	}
	return -1, nil
}

// escapeLen returns the length of the escape that s starts with, a pair of
// surrogates being one.
func escapeLen(s []byte) (int, error) {
	hi, ok := hexEscape(s)
	if !ok || hi < 0xd800 || hi >= 0xe000 {
		return 2, nil
	}
	lo, ok := hexEscape(s[6:])
	if !ok || hi >= 0xdc00 || lo < 0xdc00 || lo >= 0xe000 {
		return 0, errSurrogate
	}
	return 12, nil
}

// hexEscape reads the \uXXXX at the start of s.
func hexEscape(s []byte) (r rune, ok bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	for _, c := range s[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// jsonFrame is {"name":value}.
type jsonFrame struct{}

func (jsonFrame) open(dst []byte, name string) []byte {
	return appendJSONKey(append(dst, '{'), name)
}

func (jsonFrame) close(dst []byte) []byte { return append(dst, '}') }

func (jsonFrame) cut(data []byte) (name, body []byte, err error) {
	r := jsonReader{cursor{data: bytes.TrimRight(data, " \t\r\n")}}
	if t, err := r.next(); err != nil || t.kind != dict || r.data[len(r.data)-1] != '}' {
		return nil, nil, errFrame
	}
	k, err := r.key()
	if err != nil {
		return nil, nil, errFrame
	}
	name, body = r.data[k.lo:k.hi], r.data[r.i:len(r.data)-1]
	if bytes.IndexByte(name, '\\') < 0 {
		return name, body, nil
	}
	var plain string
	if err := json.Unmarshal(r.data[k.lo-1:k.hi+1], &plain); err != nil {
		return nil, nil, err
	}
	return []byte(plain), body, nil
}
