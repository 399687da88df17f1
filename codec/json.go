package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"
)

// JSON is encoding/json: the format that people and the sqlite3 shell read.
// Of the options that are not its default one is set: <, > and & are written
// as they are.
var JSON = Bounded{wire: &wire{
	rules:   rules{name: "json", tag: "json", pairs: []pair{jsonPair, textPair}},
	frame:   jsonFrame{},
	append:  appendJSON,
	decode:  json.Unmarshal,
	walkers: sync.Pool{New: func() any { return &walker{in: new(jsonReader), folds: true} }},
}}

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
	defer jsonEncoders.Put(e)
	e.dst = dst
	err := e.enc.Encode(v)
	out := e.dst
	e.dst = nil
	if err != nil {
		return dst, err
	}
	out = out[:len(out)-1] // the newline of Encode
	if replacedUTF8(out[len(dst):]) {
		return dst, errNotUTF8
	}
	return out, nil
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

type jsonReader struct {
	data []byte
	i    int
}

func (r *jsonReader) reset(data []byte) { r.data, r.i = data, 0 }

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
		return token{kind: boolean}, r.skip("true")
	case 'f':
		return token{kind: boolean}, r.skip("false")
	case 'n':
		return token{kind: null}, r.skip("null")
	default:
		if c != '-' && (c < '0' || c > '9') {
			return token{}, r.unexpected()
		}
	}
	for r.i < len(r.data) && strings.IndexByte("+-.0123456789Ee", r.data[r.i]) >= 0 {
		r.i++
	}
	return token{kind: number}, nil
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

func (r *jsonReader) skip(word string) error {
	if !bytes.HasPrefix(r.data[r.i:], []byte(word)) {
		return r.unexpected()
	}
	r.i += len(word)
	return nil
}

func (r *jsonReader) unexpected() error {
	if r.i == len(r.data) {
		return errShort
	}
	return fmt.Errorf("unexpected character %q at byte %d", r.data[r.i], r.i)
}

func (r *jsonReader) text() (token, error) {
	s := r.data[r.i+1:]
	high := byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			if high >= utf8.RuneSelf && !utf8.Valid(s[:i]) {
				return token{}, errNotUTF8
			}
			t := token{kind: text, lo: r.i + 1, hi: r.i + 1 + i}
			r.i = t.hi + 1
			return t, nil
		case c == '\\':
			n, err := escapeLen(s[i:])
			if err != nil {
				return token{}, err
			}
			i += n - 1
		default:
			high |= c
		}
	}
	return token{}, errShort
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
	dst, _ = appendJSON(append(dst, '{'), name) // a string that is UTF-8 cannot fail
	return append(dst, ':')
}

func (jsonFrame) close(dst []byte) []byte { return append(dst, '}') }

func (jsonFrame) cut(data []byte) (name, body []byte, err error) {
	r := jsonReader{data: bytes.TrimRight(data, " \t\r\n")}
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
