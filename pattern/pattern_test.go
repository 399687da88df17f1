package pattern_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/edfsm/edfsm/pattern"
	"pgregory.net/rapid"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

func compile(t interface{ Fatal(...any) }, text string) pattern.Pattern {
	p, err := pattern.Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern string
		names   string // separated by spaces
		others  string
	}{
		{"", "", "a"},
		{"*", " a a/b/c *", "\x00"},
		{"a_b", "a_b", "axb a__b A_B"},
		{"sensor_*", "sensor_ sensor_1 sensor_a/b", "sensor1 sensorX1 xsensor_1"},
		{"100%", "100%", "100 100x 1000"},
		{"?[a]\\*", "?[a]\\ ?[a]\\x", "xa\\ ?a\\"},
		{"a*a", "aa aba aaa", "a ab"},
		{"*ab*ba*", "abba xabxbax ababa", "aba bba ba"},
		{"*/temp", "/temp room/temp a/b/temp", "temp room/temp/"},
		{"ä*", "ä äh", "a Ä \xc3"},
		{"***a***b", "ab xaxb", "ba a"},
		{"*a*a", "aa aba", "a ab"},
	} {
		p := compile(t, c.pattern)
		for name := range strings.SplitSeq(c.names, " ") {
			if !p.Match(name) {
				t.Errorf("%q does not match %q", c.pattern, name)
			}
		}
		for name := range strings.SplitSeq(c.others, " ") {
			if name != "\x00" && p.Match(name) {
				t.Errorf("%q matches %q", c.pattern, name)
			}
		}
	}
}

func TestInvalid(t *testing.T) {
	for _, text := range []string{"\xff", "a\x00", strings.Repeat("*", pattern.MaxLen+1)} {
		if _, err := pattern.Compile(text); !errors.Is(err, pattern.ErrInvalid) {
			t.Errorf("%.10q: %v", text, err)
		}
	}
	text := strings.Repeat("*", pattern.MaxLen)
	if p := compile(t, text); p.String() != text || !p.Match("x") || p.Literals() != 0 {
		t.Errorf("got %q", p)
	}
	if n := compile(t, "ä*_*").Literals(); n != 3 {
		t.Errorf("%d literal bytes", n)
	}
}

func TestRange(t *testing.T) {
	for text, want := range map[string]string{
		"a":            "a\x00",
		"ab*c":         "ac",
		"\u007f*":      "\u0080",
		"\ud7ff*":      "\ue000",
		"a\U0010ffff*": "b",
		"\U0010ffff*":  "",
		"*a":           "",
	} {
		first, end, bounded := compile(t, text).Range()
		prefix, _, _ := strings.Cut(text, "*")
		if first != prefix || end != want || bounded != (want != "") {
			t.Errorf("%q: from %q to %q, %v", text, first, end, bounded)
		}
	}
}

// characters are those that mean something to one matcher or another, and the
// ends of what UTF-8 can write.
const characters = "**ab?%_[]^-\\/.A\u007f\u0080é\u07ff\u0800中\ud7ff\ue000\ufffd\ufffe\uffff😀\U0010ffff"

func texts(longest int) *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringOfN(rapid.SampledFrom([]rune(characters)), 0, longest, -1),
		rapid.StringOfN(rapid.SampledFrom([]rune("*ab")), 0, longest, -1),
	)
}

// drawBoth returns a pattern and a name that it often matches.
func drawBoth(t *rapid.T) (p pattern.Pattern, name string) {
	text := texts(8).Draw(t, "pattern")
	var b strings.Builder
	for i, part := range strings.Split(text, "*") {
		if i > 0 {
			b.WriteString(texts(3).Draw(t, "run"))
		}
		b.WriteString(part)
	}
	name = b.String()
	switch rapid.IntRange(0, 3).Draw(t, "other name") {
	case 0:
		name = texts(8).Draw(t, "name")
	case 1: // just beside the range of names
		prefix, _, _ := strings.Cut(text, "*")
		r, size := utf8.DecodeLastRuneInString(prefix)
		if r++; r == 0xd800 {
			r = 0xe000
		}
		if utf8.ValidRune(r) {
			name = prefix[:len(prefix)-size] + string(r)
		}
	}
	return compile(t, text), name
}

// specified is what a pattern means, in the words of package regexp.
func specified(text, name string) bool {
	parts := strings.Split(text, "*")
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return regexp.MustCompile(`^(?s:` + strings.Join(parts, ".*") + `)$`).MatchString(name)
}

func TestMatchIsAsSpecified(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, name := drawBoth(t)
		check(t, p, name)
	})
}

func check(t interface{ Fatalf(string, ...any) }, p pattern.Pattern, name string) {
	got := p.Match(name)
	if want := specified(p.String(), name); got != want {
		t.Fatalf("%q matches %q: %v, want %v", p, name, got, want)
	}
	first, end, bounded := p.Range()
	if got && (name < first || bounded && name >= end) {
		t.Fatalf("%q matches %q outside of %q to %q", p, name, first, end)
	}
	prefix, _, open := strings.Cut(p.String(), "*")
	want := name == prefix || open && strings.HasPrefix(name, prefix)
	if within := name >= first && (!bounded || name < end); within != want {
		t.Fatalf("the range %q to %q of %q has %q: %v", first, end, p, name, within)
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("a*b_*", "axxb_")
	f.Add("*[?]*\\", "[?]\\")
	f.Add("\U0010ffff*", "\U0010ffff\U0010ffff")
	f.Fuzz(func(t *testing.T, text, name string) {
		p, err := pattern.Compile(text)
		if err != nil || strings.ContainsRune(name, 0) || strings.ToValidUTF8(name, "") != name {
			return
		}
		check(t, p, name)
	})
}

// SQLite agrees, with GLOB and with the range.
func TestSQLAgrees(t *testing.T) {
	conn := openMemory(t)
	rapid.Check(t, func(t *rapid.T) {
		p, name := drawBoth(t)
		if got, want := glob(t, conn, p, name), p.Match(name); got != want {
			t.Fatalf("%q GLOB %q: %v, but %q matches: %v", name, p.Glob(), got, p, want)
		}
		first, end, bounded := p.Range()
		stmt := prepare(t, conn, "SELECT ?1 >= ?2 AND ?1 < ?3")
		stmt.BindText(1, name)
		stmt.BindText(2, first)
		stmt.BindText(3, end)
		if !bounded {
			stmt.BindBytes(3, []byte{}) // greater than any text
		}
		if got, want := answer(t, stmt), name >= first && (!bounded || name < end); got != want {
			t.Fatalf("%q is in the range of %q: %v, want %v", name, p, got, want)
		}
	})
}

func openMemory(t *testing.T) *sqlite.Conn {
	conn, err := sqlite.OpenConn(":memory:", sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func prepare(t interface{ Fatal(...any) }, conn *sqlite.Conn, query string) *sqlite.Stmt {
	stmt, err := conn.Prepare(query)
	if err != nil {
		t.Fatal(err)
	}
	return stmt
}

func answer(t interface{ Fatal(...any) }, stmt *sqlite.Stmt) bool {
	n, err := sqlitex.ResultInt(stmt)
	if err != nil {
		t.Fatal(err)
	}
	return n == 1
}

func glob(t interface{ Fatal(...any) }, conn *sqlite.Conn, p pattern.Pattern, name string) bool {
	stmt := prepare(t, conn, "SELECT ? GLOB ?")
	stmt.BindText(1, name)
	stmt.BindText(2, p.Glob())
	return answer(t, stmt)
}

// hostile are patterns that take matchers which go back a long time, each with a
// name as long as itself.
var hostile = map[string][2]string{
	"stars":     {strings.Repeat("*a", 511) + "b", strings.Repeat("a", 1024)},
	"inner":     {strings.Repeat("*a", 510) + "b*", strings.Repeat("a", 1024)},
	"mismatch":  {strings.Repeat("a*", 511) + "b", strings.Repeat("a", 1024)},
	"long part": {"*" + strings.Repeat("a", 500) + "b*" + strings.Repeat("a", 500) + "c", strings.Repeat("a", 1024)},
}

func TestHostile(t *testing.T) {
	conn := openMemory(t)
	for what, c := range hostile {
		p := compile(t, c[0])
		if p.Match(c[1]) || glob(t, conn, p, c[1]) {
			t.Errorf("%s: matches", what)
		}
		if n := testing.AllocsPerRun(10, func() { p.Match(c[1]) }); n != 0 {
			t.Errorf("%s: Match allocates %v times", what, n)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	hostile := hostile
	hostile["usual"] = [2]string{"plant/*/temperature", "plant/boiler-7/temperature"}
	for what, c := range hostile {
		b.Run("pattern="+what, func(b *testing.B) {
			p := compile(b, c[0])
			b.ReportAllocs()
			for b.Loop() {
				p.Match(c[1])
			}
		})
	}
}

func BenchmarkGlob(b *testing.B) {
	conn, err := sqlite.OpenConn(":memory:", sqlite.OpenReadWrite)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	for what, c := range hostile {
		b.Run("pattern="+what, func(b *testing.B) {
			p := compile(b, c[0])
			for b.Loop() {
				glob(b, conn, p, c[1])
			}
		})
	}
}

func ExamplePattern_Match() {
	p, err := pattern.Compile("plant/*/temp_*")
	if err != nil {
		panic(err)
	}
	for _, name := range []string{"plant/boiler/temp_1", "plant/a/b/temp_", "plant/boiler/temperature"} {
		fmt.Println(name, p.Match(name))
	}
	// Output:
	// plant/boiler/temp_1 true
	// plant/a/b/temp_ true
	// plant/boiler/temperature false
}
