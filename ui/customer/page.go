package customer

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"time"

	qrcode "github.com/skip2/go-qrcode"

	"tilld/ui/web"
)

//go:embed html/*.html
var htmlFiles embed.FS

// Path is where Register serves the screen.
const Path = "/customer"

// Page serves the customer's screen of one lane.
type Page struct {
	lane   Lane
	pages  *web.Pages
	preset string
	log    *slog.Logger
}

// New makes the screen; preset is its language, which a query ?lang= of its address replaces: nobody touches it to choose.
// Zone is the store's at the time of showing.
func New(lane Lane, preset string, zone func() *time.Location, log *slog.Logger) (*Page, error) {
	files, err := fs.Sub(htmlFiles, "html")
	if err != nil {
		return nil, err
	}
	pages, err := web.NewPages(files, zone())
	if err != nil {
		return nil, err
	}
	pages.SetZone(zone)
	pages.SetLost(web.Lost{Title: "customer.closed", Advice: "customer.title"})
	return &Page{lane: lane, pages: pages, preset: preset, log: log}, nil
}

// Register adds the screen's routes. The assets are the server's to add (web.Assets).
func (p *Page) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET "+Path, p.screen)
	mux.HandleFunc("GET "+Path+"/live", p.live)
}

// lang is the language that the address names, or the lane's.
func (p *Page) lang(r *http.Request) string {
	if want := r.URL.Query().Get("lang"); want != "" {
		for _, l := range web.Langs {
			if l == want {
				return l
			}
		}
	}
	return p.preset
}

func (p *Page) screen(w http.ResponseWriter, r *http.Request) {
	lang := p.lang(r)
	if err := p.pages.Page(w, r, lang, "customer", "customer.title", "customer", struct{ Live string }{Path + "/live?lang=" + lang}); err != nil {
		p.log.Error("page failed", "page", "customer", "error", err)
	}
}

func (p *Page) live(w http.ResponseWriter, r *http.Request) {
	lang := p.lang(r)
	err := web.Live(w, r, p.lane.Changes(r.Context()), func(b *bytes.Buffer) error {
		v := p.lane.CustomerView()
		shown := struct {
			View
			Code template.HTML
		}{View: v}
		if v.State == Offered {
			code, err := draw(v.Offer)
			if err != nil {
				return err
			}
			shown.Code = code
		}
		return p.pages.Fragment(b, lang, "customer-view", shown)
	})
	if err != nil && r.Context().Err() == nil {
		p.log.Error("live view ended", "path", r.URL.Path, "error", err)
	}
}

// draw makes a text a QR code of level M, as one path of unit squares with the quiet zone around it: sharp at any size, and
// part of the page, so that no picture of an earlier sale can stand beside this amount.
func draw(text string) (template.HTML, error) {
	q, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return "", fmt.Errorf("drawing a sale: %w", err)
	}
	bits := q.Bitmap()
	var path strings.Builder
	for y, row := range bits {
		for x := 0; x < len(row); x++ {
			from := x
			for x < len(row) && row[x] {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from, y, x-from, x-from)
			}
		}
	}
	return template.HTML(fmt.Sprintf(`<svg class="qr" viewBox="0 0 %d %d" role="img" shape-rendering="crispEdges"><rect width="%d" height="%d" fill="#fff"/><path fill="#000" d="%s"/></svg>`,
		len(bits), len(bits), len(bits), len(bits), path.String())), nil // numbers of our own
}
