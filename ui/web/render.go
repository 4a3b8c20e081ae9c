package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"tilld/agent/payment"
)

//go:embed assets
var assetFiles embed.FS

//go:embed layout.html
var layout string

// Pages renders one package's templates in every language.
type Pages struct {
	byLang map[string]*template.Template
	zone   func() *time.Location
	lost   Lost
}

// Lost are the catalogue's keys of what a page says when it has lost its stream.
type Lost struct{ Title, Advice string }

// SetLost replaces the words for a lane's screen.
func (p *Pages) SetLost(l Lost) { p.lost = l }

// SetZone has times shown in a zone that is asked for each time: a lane's may change while it runs.
func (p *Pages) SetZone(zone func() *time.Location) { p.zone = zone }

// NewPages parses the templates of files (all *.html in its root). Each page defines "content", and is
// rendered inside the common layout by Page, or alone by Fragment. Times are shown in zone, which SetZone replaces.
func NewPages(files fs.FS, zone *time.Location) (*Pages, error) {
	p := &Pages{byLang: map[string]*template.Template{}, zone: func() *time.Location { return zone }, lost: Lost{"lost.title", "lost.advice"}}
	for _, lang := range Langs {
		t, err := template.New("layout.html").Funcs(p.funcs(lang)).Parse(layout)
		if err == nil {
			t, err = t.ParseFS(files, "*.html")
		}
		if err != nil {
			return nil, fmt.Errorf("reading page templates: %w", err)
		}
		p.byLang[lang] = t
	}
	return p, nil
}

func (p *Pages) funcs(lang string) template.FuncMap {
	return template.FuncMap{
		"t":       func(key string, args ...any) string { return Text(lang, key, args...) },
		"lang":    func() string { return lang },
		"langs":   func() []string { return Langs },
		"money":   func(m payment.Money) string { return Money(lang, m) },
		"clock":   func(t time.Time) string { return p.clock(t, "15:04") },
		"stamp":   func(t time.Time) string { return p.clock(t, "01-02 15:04:05") },
		"when":    func(t time.Time) string { return p.clock(t, "2006-01-02 15:04:05") },
		"since":   p.since,
		"tail":    Tail,
		"span":    func(d time.Duration) string { return Span(lang, d) },
		"hours":   func(d time.Duration) string { return Hours(lang, d) },
		"word":    func(key, otherwise string) string { return Word(lang, key, otherwise) },
		"wallets": func(names []string) string { return wallets(lang, names) },
	}
}

func (p *Pages) clock(t time.Time, form string) string {
	if t.IsZero() {
		return "–"
	}
	return t.In(p.zone()).Format(form)
}

// since is the time of day, and of another day than the given one its date too.
func (p *Pages) since(t time.Time, today payment.Date) string {
	if t.IsZero() || payment.DateOf(t.In(p.zone())) == today {
		return p.clock(t, "15:04")
	}
	return p.clock(t, "01-02 15:04")
}

// Tail is the end of an identifier, enough to tell two apart on a screen.
func Tail(id payment.ID) string {
	s := id.String()
	return s[len(s)-6:]
}

// wallets are the names that people know wallets by. One that the catalogue does not know is shown as the policy calls it.
func wallets(lang string, names []string) string {
	known := make([]string, len(names))
	for i, name := range names {
		known[i] = Word(lang, "wallet."+name, name)
	}
	return strings.Join(known, Text(lang, "list.comma"))
}

// Fragment renders one template by its name.
func (p *Pages) Fragment(w io.Writer, lang, name string, data any) error {
	if err := p.byLang[lang].ExecuteTemplate(w, name, data); err != nil {
		return fmt.Errorf("rendering %s: %w", name, err)
	}
	return nil
}

// page is what the layout needs.
type page struct {
	Title string
	Body  template.HTML
	Class string
	Lost  Lost
}

// Page answers with a whole page: the named template inside the layout, under the catalogue's title. A
// template that fails answers 500 and nothing of itself.
func (p *Pages) Page(w http.ResponseWriter, r *http.Request, lang, class, title, name string, data any) error {
	return p.PageStatus(w, http.StatusOK, lang, class, title, name, data)
}

// PageStatus is Page with another status.
func (p *Pages) PageStatus(w http.ResponseWriter, status int, lang, class, title, name string, data any) error {
	var body, whole bytes.Buffer
	err := p.Fragment(&body, lang, name, data)
	if err == nil { // the body is our own template's output
		err = p.Fragment(&whole, lang, "layout.html", page{Text(lang, title), template.HTML(body.String()), class, p.lost})
	}
	if err != nil {
		http.Error(w, "this page can't be shown; see the log", http.StatusInternalServerError)
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, err = whole.WriteTo(w)
	return err
}

// Assets serves what is embedded, under /assets/.
func Assets() http.Handler {
	files, err := fs.Sub(assetFiles, "assets")
	if err != nil {
		panic(err) // embedded by us
	}
	serve := http.StripPrefix("/assets/", http.FileServerFS(files))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		serve.ServeHTTP(w, r)
	})
}
