package edfsm_test

import (
	"encoding/json"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
)

// SQLite 3.51.3 repaired a race at the reset of a WAL that corrupts databases.
func TestSQLiteIsNotTooOld(t *testing.T) {
	if sqlite.VersionNumber < 3_051_003 {
		t.Errorf("SQLite is %s, want at least 3.51.3", sqlite.Version)
	}
}

// SQLite in Go is generated against one version of libc and breaks with others.
func TestLibcIsTheOneOfSQLite(t *testing.T) {
	required := strings.TrimSpace(output(t, "go", "list", "-m", "-f={{.GoMod}}", "modernc.org/sqlite"))
	var mod struct {
		Require []struct{ Path, Version string }
	}
	if err := json.Unmarshal([]byte(output(t, "go", "mod", "edit", "-json", required)), &mod); err != nil {
		t.Fatal(err)
	}
	want := ""
	for _, r := range mod.Require {
		if r.Path == "modernc.org/libc" {
			want = r.Version
		}
	}
	got := strings.TrimSpace(output(t, "go", "list", "-m", "-f={{.Version}}", "modernc.org/libc"))
	if got != want {
		t.Errorf("modernc.org/libc is %s, but modernc.org/sqlite requires %q", got, want)
	}
}
