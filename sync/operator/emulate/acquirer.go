package emulate

import (
	"cmp"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

// Acquirer is an acquirer of EMVCo CPM and of Merpay's codes, by the interface of sync/operator/acquirer.
const Acquirer Wallet = "acquirer"

// Acquired is a wallet that an acquirer takes: any name, paths of its own beside other acquired wallets, and codes that are
// EMVCo CPM in full, so that a lane can tell whose they are.
type Acquired struct {
	Prefix string // of the paths, such as "/merpay/v1"; "": /acquirer/v1
	AID    string // of the codes' application, in hexadecimal, such as "A000000065039202"; "": codes are opaque
	PAN    string // how the account numbers in them begin
}

const (
	acquirerPrefix  = "/acquirer/v1"
	acquirerCharges = "/charges"
)

type acquirer struct {
	Party
	path string // of charges
}

func newAcquirer(w Wallet, p Party) (*acquirer, error) {
	aid, err := hex.DecodeString(p.Acquired.AID)
	switch {
	case err != nil || len(aid) > 16 || len(aid) < 5 && len(aid) > 0:
		return nil, fmt.Errorf("%w: wallet %q: an application %q", ErrInvalid, w, p.Acquired.AID)
	case len(p.Acquired.PAN) > panDigits-6 || strings.Trim(p.Acquired.PAN, "0123456789") != "":
		return nil, fmt.Errorf("%w: wallet %q: account numbers that begin with %q", ErrInvalid, w, p.Acquired.PAN)
	}
	return &acquirer{p, cmp.Or(p.Acquired.Prefix, acquirerPrefix) + acquirerCharges}, nil
}

func (p *acquirer) customs() customs {
	// Without an application the codes begin as those of EMVCo CPM do; the rest is opaque to everybody here.
	c := customs{prefix: "hQVDUFYwMWEa", length: 64, lives: 5 * time.Minute, payAgain: true,
		cancel: operator.Window{Zone: time.FixedZone("JST", 9*3600), Days: 1}}
	if p.Acquired.AID != "" {
		c.emvco = &p.Acquired
	}
	return c
}

func (p *acquirer) op(r *http.Request) (Op, bool) {
	if r.URL.Path == p.path {
		return Pay, r.Method == http.MethodPost
	}
	rest, ok := strings.CutPrefix(r.URL.Path, p.path+"/")
	if !ok {
		return "", false
	}
	_, act, _ := strings.Cut(rest, "/")
	op := map[string]Op{"GET ": Query, "POST cancel": Cancel, "POST refunds": Refund}[r.Method+" "+act]
	return op, op != ""
}

func (p *acquirer) read(op Op, r *http.Request, body []byte) (ask, error) {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+p.Secret.Reveal())) != 1 {
		return ask{}, errParty
	}
	var q struct {
		Reference, Wallet, Code string
		Amount                  int64
		Currency                payment.Currency
		Made                    time.Time
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &q); err != nil {
			return ask{}, err
		}
	}
	a := ask{ref: operator.Ref(q.Reference), code: q.Code, amount: payment.Of(q.Amount, q.Currency)}
	if op != Pay {
		ref, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, p.path+"/"), "/")
		a.ref, a.refund = operator.Ref(ref), q.Reference
	}
	if op == Pay && (a.code == "" || a.ref == "" || q.Wallet == "" || q.Made.IsZero()) || op == Refund && a.refund == "" ||
		(op == Pay || op == Refund) && a.amount.Validate() != nil {
		return ask{}, errors.New("a field is missing")
	}
	return a, nil
}

func acquirerSays(status int, code string) response { return reply(status, object{"error": code}) }

func (*acquirer) refuse() response  { return acquirerSays(401, "unauthorized") }
func (*acquirer) invalid() response { return acquirerSays(400, "invalid") }

func (*acquirer) seal(string, http.Header, []byte, time.Time) {}

func (p *acquirer) answer(op Op, t told) response {
	o := object{"reference": t.ref, "transaction": t.transaction, "amount": t.amount.Minor, "currency": t.amount.Currency,
		"state": t.Outcome, "reason": t.Why, "refunded": t.refunded, "at": t.at}
	switch {
	case t.Outcome == operator.Absent:
		return acquirerSays(404, "not_found")
	case t.Outcome == operator.TooLate:
		return acquirerSays(409, "too_late")
	case t.Why == operator.RefUsed:
		return acquirerSays(409, "conflict")
	case op == Refund && t.Outcome == operator.Refunded:
		o["amount"], o["refund"] = t.charged.Minor, object{"reference": t.refund, "amount": t.amount.Minor}
		o["state"] = "paid"
		if t.refunded == t.charged.Minor {
			o["state"] = "refunded"
		}
	case op == Refund && t.Why == operator.OverLimit:
		return acquirerSays(409, "over_rest")
	case op == Refund:
		return acquirerSays(409, "not_paid")
	}
	return reply(200, o)
}
