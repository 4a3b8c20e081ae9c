package hq

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tilld/agent/payment"
	"tilld/ui/web"
)

//go:embed html/*.html
var htmlFiles embed.FS

// pace is how often a live view asks the Office again.
const pace = 2 * time.Second

// Config is what the console is made of. Every field must be set.
type Config struct {
	Office   Office
	Auth     Auth
	Sessions *web.Sessions
	Now      func() time.Time
	Preset   string         // language until somebody chooses
	Zone     *time.Location // of the times that are shown
	Log      *slog.Logger
}

// Page serves the console.
type Page struct {
	Config
	pages *web.Pages
	tries *tries
}

// New makes the console.
func New(c Config) (*Page, error) {
	files, err := fs.Sub(htmlFiles, "html")
	if err != nil {
		return nil, err
	}
	pages, err := web.NewPages(files, c.Zone)
	if err != nil {
		return nil, err
	}
	pages.SetLost(web.Lost{Title: "hq.lost.title", Advice: "hq.lost.advice"})
	return &Page{Config: c, pages: pages, tries: newTries(c.Now)}, nil
}

// Register adds the console's routes: /hq and all below, / which leads there, /lang, and a page that says so for every
// other address that nobody else answers. The assets are the
// server's to add (web.Assets).
func (p *Page) Register(mux *http.ServeMux) {
	mux.Handle("GET /{$}", http.RedirectHandler("/hq", http.StatusSeeOther))
	mux.HandleFunc("POST /lang", web.SetLang)
	mux.HandleFunc("POST /hq/in", p.signIn)
	mux.HandleFunc("POST /hq/out", p.signOut)
	for i := range sheets {
		s := &sheets[i]
		mux.HandleFunc("GET "+s.path, p.show(s))
		if s.live {
			mux.HandleFunc("GET "+s.path+"/live", p.stream(s))
		}
	}
	mux.HandleFunc("GET /hq/find", p.find)
	mux.HandleFunc("GET /hq/batches/{id}/{file}", p.download)
	mux.HandleFunc("POST /hq/decide", p.act(p.decide))
	mux.HandleFunc("POST /hq/online/decide", p.act(p.decideAttempt))
	mux.HandleFunc("POST /hq/cut", p.act(p.cut))
	mux.HandleFunc("GET /", p.nowhere)
}

// view is what every template of the console gets.
type view struct {
	Tab   string
	Me    person
	Asked url.Values // the query, for the filters
	Live  string     // address of the stream; empty: this view does not change by itself
	First string     // address of the list's beginning, when this is not it
	Older string     // address of what follows
	Data  any
}

func (p *Page) lang(r *http.Request) string { return web.Lang(r, p.Preset) }

// show answers with a whole page.
func (p *Page) show(s *sheet) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		me, err := p.person(r, p.Sessions.Who)
		v := view{Tab: s.tab, Me: me}
		if err == nil {
			v, err = p.load(s, r, me)
		}
		if err != nil {
			p.problem(w, r, v, err)
			return
		}
		p.page(w, r, http.StatusOK, s.title, s.name, v)
	}
}

// nowhere answers for an address that leads to nothing, to anybody.
func (p *Page) nowhere(w http.ResponseWriter, r *http.Request) {
	p.page(w, r, http.StatusNotFound, "hq.title", "nowhere", nil)
}

func (p *Page) page(w http.ResponseWriter, r *http.Request, status int, title, name string, data any) {
	if err := p.pages.PageStatus(w, status, p.lang(r), "hq", title, name, data); err != nil {
		p.Log.ErrorContext(r.Context(), "page failed", "page", name, "error", err)
	}
}

// problem answers with a page that says what is wrong, or with the sign-in.
func (p *Page) problem(w http.ResponseWriter, r *http.Request, v view, err error) {
	if payment.CodeOf(err) == payment.Unauthorized {
		p.page(w, r, http.StatusUnauthorized, "hq.title", "signin", nil)
		return
	}
	p.note(r, err)
	v.Data = payment.MessageOf(err)
	p.page(w, r, web.Status(err), "hq.title", "problem", v)
}

// note logs what is our fault or the machine's.
func (p *Page) note(r *http.Request, err error) {
	if web.Status(err) >= http.StatusInternalServerError && r.Context().Err() == nil {
		p.Log.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "error", err)
	}
}

// load asks the Office for what a sheet shows.
func (p *Page) load(s *sheet, r *http.Request, me person) (view, error) {
	f := &form{in: r.URL.Query()}
	v := view{Tab: s.tab, Me: me, Asked: f.in}
	data, older, err := s.load(p, r, f)
	if f.err != nil {
		return v, f.err
	}
	if err != nil {
		return v, err
	}
	v.Data = data
	path := strings.TrimSuffix(r.URL.Path, "/live") // a stream's links are its page's
	after := f.in.Get(s.cursor)
	if older != "" {
		v.Older = path + "?" + with(f.in, s.cursor, older)
	}
	if after != "" {
		v.First = path + "?" + with(f.in, s.cursor, "")
	}
	if s.live && after == "" && !f.still {
		v.Live = s.path + "/live?" + f.in.Encode()
	}
	return v, nil
}

// stream keeps a sheet's figures live. It is over when the session is, and a page left open does not keep
// the session alive.
func (p *Page) stream(s *sheet) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		lang := p.lang(r)
		var last []byte
		var due time.Time
		err := web.Live(w, r, nil, func(b *bytes.Buffer) error {
			if p.Now().Before(due) {
				b.Write(last)
				return nil
			}
			due = p.Now().Add(pace)
			if err := p.render(b, s, r, lang); err != nil {
				return err
			}
			last = bytes.Clone(b.Bytes())
			return nil
		})
		if err != nil && r.Context().Err() == nil {
			p.Log.ErrorContext(r.Context(), "live view ended", "path", r.URL.Path, "error", err)
		}
	}
}

func (p *Page) render(b *bytes.Buffer, s *sheet, r *http.Request, lang string) error {
	me, err := p.person(r, p.Sessions.Still)
	if code := payment.CodeOf(err); code == payment.Unauthorized || code == payment.Forbidden {
		return fmt.Errorf("%w: %w", web.ErrOver, err)
	}
	if err != nil {
		return err
	}
	v, err := p.load(s, r, me)
	if err != nil {
		return err
	}
	return p.pages.Fragment(b, lang, s.name+".live", v)
}
