package web

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

//go:embed catalogue/*.json
var catalogueFiles embed.FS

// Langs are the languages of the pages, in the order in which they are offered, by their HTML tag.
var Langs = []string{"en", "ja", "zh-Hant"}

// catalogues holds language -> key -> text.
var catalogues = loadCatalogues()

// loadCatalogues reads catalogue/<part>.<lang>.json; each part is one page's, or shared.
func loadCatalogues() map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, lang := range Langs {
		all[lang] = map[string]string{}
		names, err := fs.Glob(catalogueFiles, "catalogue/*."+lang+".json")
		if err != nil {
			panic(err) // a constant pattern
		}
		for _, name := range names {
			b, err := catalogueFiles.ReadFile(name)
			part := map[string]string{}
			if err == nil {
				err = json.Unmarshal(b, &part)
			}
			if err != nil {
				panic(fmt.Errorf("%s: %w", name, err)) // embedded by us
			}
			maps.Copy(all[lang], part)
		}
	}
	return all
}

// Text is a phrase of the catalogue. Arguments fill {0}, {1}, ... A key that is missing is shown as itself:
// a test makes sure that none is.
func Text(lang, key string, args ...any) string {
	text, ok := catalogues[lang][key]
	if !ok {
		return "[" + key + "]"
	}
	for i, a := range args {
		text = strings.ReplaceAll(text, fmt.Sprintf("{%d}", i), fmt.Sprint(a))
	}
	return text
}

// Word is the catalogue's text for a key made of what another part of tilld says, such as an exception's
// kind; what the catalogue does not know yet is shown as it came.
func Word(lang, key, otherwise string) string {
	if text, ok := catalogues[lang][key]; ok {
		return text
	}
	return otherwise
}

// Named lists, in order, what the catalogue has words for under a prefix: of "wallet." the identifiers of the wallets that
// have names.
func Named(prefix string) (list []string) {
	for key := range catalogues[Langs[0]] {
		if name, ok := strings.CutPrefix(key, prefix); ok {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// Span is a length of time in its largest whole unit: "40 s", "3 min", "26 h", "9 d".
func Span(lang string, d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return Text(lang, "span.s", int64(d/time.Second))
	case d < time.Hour:
		return Text(lang, "span.min", int64(d/time.Minute))
	case d < 48*time.Hour:
		return Text(lang, "span.h", int64(d/time.Hour))
	}
	return Text(lang, "span.d", int64(d/(24*time.Hour)))
}

// Hours is a length of time to the minute: "3 h 12 min".
func Hours(lang string, d time.Duration) string {
	d = max(d, 0)
	return Text(lang, "span.hm", int64(d/time.Hour), int64(d%time.Hour/time.Minute))
}

const langCookie = "tilld-lang"

// Lang is the language of a request: chosen by cookie, else the page's default.
func Lang(r *http.Request, preset string) string {
	if c, err := r.Cookie(langCookie); err == nil && catalogues[c.Value] != nil {
		return c.Value
	}
	if catalogues[preset] != nil {
		return preset
	}
	return Langs[0]
}

// SetLang answers POST /lang with lang=ja: the choice is kept in a cookie for a year.
func SetLang(w http.ResponseWriter, r *http.Request) {
	lang := r.FormValue("lang")
	if catalogues[lang] == nil {
		http.Error(w, "no such language", http.StatusUnprocessableEntity)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: langCookie, Value: lang, Path: "/", MaxAge: 365 * 24 * 3600,
		HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	w.WriteHeader(http.StatusNoContent)
}
