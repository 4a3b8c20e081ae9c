package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"tilld/agent/cmd/tilld/internal/config"
)

const readme, operations = "../../../README.md", "OPERATIONS.md"

func document(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// commandLines are the tilld commands of a page's code, with what runs them and what is behind them left out.
func commandLines(page string) (lines [][]string) {
	page = strings.ReplaceAll(page, "\\\n", " ")
	words := regexp.MustCompile(`"[^"]*"|\S+`)
	for line := range strings.Lines(page) {
		code, ok := strings.CutPrefix(line, "    ")
		code = strings.TrimSpace(code)
		code = strings.TrimPrefix(code, "sudo -u tilld ")
		if !ok || !strings.HasPrefix(code, "tilld ") {
			continue
		}
		var args []string
		for _, w := range words.FindAllString(code, -1)[1:] {
			if strings.ContainsAny(w[:1], "#>|&;") {
				break
			}
			args = append(args, strings.Trim(w, `"`))
		}
		lines = append(lines, args)
	}
	return lines
}

// TestDocumentedCommands: what the pages tell people to type is a command line that tilld takes.
func TestDocumentedCommands(t *testing.T) {
	for page, least := range map[string]int{readme: 12, operations: 15} {
		lines := commandLines(document(t, page))
		if len(lines) < least {
			t.Errorf("%s: found %d commands only", page, len(lines))
		}
		for _, args := range lines {
			parser, err := kong.New(&commands{}, kong.Name("tilld"), kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {}))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.Parse(args); err != nil {
				t.Errorf("%s: tilld %s: %v", page, strings.Join(args, " "), err)
			}
		}
	}
}

// TestEveryCommandIsInTheReadme, by the name of its group at least.
func TestEveryCommandIsInTheReadme(t *testing.T) {
	parser, err := kong.New(&commands{}, kong.Name("tilld"))
	if err != nil {
		t.Fatal(err)
	}
	text := document(t, readme)
	for _, group := range parser.Model.Children {
		row := regexp.MustCompile("(?m)^\\| `tilld " + group.Name + "[ `].*$").FindString(text)
		if row == "" {
			t.Errorf("the README's table has no row for tilld %s", group.Name)
		}
		for _, c := range group.Children {
			if group.DefaultCmd != c && !regexp.MustCompile("\\b"+c.Name+"\\b").MatchString(row) {
				t.Errorf("the README's row for tilld %s does not name %s", group.Name, c.Name)
			}
		}
	}
}

// TestDocumentedConfigurations are ones that tilld reads.
func TestDocumentedConfigurations(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(document(t, operations)+document(t, brokersPage), -1)
	roles := map[string]bool{}
	for _, b := range blocks {
		file := filepath.Join(t.TempDir(), "tilld.toml")
		if err := os.WriteFile(file, []byte(b[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Read(file)
		if err != nil {
			t.Error(err)
			continue
		}
		roles[c.Role()] = true
	}
	if !roles[config.RoleLane] || !roles[config.RoleHQ] {
		t.Errorf("roles of the configurations: %v", roles)
	}
}

// TestDocumentedScreens: what the page says that a screen says, it does say.
func TestDocumentedScreens(t *testing.T) {
	files, err := filepath.Glob("../../../ui/web/catalogue/*.en.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var texts strings.Builder
	for _, file := range files {
		var part map[string]string
		if err := json.Unmarshal([]byte(document(t, file)), &part); err != nil {
			t.Fatal(err)
		}
		for _, text := range part {
			texts.WriteString(text + "\n")
		}
	}
	_, section, _ := strings.Cut(document(t, operations), "\n## A lane does not sell\n")
	section, _, _ = strings.Cut(section, "\n## ")
	quoted := regexp.MustCompile(`(?m)(?:^\| |, )\*([^*]+)\*`).FindAllStringSubmatch(section, -1)
	if len(quoted) < 12 {
		t.Errorf("found %d screens only", len(quoted))
	}
	for _, q := range quoted {
		if !strings.Contains(texts.String(), q[1]) {
			t.Errorf("no screen says %q", q[1])
		}
	}
}

// TestDocumentedAnchors: a link within a page, and one to another page, lead somewhere.
func TestDocumentedAnchors(t *testing.T) {
	for _, page := range []string{readme, operations, brokersPage} {
		text := document(t, page)
		heads := map[string]bool{}
		for _, h := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
			heads["#"+strings.ReplaceAll(strings.ToLower(regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(h[1], "")), " ", "-")] = true
		}
		for _, l := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(text, -1) {
			switch {
			case strings.HasPrefix(l[1], "#"):
				if !heads[l[1]] {
					t.Errorf("%s: no heading %s", page, l[1])
				}
			case !strings.Contains(l[1], "://"):
				if _, err := os.Stat(filepath.Join(filepath.Dir(page), l[1])); err != nil {
					t.Errorf("%s: %v", page, err)
				}
			}
		}
	}
}
