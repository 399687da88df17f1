package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"sync"
	"unicode/utf8"
)

// JSON is encoding/json: the format that people and the sqlite3 shell read.
var JSON = Bounded{jsonWire{}, Limits{}.orDefault()}

type jsonWire struct{}

func (jsonWire) name() string { return "json" }

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

func (jsonWire) append(dst []byte, v any) ([]byte, error) {
	e := jsonEncoders.Get().(*jsonEncoder)
	defer jsonEncoders.Put(e)
	e.dst = dst
	err := e.enc.Encode(v)
	out := e.dst
	e.dst = nil
	if err != nil {
		return dst, err
	}
	return out[:len(out)-1], nil // without the newline of Encode
}

func (jsonWire) decode(data []byte, v any, l Limits) error {
	if err := scanJSON(data, l); err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

func (jsonWire) check(data []byte, l Limits) error {
	// encoding/json writes this escape in place of bytes that are no UTF-8,
	// and nowhere else.
	for i := 0; ; {
		n := bytes.Index(data[i:], []byte(`\ufffd`))
		if n < 0 {
			return scanJSON(data, l)
		}
		if !escaped(data[:i+n]) {
			return errNotUTF8
		}
		i += n + 1
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

// scanJSON looks at brackets and strings only: grammar is left to
// encoding/json.
func scanJSON(data []byte, l Limits) error {
	if !utf8.Valid(data) {
		return errNotUTF8
	}
	var few [64]int
	commas := few[:0] // of each open array or object
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			n, err := scanJSONString(data[i+1:])
			if err != nil {
				return err
			}
			i += n + 1
		case '[', '{':
			if len(commas) == l.Depth {
				return &LimitError{"depth", l.Depth}
			}
			commas = append(commas, 0)
		case ']', '}':
			if len(commas) > 0 {
				commas = commas[:len(commas)-1]
			}
		case ',':
			if len(commas) > 0 {
				commas[len(commas)-1]++
				if commas[len(commas)-1] >= l.Elements {
					return &LimitError{"elements", l.Elements}
				}
			}
		}
	}
	return nil
}

// scanJSONString returns the index of the quote that ends the string.
func scanJSONString(s []byte) (int, error) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return i, nil
		case '\\':
			if hi, ok := hexEscape(s[i:]); ok && 0xd800 <= hi && hi < 0xe000 {
				lo, ok := hexEscape(s[i+6:])
				if !ok || hi >= 0xdc00 || lo < 0xdc00 || lo >= 0xe000 {
					return 0, errSurrogate
				}
				i += 10
			}
			i++
		}
	}
	return len(s), nil
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

func (jsonWire) open(dst []byte, name string) []byte {
	dst = append(dst, '{')
	dst, _ = jsonWire{}.append(dst, name)
	return append(dst, ':')
}

func (jsonWire) close(dst []byte) []byte { return append(dst, '}') }

func (jsonWire) cut(data []byte) (name, body []byte, err error) {
	const space = " \t\r\n"
	data = bytes.Trim(data, space)
	if len(data) < 2 || data[0] != '{' || data[len(data)-1] != '}' {
		return nil, nil, errFrame
	}
	data = bytes.TrimLeft(data[1:len(data)-1], space)
	if len(data) == 0 || data[0] != '"' {
		return nil, nil, errFrame
	}
	end, err := scanJSONString(data[1:])
	if err != nil {
		return nil, nil, err
	}
	rest := data[min(end+2, len(data)):]
	name = data[:len(data)-len(rest)]
	rest = bytes.TrimLeft(rest, space)
	if len(rest) == 0 || rest[0] != ':' {
		return nil, nil, errFrame
	}
	if bytes.IndexByte(name, '\\') < 0 {
		return name[1 : len(name)-1], rest[1:], nil
	}
	var plain string
	if err := json.Unmarshal(name, &plain); err != nil {
		return nil, nil, err
	}
	return []byte(plain), rest[1:], nil
}

func (jsonWire) carries(t reflect.Type) error { return nil }
