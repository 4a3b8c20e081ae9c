package main_test

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// TestCheckTree shows that the checker can fail.
func TestCheckTree(t *testing.T) {
	rules := []rule{{"a", "", "low"}, {"b", "a", "high"}, {"p/*", "a", "pages"}, {"p/x", "a b", "one page"}}
	doc := func(pkg, imports string) string {
		return "// Package " + pkg + " is here.\npackage " + pkg + "\n" + imports
	}
	tests := []struct {
		name  string
		files map[string]string
		want  string // part of the only complaint; "" is none
	}{
		{"allowed", map[string]string{"b/b.go": doc("b", `import "tilld/a"`)}, ""},
		{"others' packages", map[string]string{"a/a.go": doc("a", `import ("sync"; "example.com/a")`)}, ""},
		{"against the arrow", map[string]string{"a/a.go": doc("a", `import "tilld/b"`)}, "a/a.go:3: a may not import b"},
		{"named import", map[string]string{"a/a.go": doc("a", `import _ "tilld/b"`)}, "a may not import b"},
		{"no row", map[string]string{"c/c.go": doc("c", "")}, "c: not in the import table"},
		{"a star is one name", map[string]string{"p/y/z/z.go": doc("z", "")}, "p/y/z: not in the import table"},
		{"star", map[string]string{"p/y/y.go": doc("y", `import "tilld/b"`)}, "p/y may not import b"},
		{"exact row before star", map[string]string{"p/x/x.go": doc("x", `import "tilld/b"`)}, ""},
		{"tests are free", map[string]string{"a/a_test.go": "package a_test\nimport (\"tilld/b\"; \"tilld/btest\")"}, ""},
		{"cmd is free", map[string]string{"agent/cmd/t/internal/i/i.go": doc("i", `import "tilld/b"`)}, ""},
		{"cmd but for test packages", map[string]string{"agent/cmd/t/main.go": doc("main", `import "tilld/sync/sim"`)}, "imported by tests only"},
		{"test package in the product", map[string]string{"b/b.go": doc("b", `import "tilld/atest"`)}, "imported by tests only"},
		{"test packages among themselves", map[string]string{"sync/sim/s.go": doc("sim", `import "tilld/atest"`)}, ""},
		{"cgo", map[string]string{"a/a.go": doc("a", `import "C"`)}, "cgo"},
		{"no package comment", map[string]string{"a/a.go": "package a"}, "a: no package comment"},
		{"two package comments", map[string]string{"a/a.go": doc("a", ""), "a/b.go": doc("a", "")}, "a: 2 package comments"},
		{"a directive is no comment", map[string]string{"a/a.go": "//go:build linux\n\npackage a"}, "a: no package comment"},
		{"a package of tests needs no comment", map[string]string{"agent/cmd/t/a_test.go": "package a"}, ""},
		{"testdata and hidden folders", map[string]string{"a/testdata/x.go": "rubbish", ".x/x.go": "rubbish", "_x/x.go": "rubbish"}, ""},
		{"a module of its own", map[string]string{"z/go.mod": "module z", "z/z.go": "package z"}, ""},
		{"unreadable", map[string]string{"a/a.go": "packet a"}, "a/a.go:1:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tree := fstest.MapFS{}
			for name, src := range tt.files {
				tree[name] = &fstest.MapFile{Data: []byte(src)}
			}
			bad, _, err := checkTree(tree, rules)
			if err != nil {
				bad = append(bad, err.Error())
			}
			switch {
			case tt.want == "" && len(bad) > 0:
				t.Errorf("complains of %q, want nothing", bad)
			case tt.want != "" && (len(bad) != 1 || !strings.Contains(bad[0], tt.want)):
				t.Errorf("got %q, want one that contains %q", bad, tt.want)
			}
		})
	}
}

// checkTree returns a line for every import that rules do not allow, every package without a row
// and every package without exactly one package comment; and the number of Go files it read.
func checkTree(tree fs.FS, rules []rule) (bad []string, files int, err error) {
	pkgs, err := parseTree(tree)
	if err != nil {
		return nil, 0, err
	}
	for _, pkg := range slices.Sorted(maps.Keys(pkgs)) {
		bad = append(bad, checkComment(pkg, pkgs[pkg])...)
		files += len(pkgs[pkg])
		r, ok := ruleFor(rules, pkg)
		if !ok && !isCmd(pkg) && !isTestOnly(pkg) && hasProduct(pkgs[pkg]) {
			bad = append(bad, pkg+": not in the import table (agent/cmd/tilld/imports_test.go)")
			continue
		}
		for _, f := range pkgs[pkg] {
			bad = append(bad, checkFile(pkg, f, r)...)
		}
	}
	return bad, files, nil
}

// A source is one parsed file: its imports and comments only.
type source struct {
	name string // path from the module's root
	fset *token.FileSet
	ast  *ast.File
}

func (s source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

func hasProduct(files []source) bool {
	return slices.ContainsFunc(files, func(s source) bool { return !s.isTest() })
}

// parseTree reads the module's Go files, by directory. Like the go tool it passes over testdata,
// folders that begin with "." or "_", and modules inside the module.
func parseTree(tree fs.FS) (map[string][]source, error) {
	pkgs := map[string][]source{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipDir(tree, name)
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		src, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, src, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		pkgs[dir] = append(pkgs[dir], source{name, fset, f})
		return nil
	})
	return pkgs, err
}

func skipDir(tree fs.FS, name string) error {
	if name == "." {
		return nil
	}
	base := path.Base(name)
	if base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return fs.SkipDir
	}
	if _, err := fs.Stat(tree, path.Join(name, "go.mod")); !errors.Is(err, fs.ErrNotExist) {
		return cmp.Or(err, error(fs.SkipDir))
	}
	return nil
}

// ruleFor finds the row of pkg: its own, or one whose star matches.
func ruleFor(rules []rule, pkg string) (rule, bool) {
	for _, want := range []string{pkg, path.Dir(pkg) + "/*"} {
		if i := slices.IndexFunc(rules, func(r rule) bool { return r.pkg == want }); i >= 0 {
			return rules[i], true
		}
	}
	return rule{}, false
}

func checkFile(pkg string, f source, r rule) (bad []string) {
	if f.isTest() {
		return nil
	}
	for _, spec := range f.ast.Imports {
		imp, _ := strconv.Unquote(spec.Path.Value) // the parser took it, so it is a string
		if why := refuse(pkg, imp, r); why != "" {
			bad = append(bad, fmt.Sprintf("%s:%d: %s", f.name, f.fset.Position(spec.Pos()).Line, why))
		}
	}
	return bad
}

// refuse says why pkg may not import imp; "" when it may.
func refuse(pkg, imp string, r rule) string {
	if imp == "C" {
		return "no cgo: tilld is one static binary for every till"
	}
	dep, ours := strings.CutPrefix(imp, module+"/")
	switch {
	case !ours:
		return ""
	case isTestOnly(pkg):
		return ""
	case isTestOnly(dep):
		return fmt.Sprintf("%s may not import %s, which is imported by tests only", pkg, dep)
	case isCmd(pkg) || slices.Contains(strings.Fields(r.may), dep):
		return ""
	}
	return fmt.Sprintf("%s may not import %s, only [%s]: %s", pkg, dep, r.may, r.why)
}

// checkComment wants one package comment: a reader looks for it in one place.
func checkComment(pkg string, files []source) []string {
	if !hasProduct(files) {
		return nil
	}
	var where []string
	for _, f := range files {
		if !f.isTest() && strings.TrimSpace(f.ast.Doc.Text()) != "" {
			where = append(where, f.name)
		}
	}
	switch len(where) {
	case 0:
		return []string{pkg + ": no package comment"}
	case 1:
		return nil
	}
	return []string{fmt.Sprintf("%s: %d package comments, in %s", pkg, len(where), strings.Join(where, ", "))}
}
