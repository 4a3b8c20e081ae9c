package phone

import (
	"bytes"
	"embed"
	"io/fs"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"tilld/agent/payment"
	"tilld/ui/web"
)

//go:embed html/*.html
var htmlFiles embed.FS

// Page serves the phone.
type Page struct {
	screen *screen
	pages  *web.Pages
	preset string
	log    *slog.Logger
}

// New makes the page; preset is the language until somebody chooses, zone that of the times shown, now the
// clock that codes expire by.
func New(w Wallet, now func() time.Time, preset string, zone *time.Location, log *slog.Logger) (*Page, error) {
	files, err := fs.Sub(htmlFiles, "html")
	if err != nil {
		return nil, err
	}
	pages, err := web.NewPages(files, zone)
	if err != nil {
		return nil, err
	}
	pages.SetLost(web.Lost{Title: "phone.lost.title", Advice: "phone.lost.advice"})
	return &Page{screen: newScreen(w, now), pages: pages, preset: preset, log: log}, nil
}

// Register adds the page's routes: /phone and all below, / which leads there, /try, and /lang. The assets are the
// server's to add (web.Assets).
func (p *Page) Register(mux *http.ServeMux) {
	mux.Handle("GET /{$}", http.RedirectHandler("/phone", http.StatusSeeOther))
	mux.HandleFunc("POST /lang", web.SetLang)
	mux.HandleFunc("GET /phone", p.show)
	mux.HandleFunc("GET /phone/live", p.live)
	mux.HandleFunc("GET /phone/code.png", p.picture)
	s := p.screen
	mux.HandleFunc("POST /phone/hold", p.do(p.hold))
	mux.HandleFunc("POST /phone/show", p.do(func(r *http.Request) error { return s.show(r.Context(), Kind(r.FormValue("what"))) }))
	mux.HandleFunc("POST /phone/pay", p.do(func(r *http.Request) error { return s.pay(r.Context(), r.FormValue("lane")) }))
	mux.HandleFunc("POST /phone/choose", p.do(func(r *http.Request) error {
		return s.choose(r.Context(), r.FormValue("phone"), r.FormValue("place"))
	}))
	mux.HandleFunc("POST /phone/next", p.do(func(r *http.Request) error { return s.next(r.Context()) }))
	mux.HandleFunc("POST /phone/network", p.do(p.network))
	mux.HandleFunc("POST /phone/operator", p.do(p.operator))
	mux.HandleFunc("POST /phone/confirm", p.do(p.confirm))
	mux.HandleFunc("POST /phone/key", p.do(p.key))
	mux.HandleFunc("POST /phone/right", p.do(p.right))
	mux.HandleFunc("GET /try", p.try)
	mux.HandleFunc("POST /phone/scanner", p.do(p.scanner))
}

func (p *Page) show(w http.ResponseWriter, r *http.Request) {
	v, err := p.screen.look(r.Context())
	if err == nil {
		err = v.draw()
	}
	if err != nil {
		p.log.ErrorContext(r.Context(), "page failed", "page", "phone", "error", err)
		http.Error(w, payment.MessageOf(err), web.Status(err))
		return
	}
	if err := p.pages.Page(w, r, web.Lang(r, p.preset), "phone", "phone.title", "phone", v); err != nil {
		p.log.ErrorContext(r.Context(), "page failed", "page", "phone", "error", err)
	}
}

func (p *Page) live(w http.ResponseWriter, r *http.Request) {
	lang := web.Lang(r, p.preset)
	err := web.Live(w, r, p.screen.changes(r.Context()), func(b *bytes.Buffer) error {
		v, err := p.screen.look(r.Context())
		if err == nil {
			err = v.draw()
		}
		if err != nil {
			return err
		}
		return p.pages.Fragment(b, lang, "phone.live", v)
	})
	if err != nil && r.Context().Err() == nil {
		p.log.ErrorContext(r.Context(), "live view ended", "path", r.URL.Path, "error", err)
	}
}

// maxScale bounds the size of a picture.
const maxScale = 40

// picture draws what is shown. The address holds its number only so that no window shows an older one.
func (p *Page) picture(w http.ResponseWriter, r *http.Request) {
	scale, err := strconv.Atoi(r.FormValue("scale"))
	if err != nil || scale < 1 || scale > maxScale {
		http.Error(w, "scale: 1 to "+strconv.Itoa(maxScale), http.StatusUnprocessableEntity)
		return
	}
	kind, text := p.screen.picture()
	if text == "" {
		http.NotFound(w, r)
		return
	}
	var image []byte
	m, err := draw(kind, text)
	if err == nil {
		image, err = m.PNG(scale)
	}
	if err != nil {
		p.log.ErrorContext(r.Context(), "page failed", "page", "code", "error", err)
		http.Error(w, "this code can't be drawn", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	_, _ = w.Write(image) // a browser that is gone needs no picture
}

// hold takes the number of what the user saw, which a program that holds without looking leaves away.
func (p *Page) hold(r *http.Request) error {
	var seen uint64
	if text := r.FormValue("seen"); text != "" {
		var err error
		if seen, err = strconv.ParseUint(text, 10, 64); err != nil {
			return payment.Errorf(payment.Invalid, "phone.hold", "seen: want a code's number, not %q", text)
		}
	}
	return p.screen.hold(r.Context(), r.FormValue("lane"), seen)
}

func (p *Page) network(r *http.Request) error {
	defer p.screen.changed()
	switch to := r.FormValue("to"); to {
	case "cut":
		return p.screen.wallet.CutHQ(r.Context())
	case "restore":
		return p.screen.wallet.RestoreHQ(r.Context())
	default:
		return payment.Errorf(payment.Invalid, "phone.network", "cut or restore, not %q", to)
	}
}

func (p *Page) scanner(r *http.Request) error {
	defer p.screen.changed()
	to := r.FormValue("to")
	if to != "in" && to != "out" {
		return payment.Errorf(payment.Invalid, "phone.scanner", "in or out, not %q", to)
	}
	return p.screen.wallet.Plug(r.Context(), r.FormValue("lane"), to == "in")
}

func (p *Page) operator(r *http.Request) error {
	mode := Mode(r.FormValue("mode"))
	if !slices.Contains(Modes, mode) {
		return payment.Errorf(payment.Invalid, "phone.operator", "no operator behaves %q", string(mode))
	}
	if err := p.screen.wallet.Behave(r.Context(), r.FormValue("wallet"), mode); err != nil {
		return err
	}
	p.screen.behaved(r.Context(), r.FormValue("wallet"))
	return nil
}

func (p *Page) confirm(r *http.Request) error {
	defer p.screen.changed()
	yes := r.FormValue("yes")
	if yes != "yes" && yes != "no" {
		return payment.Errorf(payment.Invalid, "phone.confirm", "yes or no, not %q", yes)
	}
	return p.screen.wallet.Confirm(r.Context(), r.FormValue("wallet"), r.FormValue("ref"), yes == "yes")
}

// key is the end of a phone's key, or a new phone.
func (p *Page) key(r *http.Request) error {
	switch to := r.FormValue("to"); to {
	case "lost":
		defer p.screen.changed()
		return p.screen.wallet.Report(r.Context(), r.FormValue("phone"))
	case "new":
		if err := p.screen.wallet.Replace(r.Context(), r.FormValue("phone")); err != nil {
			return err
		}
		return p.screen.show(r.Context(), House)
	default:
		return payment.Errorf(payment.Invalid, "phone.key", "lost or new, not %q", to)
	}
}

func (p *Page) right(r *http.Request) error {
	defer p.screen.changed()
	to := r.FormValue("to")
	if to != "short" && to != "usual" {
		return payment.Errorf(payment.Invalid, "phone.right", "short or usual, not %q", to)
	}
	return p.screen.wallet.Right(r.Context(), to == "short")
}

func (p *Page) do(act func(*http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := act(r)
		if err == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		status := web.Status(err)
		if status >= http.StatusInternalServerError {
			p.log.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "error", err)
		}
		http.Error(w, payment.MessageOf(err), status)
	}
}
