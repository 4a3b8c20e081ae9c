package manager

import (
	"bytes"
	"embed"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"tilld/ui/web"
)

//go:embed html/*.html
var htmlFiles embed.FS

// Page serves the manager's page of one lane.
type Page struct {
	lane     Lane
	pages    *web.Pages
	pin      *web.PIN
	sessions *web.Sessions
	preset   string
	log      *slog.Logger
}

// New makes the page; preset is the language until somebody chooses, zone the store's at the time of showing.
func New(lane Lane, pin *web.PIN, sessions *web.Sessions, preset string, zone func() *time.Location, log *slog.Logger) (*Page, error) {
	files, err := fs.Sub(htmlFiles, "html")
	if err != nil {
		return nil, err
	}
	pages, err := web.NewPages(files, zone())
	if err != nil {
		return nil, err
	}
	pages.SetZone(zone)
	return &Page{lane: lane, pages: pages, pin: pin, sessions: sessions, preset: preset, log: log}, nil
}

// Register adds the page's routes.
func (p *Page) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /manager", p.show)
	mux.HandleFunc("GET /manager/live", p.live)
	mux.HandleFunc("POST /manager/in", p.signIn)
	mux.HandleFunc("POST /manager/out", p.signOut)
}

func (p *Page) signedIn(r *http.Request) bool { return p.sessions.Who(r) != "" }

func (p *Page) show(w http.ResponseWriter, r *http.Request) {
	name, data := "board", any(nil)
	if !p.signedIn(r) {
		set, err := p.pin.IsSet()
		if err != nil {
			p.log.Error("reading the manager's PIN", "error", err)
		}
		name, data = "signin", set
	}
	if err := p.pages.Page(w, r, web.Lang(r, p.preset), "board", "manager.title", name, data); err != nil {
		p.log.Error("page failed", "page", name, "error", err)
	}
}

func (p *Page) signIn(w http.ResponseWriter, r *http.Request) {
	err := p.pin.Check(r.FormValue("pin"))
	if err == nil {
		err = p.sessions.Begin(w, "manager")
	}
	if err != nil {
		if web.Status(err) >= 500 {
			p.log.Error("sign-in failed", "error", err)
		}
		http.Error(w, web.Say(web.Lang(r, p.preset), "", err), web.Status(err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (p *Page) signOut(w http.ResponseWriter, r *http.Request) {
	p.sessions.End(w, r)
	w.WriteHeader(http.StatusNoContent)
}

// live is over when the session is, so that a page left open shows the sign-in and no figures; and a page left
// open does not keep the session alive.
func (p *Page) live(w http.ResponseWriter, r *http.Request) {
	lang := web.Lang(r, p.preset)
	err := web.Live(w, r, p.lane.Changes(r.Context()), func(b *bytes.Buffer) error {
		if p.sessions.Still(r) == "" {
			return web.ErrOver
		}
		board, err := p.lane.Board(r.Context())
		if err != nil {
			return err
		}
		return p.pages.Fragment(b, lang, "figures", board)
	})
	if err != nil && r.Context().Err() == nil {
		p.log.Error("live view ended", "path", r.URL.Path, "error", err)
	}
}

// Used is the share used, in whole per cent.
func (b Board) Used() int64 {
	if b.Share.Minor <= 0 {
		return 100
	}
	return min(b.AtRisk.Minor*100/b.Share.Minor, 100)
}

// Level is how near the money at risk is to the share: the same words as on the cashier's page.
func (b Board) Level() string {
	return web.RiskLevel(b.AtRisk.Minor, b.Share.Minor, b.RiskCount, b.ShareCount)
}

// Tone is the level's colour.
func (b Board) Tone() string {
	switch b.Level() {
	case "calm":
		return "good"
	case "raised":
		return "mid"
	}
	return "bad"
}

// Chart is the day's chart as the page's script takes it.
func (b Board) Chart() (string, error) {
	day := web.Bars{Currency: b.Share.Currency}
	for _, h := range b.Hours {
		day.Labels, day.Sums = append(day.Labels, h.Label), append(day.Sums, h.Sum)
	}
	return day.JSON()
}
