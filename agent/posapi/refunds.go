package posapi

import (
	"context"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/danielgtaylor/huma/v2"

	"tilld/agent/httpapi"
	"tilld/agent/payment"
)

// GiveBack is the POS's wish to give money back.
type GiveBack struct {
	Key        string     // the same wish under the same key gives nothing back twice
	Payment    payment.ID // of this lane, or of another
	Amount     payment.Money
	Supervisor string // who approved; empty: nobody was asked
	PIN        string // the manager's, to prove it
}

// Refund is money that was given back, or is being given back.
type Refund struct {
	Ref     string // empty: the payment was taken back as a whole, before HQ had it
	Payment payment.ID
	Amount  payment.Money // zero with a void
	Wallet  string
	AskedAt time.Time      // by the lane's clock; zero with a void
	State   string         // voided, asked, refunded or declined
	Reason  payment.Reason // of declined
}

// RefundInput is what is to be given back.
type RefundInput struct {
	_          struct{}   `json:"-" additionalProperties:"false"`
	Amount     *MoneyView `json:"amount,omitempty" doc:"Absent: all that is left, which only this lane's own payments may be."`
	Supervisor string     `json:"supervisor,omitempty" maxLength:"64" doc:"Who approved it: the manager's name. With the PIN; both may be absent where the policy lets a cashier give back this much."`
	PIN        string     `json:"pin,omitempty" maxLength:"12" doc:"The manager's PIN at this lane. It is checked and kept nowhere."`
}

// GiveBackInput is a request to give money back.
type GiveBackInput struct {
	ID   string `path:"id" minLength:"26" maxLength:"26" doc:"The payment: of this lane, or of another lane of the same owner."`
	Key  string `header:"Idempotency-Key" required:"true" minLength:"1" maxLength:"128" doc:"New for each refund. The same request under the same key gives nothing more back, and says what became of the first."`
	Body RefundInput
}

// RefundView is money that was given back, or is being given back.
type RefundView struct {
	Ref     string         `json:"ref,omitempty" doc:"Of the refund, here, at head office and at the wallet's operator. Absent with voided."`
	Payment payment.ID     `json:"payment"`
	State   string         `json:"state" enum:"voided,asked,refunded,declined" doc:"voided: all of the payment was taken back, for head office had not got it; asked: head office gives it back, the customer need not wait; refunded: given back; declined: nothing was given back."`
	Amount  *MoneyView     `json:"amount,omitempty"`
	Wallet  string         `json:"wallet,omitempty" doc:"Absent while it is not known, of another lane's payment."`
	AskedAt *time.Time     `json:"asked_at,omitempty" doc:"By the lane's clock: a note."`
	Reason  payment.Reason `json:"reason,omitzero" doc:"With declined: why."`
}

func viewRefund(r *Refund) RefundView {
	v := RefundView{Ref: r.Ref, Payment: r.Payment, State: r.State, Wallet: r.Wallet, Reason: r.Reason}
	if r.Amount != (payment.Money{}) {
		m := viewMoney(r.Amount)
		v.Amount = &m
	}
	if !r.AskedAt.IsZero() {
		v.AskedAt = &r.AskedAt
	}
	return v
}

// RefundList is what was given back of a payment.
type RefundList struct {
	Items []RefundView `json:"items" nullable:"false" doc:"What this lane asked for, in the order of asking."`
}

// PaymentRef names a payment.
type PaymentRef struct {
	ID string `path:"id" minLength:"26" maxLength:"26"`
}

type refundOutput struct{ Body RefundView }

type refundsOutput struct{ Body RefundList }

func (a *API) addRefunds(api huma.API) {
	errs := []int{http.StatusBadRequest, http.StatusForbidden, http.StatusConflict, http.StatusServiceUnavailable}
	huma.Register(api, huma.Operation{
		OperationID: "give-back", Method: http.MethodPost, Path: "/v1/payments/{id}/refunds", Tags: []string{"refunds"}, Errors: errs,
		Summary: "Give money back of a payment, all or a part",
		Description: "The lane chooses how: what head office has not acknowledged is voided as a whole, with the line down too; else head office has it " +
			"cancelled or refunded, and events say what becomes of it. 503: head office is needed for it and does not answer, or has not got the payment " +
			"yet; nothing was given back. 403: the manager has to approve it.",
	}, a.giveBack)
	huma.Register(api, huma.Operation{
		OperationID: "list-refunds", Method: http.MethodGet, Path: "/v1/payments/{id}/refunds", Tags: []string{"refunds"}, Errors: errs[:1],
		Summary: "What this lane was asked to give back of a payment",
	}, a.listRefunds)
}

func parsePayment(text string) (payment.ID, error) {
	id, err := payment.ParseID(text)
	if err != nil || id.IsZero() {
		return payment.ID{}, httpapi.Invalid("path.id", "expected an identifier of 26 characters")
	}
	return id, nil
}

func (a *API) giveBack(ctx context.Context, in *GiveBackInput) (*refundOutput, error) {
	id, err := parsePayment(in.ID)
	if err != nil {
		return nil, err
	}
	if strings.ContainsFunc(in.Key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil, httpapi.Invalid("header.Idempotency-Key", "expected one key of 1 to 128 printable ASCII characters")
	}
	g := GiveBack{Key: in.Key, Payment: id, Supervisor: strings.TrimSpace(in.Body.Supervisor), PIN: in.Body.PIN}
	if m := in.Body.Amount; m != nil {
		g.Amount = m.money()
	}
	if (g.Supervisor == "") != (g.PIN == "") || g.Supervisor != "" && !strings.ContainsFunc(g.Supervisor, unicode.IsLetter) {
		return nil, httpapi.Invalid("body.supervisor", "expected a name, in letters, and the PIN")
	}
	r, err := a.lane.GiveBack(ctx, g)
	if err != nil {
		return nil, a.failed(ctx, "give back", err)
	}
	return &refundOutput{viewRefund(&r)}, nil
}

func (a *API) listRefunds(ctx context.Context, in *PaymentRef) (*refundsOutput, error) {
	id, err := parsePayment(in.ID)
	if err != nil {
		return nil, err
	}
	list, err := a.lane.Refunds(ctx, id)
	if err != nil {
		return nil, a.failed(ctx, "list refunds", err)
	}
	out := &refundsOutput{RefundList{Items: []RefundView{}}}
	for i := range list {
		out.Body.Items = append(out.Body.Items, viewRefund(&list[i]))
	}
	return out, nil
}
