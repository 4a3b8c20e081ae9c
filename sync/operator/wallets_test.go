package operator_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tilld/agent/paycode"
)

// root is the module's, from here.
const root = "../.."

var (
	// named is a test as WALLETS.md names it.
	named = regexp.MustCompile("`([a-z0-9/_-]+)\\.(Test[A-Za-z0-9]+)(?:/([A-Za-z0-9]+))?`")
	// quoted is anything in backquotes with a Test in it: what named does not match is misspelt.
	quoted = regexp.MustCompile("`[^`]*Test[^`]*`")
)

// TestWalletsTable holds WALLETS.md to the tree.
func TestWalletsTable(t *testing.T) {
	b, err := os.ReadFile("WALLETS.md")
	if err != nil {
		t.Fatal(err)
	}
	head := []string{"wallet", "connector", "pay online", "unknown resolved", "offline", "refund", "points"}
	rows := tableOf(t, string(b), head)
	wallets, connectors := map[string]bool{}, map[string]bool{}
	for _, row := range rows {
		if wallets[row[0]] {
			t.Errorf("%s has two rows", row[0])
		}
		wallets[row[0]], connectors[row[1]] = true, true
		for i, cell := range row[2:] {
			if len(named.FindAllString(cell, -1)) == 0 && !strings.HasPrefix(cell, "– ") {
				t.Errorf("%s, %s: %q names no test and says not why", row[0], head[i+2], cell)
			}
		}
	}
	for _, row := range paycode.DefaultTable().Rows {
		if !wallets[row.Wallet] {
			t.Errorf("%s is in the default table of wallets, and has no row", row.Wallet)
			wallets[row.Wallet] = true // said once
		}
	}
	there, err := filepath.Glob("*/connector.go")
	if err != nil || len(there) < 5 {
		t.Fatalf("connectors: %v, %v", there, err)
	}
	for _, path := range there {
		if name := filepath.Dir(path); !connectors[name] {
			t.Errorf("the connector %s has no row", name)
		}
		delete(connectors, filepath.Dir(path))
	}
	for name := range connectors {
		if !strings.HasPrefix(name, "– ") {
			t.Errorf("there is no connector %s", name)
		}
	}
}

// TestWalletsTestsAreThere: a test that WALLETS.md names is in the tree.
func TestWalletsTestsAreThere(t *testing.T) {
	b, err := os.ReadFile("WALLETS.md")
	if err != nil {
		t.Fatal(err)
	}
	dirs := map[string][]string{}
	for _, text := range quoted.FindAllString(string(b), -1) {
		m := named.FindStringSubmatch(text)
		if text == "`directory.Test`" || text == "`directory.Test/Subtest`" || text == "`TestWalletsTable`" {
			continue
		}
		if m == nil {
			t.Errorf("%s is no test as this page names them", text)
			continue
		}
		dir, test, sub := m[1], m[2], m[3]
		if dirs[dir] == nil {
			dirs[dir] = testsIn(t, filepath.Join(root, dir))
		}
		if !slices.Contains(dirs[dir], test) {
			t.Errorf("%s: there is no %s in %s", text, test, dir)
		}
		if sub != "" && !slices.Contains(suite(t), sub) {
			t.Errorf("%s: operatortest has no %s", text, sub)
		}
	}
	if len(dirs) < 8 {
		t.Errorf("tests of %d packages are named: the page was not read", len(dirs))
	}
}

// tableOf reads the one table of a page with that head.
func tableOf(t *testing.T, page string, head []string) (rows [][]string) {
	t.Helper()
	_, rest, ok := strings.Cut(page, "| "+strings.Join(head, " | ")+" |\n")
	if !ok {
		t.Fatalf("there is no table of %v", head)
	}
	for i, line := range strings.Split(strings.TrimSpace(rest), "\n") {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		switch {
		case i == 0: // the rule below the head
		case len(cells) != len(head):
			t.Errorf("%d cells: %s", len(cells), line)
		default:
			rows = append(rows, cells)
		}
	}
	return rows
}

// testsIn are the tests of a directory.
func testsIn(t *testing.T, dir string) (list []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Errorf("%s has no tests: %v", dir, err)
	}
	for _, path := range files {
		for _, f := range parse(t, path).Decls {
			if f, ok := f.(*ast.FuncDecl); ok && f.Recv == nil {
				list = append(list, f.Name.Name)
			}
		}
	}
	return append(list, "-") // looked at
}

func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// suite are the parts of operatortest's suite: each is named beside the function that runs it.
func suite(t *testing.T) (list []string) {
	t.Helper()
	ast.Inspect(parse(t, "operatortest/suite.go"), func(n ast.Node) bool {
		if lit, ok := n.(*ast.CompositeLit); ok && len(lit.Elts) == 2 {
			name, isText := lit.Elts[0].(*ast.BasicLit)
			if run, isName := lit.Elts[1].(*ast.Ident); isText && isName && run.Name == "test"+strings.Trim(name.Value, `"`) {
				list = append(list, strings.Trim(name.Value, `"`))
			}
		}
		return true
	})
	return list
}
