package hqapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/sync/settle"
	"tilld/sync/wire"
)

// EntryView names a journal entry.
type EntryView struct {
	Terminal payment.ID   `json:"terminal"`
	Epoch    settle.Epoch `json:"epoch" doc:"16 hexadecimal digits."`
	Seq      uint64       `json:"seq"`
}

func viewEntry(n wire.Name) EntryView {
	return EntryView{Terminal: n.Terminal, Epoch: settle.Epoch(n.Epoch), Seq: n.Seq}
}

// MoneyView is an amount.
type MoneyView struct {
	Minor    int64            `json:"minor" doc:"Minor units."`
	Currency payment.Currency `json:"currency" doc:"ISO 4217."`
	Decimal  string           `json:"decimal" doc:"The same with the currency's decimals."`
}

func viewMoney(m payment.Money) MoneyView {
	return MoneyView{Minor: m.Minor, Currency: m.Currency, Decimal: m.Decimal(m.Currency.Exponent())}
}

// SettledView is where a movement of a payment's money was settled.
type SettledView struct {
	Settlement payment.ID  `json:"settlement"`
	Kind       settle.Kind `json:"kind" enum:"payment,void,refund,adjustment"`
	Amount     int64       `json:"amount" doc:"Minor units."`
	Proof      string      `json:"proof" doc:"Path of the proof."`
}

// RecordView is what HQ made of one approval.
type RecordView struct {
	State        string           `json:"state" enum:"posted,suspense,lost,voided" doc:"posted: owed and to be settled; suspense: waits for an exception's owner; lost: decided as a loss; voided: taken back."`
	Sale         payment.ID       `json:"sale" doc:"Empty: none."`
	Amount       MoneyView        `json:"amount"`
	Wallet       string           `json:"wallet"`
	Entity       string           `json:"entity" doc:"Legal entity that is paid."`
	Store        string           `json:"store"`
	Lane         string           `json:"lane"`
	BusinessDate payment.Date     `json:"business_date"`
	TakenAt      string           `json:"taken_at" format:"date-time" doc:"By the lane's clock: a note."`
	Policy       uint64           `json:"policy" doc:"Version that was in force at the lane."`
	Entry        EntryView        `json:"entry" doc:"The approval in the terminal's journal."`
	EntryHash    settle.EntryHash `json:"entry_hash" doc:"Its chain hash."`
	Void         *EntryView       `json:"void,omitempty" doc:"The entry that took it back."`
	Settled      []SettledView    `json:"settled" nullable:"false"`
	Exceptions   []payment.ID     `json:"exceptions" nullable:"false" doc:"The oldest first."`
}

// PaymentView is a payment. Where other entries came under its identifier, each is a repeat.
type PaymentView struct {
	ID payment.ID `json:"id"`
	RecordView
	Repeats []RecordView `json:"repeats" nullable:"false" doc:"Further approvals under the same identifier, each in suspense."`
}

func viewRecord(p *ledger.Payment) RecordView {
	v := RecordView{
		State: string(p.State), Sale: p.Sale, Amount: viewMoney(p.Money()), Wallet: p.Wallet, Entity: p.Entity, Store: p.Store, Lane: p.Lane,
		BusinessDate: p.BusinessDate, TakenAt: stamp(p.TakenAt), Policy: p.Policy, Entry: viewEntry(p.Entry), EntryHash: p.EntryHash,
		Settled: []SettledView{}, Exceptions: append([]payment.ID{}, p.Exceptions...),
	}
	if p.Void != nil {
		void := viewEntry(*p.Void)
		v.Void = &void
	}
	for _, l := range p.Lines {
		v.Settled = append(v.Settled, SettledView{Settlement: l.Batch, Kind: l.Kind, Amount: l.Amount,
			Proof: "/v1/settlements/" + l.Batch.String() + "/proof/" + p.ID.String()})
	}
	return v
}

func (a *API) addPayments(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "get-payment", Method: http.MethodGet, Path: "/v1/payments/{id}", Tags: []string{"payments"},
		Summary:  "Get a payment",
		Security: needs(ScopeRead), Errors: itemErrors,
	}, a.getPayment)
}

// PaymentInput names a payment.
type PaymentInput struct {
	ID string `path:"id" doc:"Identifier of the payment."`
}

type paymentOutput struct{ Body PaymentView }

func (a *API) getPayment(ctx context.Context, in *PaymentInput) (*paymentOutput, error) {
	id, err := parseID("id", in.ID)
	if err != nil {
		return nil, err
	}
	records, err := a.books.Payment(ctx, id)
	if err != nil {
		return nil, a.failed(ctx, "get payment", err)
	}
	out := &paymentOutput{PaymentView{ID: id, Repeats: []RecordView{}}}
	for i := range records {
		if v := viewRecord(&records[i]); i == 0 {
			out.Body.RecordView = v
		} else {
			out.Body.Repeats = append(out.Body.Repeats, v)
		}
	}
	return out, nil
}
