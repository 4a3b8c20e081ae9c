package hq

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"tilld/agent/payment"
	"tilld/ui/web"
)

// Operator is how it stands with one wallet's operator.
type Operator struct {
	Wallet string
	Silent bool      // its last calls brought no answer
	Since  time.Time // since when, of Silent
	Last   time.Time // its last call; zero: there was none since HQ's start
	Why    string    // of Silent: why the last call brought none, for support
}

// Attempt is one try to be paid by a wallet operator, or to give money back, which a person has to look at.
type Attempt struct {
	Ref         string // names it to the operator
	Payment     payment.ID
	Store, Lane string
	Wallet      string
	Amount      payment.Money
	Reference   string // of the sale, the shop's own
	Begun       time.Time
	PaidAt      time.Time // by the operator's clock; zero: it did not say
	State       string    // asked, confirming, doubtful, paid, completed, declined, reversing, closed, manual; refunding, of money that is being given back
	Trouble     string    // lane_silent, overdue, no_way_back, contradicts; refund_failed: given back to nobody, though the customer was told so; empty: none any more
	Transaction string    // the operator's own name for it; may be empty
	Said        string    // the operator's last word, for support
}

// Choice is what a person decides about an attempt.
type Choice string

// The choices.
const (
	Complete Choice = "complete" // the goods were handed over: the payment stands
	Reverse  Choice = "reverse"  // HQ takes the payment back
	Cleared  Choice = "cleared"  // it was dealt with elsewhere
	Credited Choice = "credited" // of a refund: the operator gave it back by hand
)

// Choices are those that fit the attempt as it is. None: HQ goes on by itself, or only the operator can help.
func (a Attempt) Choices() []Choice {
	switch a.Trouble {
	case "lane_silent":
		if a.State == "paid" {
			return []Choice{Complete, Reverse}
		}
		return []Choice{Cleared}
	case "overdue":
		if a.State == "asked" || a.State == "confirming" || a.State == "doubtful" {
			return []Choice{Reverse}
		}
	case "refund_failed":
		return []Choice{Credited, Cleared}
	case "no_way_back", "contradicts":
		return []Choice{Cleared}
	}
	return nil
}

// AttemptDecision is what somebody decided about an attempt.
type AttemptDecision struct {
	Ref         string
	Payment     payment.ID
	Store, Lane string
	Wallet      string
	Amount      payment.Money
	Choice      Choice
	Trouble     string
	At          time.Time
	By, Why     string
}

// Online is what the page of online payments shows: operators, what waits for a person, and what was decided last.
type Online struct {
	Operators []Operator
	Rows      []Attempt // those that were begun last first; no more than Most of them
	Waiting   int       // how many there are
	Decided   []AttemptDecision
}

// The lengths of the lists of online payments.
const (
	OnlineMost   = 100
	DecidedShown = 20
)

// More says that there are attempts that the page has no room for. They come as others are dealt with.
func (o Online) More() int { return max(o.Waiting-len(o.Rows), 0) }

// OnlineOffice is the part of an Office that knows online payments.
type OnlineOffice interface {
	Online(ctx context.Context) (Online, error)
	// Attempt finds an attempt; NotFound for none.
	Attempt(ctx context.Context, ref string) (Attempt, error)
	// DecideAttempt does what a person decided, and keeps who that was and why. Conflict: the attempt has gone on
	// meanwhile, and it does not fit any more.
	DecideAttempt(ctx context.Context, who, ref string, choice Choice, why string) error
}

func (p *Page) online(r *http.Request, _ *form) (any, string, error) {
	o, err := p.Office.Online(r.Context())
	return o, "", err
}

// decideAttempt does what somebody decided about an online payment. It is money: finance decides.
func (p *Page) decideAttempt(_ http.ResponseWriter, r *http.Request, me person) error {
	const op = "hq.decideAttempt"
	why := strings.TrimSpace(r.FormValue("why"))
	if why == "" || len(why) > maxWhy {
		return payment.Errorf(payment.Invalid, op, "%s", web.Text(p.lang(r), "hq.decide.why.bad", maxWhy))
	}
	if !me.may(Finance) {
		return p.refuse(r, me, Finance)
	}
	a, err := p.Office.Attempt(r.Context(), r.FormValue("attempt"))
	if err != nil {
		return err
	}
	choice := Choice(r.FormValue("choice"))
	if !slices.Contains(a.Choices(), choice) {
		return payment.Errorf(payment.Conflict, op, "%s", web.Text(p.lang(r), "hq.online.moved"))
	}
	// Somebody who hangs up must not leave a decision half way.
	if err := p.Office.DecideAttempt(context.WithoutCancel(r.Context()), me.Who, a.Ref, choice, why); err != nil {
		return err
	}
	p.Log.InfoContext(r.Context(), "online payment decided", "ref", a.Ref, "choice", string(choice), "who", me.Who)
	return nil
}
