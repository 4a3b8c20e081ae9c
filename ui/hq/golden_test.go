package hq

import (
	"bytes"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tilld/ui/web"
	"tilld/ui/web/webtest"
)

var update = flag.Bool("update", false, "write the golden files")

// TestGolden holds every page, whole templates, in every language.
func TestGolden(t *testing.T) {
	missing := regexp.MustCompile(`\[[a-z]+\.[a-z._-]+\]`)
	for name, d := range map[string]*desk{"busy": busy(), "calm": calm(), "alarmed": alarmed()} {
		b := newBench(t, d)
		for i := range sheets {
			s := &sheets[i]
			path := strings.NewReplacer("{id}", id(map[string]byte{"payment": 'P', "batch": 'B'}[s.name], 1).String()).Replace(s.path)
			if name != "busy" && path != s.path || name == "alarmed" && (s.name == "payments" || s.name == "batches") {
				continue
			}
			r := httptest.NewRequest("GET", path, nil)
			r.SetPathValue("id", filepath.Base(path))
			v, err := b.page.load(s, r, person{"Aoki", []string{string(Finance)}})
			if err != nil {
				t.Fatal(err)
			}
			for _, lang := range web.Langs {
				var got bytes.Buffer
				if err := b.page.pages.Fragment(&got, lang, s.name, v); err != nil {
					t.Fatal(err)
				}
				if bad := missing.Find(got.Bytes()); bad != nil {
					t.Errorf("%s in %s shows a key that the catalogue lacks: %s", s.name, lang, bad)
				}
				webtest.Golden(t, *update, fmt.Sprintf("%s-%s.%s.html", s.name, name, lang), got.Bytes())
			}
		}
	}
}

// TestColumnsHaveNames: no table has two columns of the same name.
func TestColumnsHaveNames(t *testing.T) {
	head, cell := regexp.MustCompile(`(?s)<thead>.*?</thead>`), regexp.MustCompile(`<th[^>]*>(.*?)</th>`)
	files, err := filepath.Glob("testdata/*-busy.*.html")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		page, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range head.FindAll(page, -1) {
			seen := map[string]bool{}
			for _, name := range cell.FindAllStringSubmatch(string(row), -1) {
				if name[1] == "" || seen[name[1]] {
					t.Errorf("%s has two columns %q", file, name[1])
				}
				seen[name[1]] = true
			}
		}
	}
}

// TestWords: every word of another part that the console knows is in the catalogue of every language.
func TestWords(t *testing.T) {
	words := map[string][]string{
		"hq.kind.": kinds, "hq.about.": kinds, "wallet.": wallets, "hq.owner.": owners, "hq.outcome.": {string(Receivable), string(Loss), string(Noted), "voided"},
		"hq.lack.": {"entries_missing", "not_judged", "day_not_closed", LackDayOpen, "never_heard"}, "hq.cause.": {"day", "part", "now"},
		"hq.trouble.": {"lane_silent", "overdue", "no_way_back", "contradicts", "refund_failed", "refund_failed.do", "lane_silent.do", "overdue.do", "no_way_back.do", "contradicts.do"},
		"hq.choice.":  {string(Complete), string(Reverse), string(Cleared), string(Credited)},
		"hq.attempt.": {"asked", "confirming", "doubtful", "paid", "completed", "declined", "reversing", "closed", "manual", "refunding"},
		"hq.line.":    {"payment", "void", "refund", "adjustment"}, "hq.only.": {string(OnlyBehind), string(OnlySilent), string(OnlyForked), string(OnlyLost), string(OnlyOpen), string(OnlyRevoked)},
	}
	for prefix, list := range words {
		for _, word := range list {
			for _, lang := range web.Langs {
				if web.Word(lang, prefix+word, "") == "" {
					t.Errorf("%s lacks %s%s", lang, prefix, word)
				}
			}
		}
	}
}
