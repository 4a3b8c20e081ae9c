package posapi

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/danielgtaylor/huma/v2"

	"tilld/agent/httpapi"
	"tilld/agent/payment"
)

// MoneyView is an amount of money.
type MoneyView struct {
	_        struct{}         `json:"-" additionalProperties:"false"`
	Minor    int64            `json:"minor" minimum:"1" maximum:"1000000000000" doc:"Minor units: yen, cents."`
	Currency payment.Currency `json:"currency" minLength:"3" maxLength:"3" doc:"ISO 4217, in capitals."`
}

func (m MoneyView) money() payment.Money { return payment.Of(m.Minor, m.Currency) }

// TenderInput is one way in which the shop wants to be paid.
type TenderInput struct {
	_      struct{}   `json:"-" additionalProperties:"false"`
	Kind   string     `json:"kind" enum:"wallet,cash,card,points,voucher,other" doc:"wallet: a customer's payment code, which this lane takes. The others are the shop's own affair: they are kept with the sale as they are stated here."`
	Amount *MoneyView `json:"amount,omitempty" doc:"Absent, which only a wallet's may be: what the other tenders leave of the total."`
	Name   string     `json:"name,omitempty" maxLength:"32" pattern:"^[a-z0-9][a-z0-9-]*$" doc:"What exactly the shop takes at a reader of its own, such as nanaco; a wallet's has none."`
}

// TaxInput is what the POS charged at one rate.
type TaxInput struct {
	_      struct{} `json:"-" additionalProperties:"false"`
	Rate   uint16   `json:"rate" maximum:"10000" doc:"In hundredths of a per cent: 800 is 8 %, 1000 is 10 %, 0 is exempt."`
	Amount int64    `json:"amount" minimum:"0" maximum:"1000000000000" doc:"What is sold at this rate, tax included, in minor units. All rates together make the total."`
	Tax    int64    `json:"tax" minimum:"0" maximum:"1000000000000" doc:"The tax within amount, in minor units."`
}

// EligibleInput is the part of the total that is not bills, stamps or gift cards.
type EligibleInput struct {
	_      struct{} `json:"-" additionalProperties:"false"`
	Wallet *int64   `json:"wallet,omitempty" minimum:"0" maximum:"1000000000000" doc:"May be paid by a wallet, in minor units. Absent: all of the total."`
	Points *int64   `json:"points,omitempty" minimum:"0" maximum:"1000000000000" doc:"Earns points. Absent: all of the total."`
	Rebate *int64   `json:"rebate,omitempty" minimum:"0" maximum:"1000000000000" doc:"Earns the cashless rebate. Absent: all of the total."`
}

// LineInput is a basket line.
type LineInput struct {
	_      struct{} `json:"-" additionalProperties:"false"`
	Text   string   `json:"text" maxLength:"200"`
	Count  int64    `json:"count,omitempty" minimum:"1" maximum:"1000000" doc:"Absent: 1."`
	Amount int64    `json:"amount" minimum:"-1000000000000" maximum:"1000000000000" doc:"Of the whole line, in minor units; below zero: a discount."`
	Rate   uint16   `json:"rate,omitempty" maximum:"10000" doc:"Tax rate in hundredths of a per cent."`
	SKU    string   `json:"sku,omitempty" maxLength:"64" doc:"The shop's number of the article."`
}

// SaleInput is a sale to open. Its JSON, in the order of these fields, is what tells a repeated request from
// another one under the same Idempotency-Key: add fields at the end, with omitempty.
type SaleInput struct {
	_         struct{}       `json:"-" additionalProperties:"false"`
	Total     MoneyView      `json:"total" doc:"What the customer owes for the whole basket. Every other amount is in its currency."`
	Tenders   []TenderInput  `json:"tenders,omitempty" maxItems:"8" doc:"How the total is to be paid; exactly one is a wallet. Absent: the total, from a wallet."`
	Tax       []TaxInput     `json:"tax,omitempty" maxItems:"8" doc:"Each rate once."`
	Eligible  *EligibleInput `json:"eligible,omitempty" doc:"Absent: all of the total, for everything."`
	Reference string         `json:"reference,omitempty" maxLength:"64" doc:"The shop's own, such as a receipt number; it finds the sale again."`
	Lines     []LineInput    `json:"lines,omitempty" maxItems:"500" doc:"For receipts, disputes and, where HQ's policy has the feature sales, sales figures. They can be erased later, the sale's figures can't."`
	Cashier   string         `json:"cashier,omitempty" maxLength:"64" doc:"Can be erased later too."`
	Training  bool           `json:"training,omitempty" doc:"Nothing is charged and nothing counts. Refused unless HQ's policy has the feature training."`
}

// sale is what the request asks for, every absent field filled in, or the problem with it.
func (in *SaleInput) sale() (payment.Sale, error) {
	total := in.Total.money()
	s := payment.Sale{
		Total: total, Reference: in.Reference, Cashier: in.Cashier, Training: in.Training,
		Eligible: payment.Eligible{Wallet: total.Minor, Points: total.Minor, Rebate: total.Minor},
	}
	if e := in.Eligible; e != nil {
		s.Eligible = payment.Eligible{
			Wallet: given(e.Wallet, total.Minor), Points: given(e.Points, total.Minor), Rebate: given(e.Rebate, total.Minor),
		}
	}
	if err := in.tenders(&s); err != nil {
		return s, err
	}
	for _, t := range in.Tax {
		s.Tax = append(s.Tax, payment.TaxLine{Rate: t.Rate, Amount: t.Amount, Tax: t.Tax})
	}
	var skus []string
	for _, l := range in.Lines {
		s.Lines = append(s.Lines, payment.Line{Text: l.Text, Count: max(l.Count, 1), Amount: l.Amount, Rate: l.Rate})
		skus = append(skus, l.SKU)
	}
	if slices.ContainsFunc(skus, func(sku string) bool { return sku != "" }) {
		s.SKUs = skus
	}
	if err := s.Validate(); err != nil {
		return s, err
	}
	return s, in.check(&s)
}

// tenders fills in how the sale is to be paid, and the wallet's part of it.
func (in *SaleInput) tenders(s *payment.Sale) error {
	left := s.Total.Minor
	for i, t := range in.Tenders {
		switch {
		case t.Amount == nil && t.Kind != string(payment.TenderWallet):
			return httpapi.Invalid(fmt.Sprintf("body.tenders[%d].amount", i), "expected: only a wallet's may be left out")
		case t.Amount == nil:
		case t.Amount.Currency != s.Total.Currency:
			return httpapi.Invalid(fmt.Sprintf("body.tenders[%d].amount.currency", i), fmt.Sprintf("%s is asked of a total in %s", t.Amount.Currency, s.Total.Currency))
		default:
			left -= t.Amount.Minor
		}
	}
	for _, t := range in.Tenders {
		part := payment.Tender{Kind: payment.TenderKind(t.Kind), Amount: left, Name: t.Name}
		if t.Amount != nil {
			part.Amount = t.Amount.Minor
		}
		if part.Kind == payment.TenderWallet {
			s.Wallet = payment.Of(part.Amount, s.Total.Currency)
		}
		s.Tenders = append(s.Tenders, part)
	}
	return nil
}

func given(v *int64, otherwise int64) int64 {
	if v == nil {
		return otherwise
	}
	return *v
}

// check refuses what a sale may be and what no code could ever pay.
func (in *SaleInput) check(s *payment.Sale) error {
	if due := s.Due().Minor; due > s.Eligible.Wallet {
		return httpapi.Invalid("body.tenders", fmt.Sprintf("a wallet is asked for %d and may pay %d (eligible.wallet)", due, s.Eligible.Wallet))
	}
	if strings.ContainsFunc(s.Cashier, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }) {
		return httpapi.Invalid("body.cashier", "holds a control character or broken UTF-8")
	}
	return nil
}

// digest is the same for the same request, however its JSON is spaced and ordered.
func (in *SaleInput) digest() ([]byte, error) {
	canonical, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("encoding a request: %w", err)
	}
	sum := sha256.Sum256(canonical)
	return sum[:], nil
}

// OpenInput is a request to open a sale.
type OpenInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"128" doc:"Up to 128 printable ASCII characters, new for each sale. The same request under the same key opens nothing more and gives the sale that it opened."`
	Body SaleInput
}

// Resolve looks at the key as it was sent: an empty one or two of them are a mistake that must not count as none.
func (in *OpenInput) Resolve(ctx huma.Context) []error {
	n := 0
	ctx.EachHeader(func(name, _ string) {
		if strings.EqualFold(name, "Idempotency-Key") {
			n++
		}
	})
	printable := !strings.ContainsFunc(in.Key, func(r rune) bool { return r < ' ' || r > '~' })
	if n > 1 || (n == 1 && in.Key == "") || !printable {
		return []error{&huma.ErrorDetail{Location: "header.Idempotency-Key", Message: "expected one key of 1 to 128 printable ASCII characters"}}
	}
	return nil
}

var _ huma.Resolver = (*OpenInput)(nil)

type openOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     SaleView
}

// openingSale is what a request to open a sale is called.
const openingSale = "open sale"

func (a *API) addOpening(api huma.API) {
	op := huma.Operation{
		OperationID: "open-sale", Method: http.MethodPost, Path: "/v1/sales", Tags: []string{"sales"},
		Summary: "Open a sale",
		Description: "The lane then waits for the customer's code. One sale is open at a time: with another one it is 409 of type " +
			httpapi.ProblemPrefix + saleOpen + ". An Idempotency-Key that came with another request before is 409 of type " + httpapi.ProblemPrefix + string(payment.Conflict) + ".",
		DefaultStatus: http.StatusCreated, MaxBodyBytes: maxBody,
		Errors: []int{http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusServiceUnavailable},
	}
	huma.Register(api, op, a.openSale)
	responses := api.OpenAPI().Paths["/v1/sales"].Post.Responses
	again := *responses["201"]
	again.Description = "This request had opened the sale before."
	again.Headers = maps.Clone(again.Headers)
	responses["200"] = &again
}

func (a *API) openSale(ctx context.Context, in *OpenInput) (*openOutput, error) {
	sale, err := in.Body.sale()
	if err != nil {
		return nil, a.failed(ctx, openingSale, err)
	}
	n := NewSale{Sale: sale}
	if in.Key != "" {
		key := sha256.Sum256([]byte(in.Key))
		n.Request = key[:]
		if n.Digest, err = in.Body.digest(); err != nil {
			return nil, a.failed(ctx, openingSale, err)
		}
	}
	found, created, err := a.lane.OpenSale(ctx, n)
	if err != nil {
		return nil, a.failed(ctx, openingSale, err)
	}
	out := &openOutput{Status: http.StatusOK, Location: "/v1/sales/" + found.ID.String(), Body: viewSale(&found)}
	if created {
		out.Status = http.StatusCreated
	}
	return out, nil
}
