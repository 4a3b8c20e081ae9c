package phone

import (
	"fmt"
	"net/http"

	"tilld/agent/payment"
	"tilld/ui/web"
)

// Try is one thing to try in the demo: what to do, and what one should see. Its words are the catalogue's, under
// phone.try.KEY.
type Try struct {
	Key   string // names it, and its test
	steps int    // phone.try.KEY.1 and so on
	sees  int    // phone.try.KEY.see.1 and so on
}

// Tries is the guide, in its order. A test of the demo walks through each by the pages alone, under its key.
func Tries() []Try {
	return []Try{
		{"wallets", 3, 2},
		{"unknown", 4, 2},
		{"midway", 4, 2},
		{"confirm", 3, 2},
		{"declined", 3, 2},
		{"late", 4, 2},
		{"offline", 3, 2},
		{"overcap", 2, 1},
		{"carried", 4, 2},
		{"expired", 4, 1},
		{"revoked", 3, 2},
	}
}

// Steps and Sees are the last parts of the catalogue's keys.
func (t Try) Steps() []string { return t.keys("", t.steps) }

// Sees is what one should see, as Steps.
func (t Try) Sees() []string { return t.keys("see.", t.sees) }

func (t Try) keys(part string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s.%s%d", t.Key, part, i+1)
	}
	return list
}

// guide is what the page with the guide shows.
type guide struct {
	Tries   []Try
	Wallets []string      // of this demo
	Within  payment.Money // an amount that the last phone may spend offline
	Most    payment.Money // that it may spend
	Lanes   []Lane
	Console string
}

func (p *Page) guide(r *http.Request) (guide, error) {
	state, err := p.screen.wallet.State(r.Context())
	if err != nil {
		return guide{}, err
	}
	phones, err := p.screen.wallet.Phones(r.Context())
	if err != nil {
		return guide{}, err
	}
	g := guide{Tries: Tries(), Lanes: state.Lanes, Console: state.Console}
	for _, ph := range phones {
		if ph.Wallet == "" {
			g.Most, g.Within = ph.Cap, payment.Of(ph.Cap.Minor/6, ph.Cap.Currency)
		}
	}
	for _, o := range state.Operators {
		g.Wallets = append(g.Wallets, o.Wallet)
	}
	return g, nil
}

func (p *Page) try(w http.ResponseWriter, r *http.Request) {
	lang := web.Lang(r, p.preset)
	g, err := p.guide(r)
	if err != nil {
		p.log.ErrorContext(r.Context(), "page failed", "page", "try", "error", err)
		http.Error(w, payment.MessageOf(err), web.Status(err))
		return
	}
	if err := p.pages.Page(w, r, lang, "phone", "phone.try.title", "try", g); err != nil {
		p.log.ErrorContext(r.Context(), "page failed", "page", "try", "error", err)
	}
}
