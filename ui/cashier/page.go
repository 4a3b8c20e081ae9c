package cashier

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"

	"tilld/agent/payment"
	"tilld/ui/web"
)

//go:embed html/*.html
var htmlFiles embed.FS

// Page serves the cashier's screen of one lane.
type Page struct {
	lane   Lane
	pages  *web.Pages
	pin    *web.PIN
	preset string
	log    *slog.Logger
}

// New makes the screen; preset is the language until somebody chooses, zone the store's at the time of showing.
func New(lane Lane, pin *web.PIN, preset string, zone func() *time.Location, log *slog.Logger) (*Page, error) {
	files, err := fs.Sub(htmlFiles, "html")
	if err != nil {
		return nil, err
	}
	pages, err := web.NewPages(files, zone())
	if err != nil {
		return nil, err
	}
	pages.SetZone(zone)
	return &Page{lane: lane, pages: pages, pin: pin, preset: preset, log: log}, nil
}

// Register adds the screen's routes.
func (p *Page) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", p.screen)
	mux.HandleFunc("GET /live", p.live)
	mux.HandleFunc("GET /today", p.today)
	mux.HandleFunc("GET /today/live", p.todayLive)
	mux.HandleFunc("POST /sale", p.open)
	mux.HandleFunc("POST /cancel", p.do(web.DoCancel, func(r *http.Request) error { return p.lane.CancelSale(r.Context()) }))
	mux.HandleFunc("POST /next", p.do(web.DoSale, func(r *http.Request) error { return p.lane.Next(r.Context()) }))
	mux.HandleFunc("POST /park", p.do(web.DoAttempt, func(r *http.Request) error { return p.lane.Park(r.Context()) }))
	mux.HandleFunc("POST /takeback", p.do(web.DoAttempt, p.takeBack))
	mux.HandleFunc("POST /dismiss", p.do(web.DoDismiss, func(r *http.Request) error { return p.lane.Dismiss(r.Context(), r.FormValue("ref")) }))
	mux.HandleFunc("POST /another", p.do(web.DoAttempt, func(r *http.Request) error { return p.lane.Another(r.Context()) }))
	mux.HandleFunc("POST /carry", p.do(web.DoCarry, func(r *http.Request) error { return p.lane.Carry(r.Context()) }))
	mux.HandleFunc("POST /send", p.send)
	mux.HandleFunc("POST /void", p.do(web.DoVoid, p.void))
	mux.HandleFunc("POST /void/practice", p.do(web.DoVoidPractice, p.void))
	mux.HandleFunc("POST /giveback", p.do(web.DoRefund, p.giveBack))
	mux.HandleFunc("POST /refund/dismiss", p.do(web.DoDismiss, func(r *http.Request) error { return p.lane.DismissRefund(r.Context(), r.FormValue("ref")) }))
	mux.HandleFunc("POST /lang", web.SetLang)
}

func (p *Page) lang(r *http.Request) string { return web.Lang(r, p.preset) }

func (p *Page) screen(w http.ResponseWriter, r *http.Request) {
	p.page(w, r, "lane", "cashier.title", "screen", struct{ Currency payment.Currency }{p.lane.Currency()})
}

func (p *Page) today(w http.ResponseWriter, r *http.Request) {
	p.page(w, r, "list", "cashier.today.title", "today", p.giving())
}

// giving is what the dialogs for giving back need; nil: nothing is given back through HQ here.
func (p *Page) giving() any {
	v := p.lane.View()
	if !v.Refund {
		return nil
	}
	return struct {
		Currency payment.Currency
		Alone    bool
	}{p.lane.Currency(), v.Alone}
}

func (p *Page) page(w http.ResponseWriter, r *http.Request, class, title, name string, data any) {
	if err := p.pages.Page(w, r, p.lang(r), class, title, name, data); err != nil {
		p.log.Error("page failed", "page", name, "error", err)
	}
}

func (p *Page) live(w http.ResponseWriter, r *http.Request) {
	lang := p.lang(r)
	p.stream(w, r, func(b *bytes.Buffer) error { return p.pages.Fragment(b, lang, "view", p.lane.View()) })
}

func (p *Page) todayLive(w http.ResponseWriter, r *http.Request) {
	lang := p.lang(r)
	p.stream(w, r, func(b *bytes.Buffer) error {
		rows, err := p.lane.Today(r.Context())
		if err != nil {
			return err
		}
		l := split(rows)
		l.Backs = p.lane.View().Refunds
		return p.pages.Fragment(b, lang, "rows", l)
	})
}

// list is today's list as it is shown, behind what is being given back.
type list struct {
	Today, Earlier []Row
	Backs          []Refund
}

// split parts today's rows from those of earlier dates: the many of a long day must not hide what waits longest.
func split(rows []Row) (l list) {
	for _, r := range rows {
		part := &l.Today
		if r.Date != 0 {
			part = &l.Earlier
		}
		if len(*part) < maxRowsOut {
			*part = append(*part, r)
		}
	}
	return l
}

func (p *Page) stream(w http.ResponseWriter, r *http.Request, render func(*bytes.Buffer) error) {
	if err := web.Live(w, r, p.lane.Changes(r.Context()), render); err != nil && r.Context().Err() == nil {
		p.log.Error("live view ended", "path", r.URL.Path, "error", err)
	}
}

// open starts a sale for a typed amount. What is no amount is refused in words that also fit a
// keyboard-wedge reader's code.
func (p *Page) open(w http.ResponseWriter, r *http.Request) {
	text := strings.NewReplacer(",", "", " ", "", "\u3000", "").Replace(r.FormValue("amount"))
	amount, err := payment.ParseMoney(text, p.lane.Currency())
	if err == nil {
		err = amount.Validate()
	}
	if err != nil {
		http.Error(w, web.Text(p.lang(r), "cashier.amount.bad"), http.StatusUnprocessableEntity)
		return
	}
	if most := p.lane.Most(); amount.Currency == most.Currency && amount.Minor > most.Minor { // before anybody takes out a phone
		http.Error(w, web.Text(p.lang(r), "cashier.amount.over", web.Money(p.lang(r), most)), http.StatusUnprocessableEntity)
		return
	}
	p.answer(w, r, web.DoSale, p.lane.OpenSale(r.Context(), amount, r.FormValue("cashier")))
}

// takeBack gives up the attempt that the cashier was shown. The screen's own has no ref there, so its sale says whether it
// is still the same: it took the cashier a while to answer.
func (p *Page) takeBack(r *http.Request) error {
	ref := r.FormValue("ref")
	if ref == "" && r.FormValue("sale") != p.lane.View().Sale.String() {
		return payment.Errorf(payment.Conflict, "cashier.takeback", "another sale is on the screen by now")
	}
	return p.lane.TakeBack(r.Context(), ref)
}

func (p *Page) void(r *http.Request) error {
	const op = "cashier.void"
	id, err := payment.ParseID(r.FormValue("payment"))
	if err != nil {
		return payment.Errorf(payment.Invalid, op, "%w", err)
	}
	who := strings.TrimSpace(r.FormValue("supervisor"))
	if len(who) > 64 || !strings.ContainsFunc(who, unicode.IsLetter) { // a PIN in the wrong field is not journalled as a name
		return payment.Errorf(payment.Invalid, op, "the manager's name is missing, too long or no name")
	}
	if err := p.pin.Check(r.FormValue("pin")); err != nil {
		return err
	}
	return p.lane.Void(r.Context(), id, who)
}

// sentWords are the catalogue's.
var sentWords = map[Sent]string{SentAll: "cashier.sent.all", SentSome: "cashier.sent.some", Unheard: "cashier.sent.none"}

// send answers with what came of it, in words.
func (p *Page) send(w http.ResponseWriter, r *http.Request) {
	sent, err := p.lane.SendNow(r.Context())
	if err != nil {
		p.answer(w, r, "", err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, web.Text(p.lang(r), sentWords[sent])) // a page that is gone needs no answer
}

func (p *Page) do(what string, act func(*http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { p.answer(w, r, what, act(r)) }
}

func (p *Page) answer(w http.ResponseWriter, r *http.Request, tried string, err error) {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	status := web.Status(err)
	if status >= 500 {
		p.log.Error("cashier's request failed", "path", r.URL.Path, "error", err)
	}
	http.Error(w, web.Say(p.lang(r), tried, err), status)
}

// Sound names the tone that goes with the view.
func (v View) Sound() string {
	switch v.State {
	case Paid:
		return "paid"
	case Refused:
		return "refused"
	case Stopped:
		return "stopped"
	case Pending:
		return "pending"
	case Unknown:
		return "unknown"
	case Same:
		return "same"
	}
	return "" // of Asking too: its answer sounds
}

// Asked says whether the outcome of the sale on the screen lies with a wallet's operator.
func (v View) Asked() bool { return v.State == Asking || v.State == Pending || v.State == Unknown }

// Told names the sales put aside that are settled: one more of them is heard.
func (v View) Told() string {
	var refs []string
	for _, p := range v.Parked {
		if p.Settled() {
			refs = append(refs, p.Ref)
		}
	}
	return strings.Join(refs, " ")
}

// Twin is what the sale of Same may be the same purchase as: "" for one that is still open, ".paid", or ".back" for one
// that was taken back.
func (v View) Twin() string {
	for i := len(v.Parked) - 1; i >= 0; i-- { // the newest one is the likeliest
		switch p := v.Parked[i]; {
		case p.Amount != v.Amount || p.Outcome == payment.NotPaid:
		case p.Outcome == payment.Paid:
			return ".paid"
		default:
			return ""
		}
	}
	return ".back"
}

// Mark is what the page watches to hear the same remark twice.
func (v View) Mark() string {
	if v.Notice == "" {
		return ""
	}
	return fmt.Sprint(v.NoticeNo)
}

// Limits is the catalogue's key of what can't be sold now for want of HQ's word; "" for nothing.
func (v View) Limits() string {
	words := map[Works]string{Full: "cashier.offline.full", Small: "cashier.offline.small", None: "cashier.offline.none"}
	switch {
	case v.AsksHouse && v.Online: // its issuer is asked
		return ""
	case v.Asks && v.Online: // operators' wallets work
		words = map[Works]string{Small: "cashier.house.small", None: "cashier.house.none"}
	case v.Asks: // they don't
		words[Full] = "cashier.offline.asks"
	case v.Online:
		delete(words, Full)
	}
	return words[v.Works]
}

// NoWallet says that no wallet at all can be taken.
func (v View) NoWallet() bool { return v.Works == None && !((v.Asks || v.AsksHouse) && v.Online) }

// Blind says whether the scanner is known to be of no use: a banner says why, and the header only that.
func (v View) Blind() bool {
	return v.Scanner == ScannerLost || v.Scanner == ScannerBusy || v.Scanner == ScannerDenied
}
