package edfsm_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/edfsm/edfsm"

// set is a set of import paths.
type set func(path string) bool

// in is the packages of this module in these folders, and below them.
func in(folders ...string) set {
	return func(path string) bool {
		return slices.ContainsFunc(folders, func(folder string) bool {
			return under(path, module+"/"+folder)
		})
	}
}

// only is the package of this module in this folder, and none below it.
func only(folder string) set {
	return func(path string) bool { return path == module+"/"+folder }
}

// from is the packages of other modules with these paths, and below them.
func from(paths ...string) set {
	return func(path string) bool {
		return slices.ContainsFunc(paths, func(p string) bool { return under(path, p) })
	}
}

func under(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

// suites is the packages like testing/slogtest: tests that others run.
func suites(path string) bool { return strings.HasSuffix(path, "test") }

func except(s, less set) set { return func(path string) bool { return s(path) && !less(path) } }

func not(s set) set { return func(path string) bool { return !s(path) } }

func all(string) bool { return true }

// std is known by a first element that is no host name.
func std(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// rules says which packages must not import which, tests aside.
var rules = []struct {
	importer, imported set
	why                string
}{
	{except(in("machine"), suites), except(not(std), only("machine")), "a machine also builds where SQLite does not, and costs its importers nothing"},
	{in("pattern", "timeutil"), not(std), "they are at the bottom of the house"},
	{in("codec"), in("machine", "sqlitelog", "history", "internal"), "a codec does not know who keeps its bytes"},
	{in("sqlitelog"), in("machine"), "a log fits a machine by its methods, and is of use without one"},
	{in("sqlitelog"), in("history"), "a program takes one without the other"},
	{in("history"), in("machine"), "records fit a machine by their methods, and are of use without one"},
	{in("history"), in("sqlitelog"), "a program takes one without the other"},
	{in("internal"), in("machine", "codec", "sqlitelog", "history", "pattern", "timeutil"), "what is shared lies below those who share it"},
	{all, except(in("examples"), in("examples/loadwatch/load")), "programs are imported by nobody"},
	{except(all, in("examples")), in("examples/loadwatch/load"), "what examples share is of no use elsewhere"},
	{all, only("bench"), "programs are imported by nobody"},
	{not(in("bench")), in("bench"), "what is there is for programs that measure"},
	{not(suites), in("internal/faultfs", "internal/crashtest", "internal/race"), "they are for tests"},
	{not(in("internal/sqlitedb", "internal/faultfs", "sqlitelog", "history", "bench")), from("zombiezen.com/go/sqlite", "modernc.org"), "who wants something kept asks a package that keeps it"},
	{not(suites), from("testing", "pgregory.net/rapid"), "what only tests need is not linked into programs"},
}

type importError struct{ importer, imported, why string }

func (e *importError) Error() string {
	return fmt.Sprintf("%s imports %s: %s", e.importer, e.imported, e.why)
}

func checkImports(importer string, imports []string) error {
	var errs []error
	for _, imported := range imports {
		for _, rule := range rules {
			if rule.importer(importer) && rule.imported(imported) {
				errs = append(errs, &importError{importer, imported, rule.why})
			}
		}
	}
	return errors.Join(errs...)
}

type goPackage struct {
	ImportPath string
	Doc        string
	Imports    []string
}

func packages(t *testing.T) (packages []goPackage) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(output(t, "go", "list", "-json=ImportPath,Doc,Imports", "./...")))
	for {
		var p goPackage
		err := dec.Decode(&p)
		if err == io.EOF {
			return packages
		}
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// output is what a command writes to standard output.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("%w\n%s", err, exit.Stderr)
		}
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return string(out)
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		if err := checkImports(p.ImportPath, p.Imports); err != nil {
			t.Error(err)
		}
	}
}

func TestImportsThatAreRefused(t *testing.T) {
	for importer, imported := range map[string]string{
		"machine":            module + "/codec",
		"machine/sub":        "golang.org/x/sync/errgroup",
		"machine/table":      module + "/machine/machinetest",
		"codec":              module + "/internal/sqlitedb",
		"sqlitelog":          module + "/machine",
		"history":            module + "/sqlitelog",
		"internal/sqlitedb":  module + "/sqlitelog",
		"bench":              module + "/examples/loadwatch",
		"bench/internal/sub": module + "/bench",
		"codec/sub":          module + "/bench/internal/measure",
		"examples/loadwatch": "zombiezen.com/go/sqlite/sqlitex",
		"internal/sub":       "zombiezen.com/go/sqlite",
		"history/sub":        module + "/internal/faultfs",
		"sqlitelog/sub":      "testing",
	} {
		if checkImports(module+"/"+importer, []string{"context", imported}) == nil {
			t.Errorf("%s may import %s", importer, imported)
		}
	}
	if err := checkImports(module+"/bench", []string{module + "/bench/internal/suite", module + "/history"}); err != nil {
		t.Error(err)
	}
	if err := checkImports(module+"/machine/machinetest", []string{module + "/machine", "testing", "pgregory.net/rapid"}); err != nil {
		t.Error(err)
	}
}

func TestEachPackageHasADoc(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}
