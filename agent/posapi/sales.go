package posapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tilld/agent/httpapi"
	"tilld/agent/payment"
)

// PaymentView is what a customer's code paid.
type PaymentView struct {
	ID       payment.ID `json:"id"`
	State    string     `json:"state" enum:"taken,voided" doc:"voided: a supervisor took it back."`
	Wallet   string     `json:"wallet"`
	Amount   MoneyView  `json:"amount"`
	TakenAt  time.Time  `json:"taken_at" doc:"By the lane's clock: a note."`
	Offline  bool       `json:"taken_offline" doc:"Approved by the lane alone."`
	Progress string     `json:"progress" enum:"waiting,at_hq,posted,not_charged,suspense,rejected,borne" doc:"How far head office has come with it: waiting, not there yet; at_hq, received; posted; not_charged, a training sale's, of which head office posts nothing; suspense, somebody decides; rejected; borne, decided, the store bears it. It does not change what the customer has paid."`
	Reason   string     `json:"reason,omitempty" doc:"Head office's, with suspense, rejected and borne."`
}

// AskedView is an attempt to be paid whose outcome is not known.
type AskedView struct {
	Payment payment.ID `json:"payment" doc:"Of the payment, should it become one."`
	Wallet  string     `json:"wallet"`
	Amount  MoneyView  `json:"amount"`
	State   string     `json:"state" enum:"asking,pending,unknown" doc:"asking: no word yet; pending: the customer is confirming on the phone; unknown: it may be paid, head office is finding out."`
	Parked  bool       `json:"parked,omitempty" doc:"The sale was put aside; the lane is free for the next."`
}

// OfferView is a sale that is shown to the customer's phone.
type OfferView struct {
	Text  string    `json:"text" doc:"To be drawn as a QR code (alphanumeric mode, level M) on a screen of the shop's own. The lane's customer screen shows it too."`
	Until time.Time `json:"until" doc:"Wallets take it until then."`
}

// SaleView is a sale.
type SaleView struct {
	ID           payment.ID    `json:"id"`
	Reference    string        `json:"reference,omitempty"`
	State        SaleState     `json:"state" enum:"open,paid,completed,cancelled,voided" doc:"open: waits for a code; paid: and not completed by the POS; completed; cancelled: ended unpaid; voided: paid, and taken back."`
	Outcome      string        `json:"outcome" enum:"undecided,pending,unknown,paid,not_paid" doc:"paid: hand over the goods, unless it is a training sale; not_paid: no money moved, or it was given back; pending and unknown: as asked says, hand nothing over and charge nothing again."`
	Total        MoneyView     `json:"total"`
	Due          MoneyView     `json:"due" doc:"Asked from a wallet."`
	BusinessDate payment.Date  `json:"business_date" format:"date"`
	OpenedAt     time.Time     `json:"opened_at" doc:"By the lane's clock: a note."`
	Training     bool          `json:"training,omitempty" doc:"It is practice: nothing is charged, whatever its state says, and no goods are owed."`
	Payments     []PaymentView `json:"payments" nullable:"false" doc:"In the order of their making."`
	Asked        *AskedView    `json:"asked,omitempty" doc:"What a wallet's operator is asked for, through head office."`
	Offer        *OfferView    `json:"offer,omitempty" doc:"The customer's own phone can pay it. The wallet's approval is scanned like a code."`
}

// What head office does with a payment when all is well, and with one of a training sale, which it reads and counts
// nowhere.
const (
	progressPosted     = "posted"
	progressNotCharged = "not_charged"
)

func viewMoney(m payment.Money) MoneyView { return MoneyView{Minor: m.Minor, Currency: m.Currency} }

func viewSale(s *Sale) SaleView {
	v := SaleView{
		ID: s.ID, Reference: s.Reference, Total: viewMoney(s.Total), Due: viewMoney(s.Due), BusinessDate: s.Date,
		OpenedAt: s.OpenedAt.UTC(), Training: s.Training, Payments: []PaymentView{},
	}
	v.State, v.Outcome = standing(s)
	if a := s.Asked; a != nil {
		v.Asked = &AskedView{Payment: a.Payment, Wallet: a.Wallet, Amount: viewMoney(a.Amount), State: a.State, Parked: a.Parked}
		if a.State != "asking" {
			v.Outcome = a.State
		}
	}
	if o := s.Offer; o != nil {
		v.Offer = &OfferView{Text: o.Text, Until: o.Until.UTC()}
	}
	for _, p := range s.Payments {
		pv := PaymentView{
			ID: p.ID, State: "taken", Wallet: p.Wallet, Amount: viewMoney(p.Amount), TakenAt: p.TakenAt.UTC(), Offline: p.Offline,
			Progress: p.Progress, Reason: p.Reason,
		}
		if s.Training && p.Progress == progressPosted {
			pv.Progress = progressNotCharged
		}
		if p.Voided {
			pv.State = string(saleVoided)
		}
		v.Payments = append(v.Payments, pv)
	}
	return v
}

// standing is what a POS is told of a sale. The journal calls a sale open again when its payment was voided;
// no lane waits for a code then.
func standing(s *Sale) (SaleState, string) {
	voided := len(s.Payments) > 0
	for _, p := range s.Payments {
		voided = voided && p.Voided
	}
	switch {
	case voided:
		return saleVoided, payment.NotPaid.String()
	case s.State == SalePaid || s.State == SaleCompleted:
		return s.State, payment.Paid.String()
	case s.State == SaleCancelled:
		return s.State, payment.NotPaid.String()
	}
	return s.State, "undecided"
}

// SaleRef names a sale.
type SaleRef struct {
	ID string `path:"id" doc:"Identifier of the sale."`
}

// FindInput finds sales.
type FindInput struct {
	Reference string `query:"reference" required:"true" minLength:"1" maxLength:"64" doc:"The shop's own, as the sale was opened with."`
}

// SaleList is some sales.
type SaleList struct {
	Items []SaleView `json:"items" nullable:"false" doc:"The newest first."`
	More  bool       `json:"more" doc:"There are older ones."`
}

type saleOutput struct{ Body SaleView }

type salesOutput struct{ Body SaleList }

func (a *API) addSales(api huma.API) {
	tags := []string{"sales"}
	missing := []int{http.StatusNotFound, http.StatusServiceUnavailable}
	conflict := []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}
	huma.Register(api, huma.Operation{
		OperationID: "get-sale", Method: http.MethodGet, Path: "/v1/sales/{id}", Tags: tags, Errors: missing,
		Summary: "Get a sale",
	}, a.getSale)
	huma.Register(api, huma.Operation{
		OperationID: "find-sales", Method: http.MethodGet, Path: "/v1/sales", Tags: tags, Errors: []int{http.StatusServiceUnavailable},
		Summary: "Find sales by the shop's reference",
	}, a.findSales)
	huma.Register(api, huma.Operation{
		OperationID: "list-uncompleted-sales", Method: http.MethodGet, Path: "/v1/sales/uncompleted", Tags: tags, Errors: []int{http.StatusServiceUnavailable},
		Summary: "List the sales that are paid and that the POS has not completed", Description: "Look here after every start of the POS.",
	}, a.uncompleted)
	huma.Register(api, huma.Operation{
		OperationID: "cancel-sale", Method: http.MethodPost, Path: "/v1/sales/{id}/cancel", Tags: tags, Errors: conflict,
		Summary: "Cancel a sale that nobody paid", Description: "A second time nothing changes.",
	}, a.cancelSale)
	huma.Register(api, huma.Operation{
		OperationID: "complete-sale", Method: http.MethodPost, Path: "/v1/sales/{id}/complete", Tags: tags, Errors: conflict,
		Summary: "Say that the POS has the outcome of a paid sale", Description: "A second time nothing changes.",
	}, a.completeSale)
	huma.Register(api, huma.Operation{
		OperationID: "park-sale", Method: http.MethodPost, Path: "/v1/sales/{id}/park", Tags: tags, Errors: conflict,
		Summary:     "Put a sale aside while its wallet's operator is asked, and serve the next customer",
		Description: "What becomes of it comes as an event, and is told under the sale.",
	}, a.parkSale)
	huma.Register(api, huma.Operation{
		OperationID: "offer-sale", Method: http.MethodPost, Path: "/v1/sales/{id}/offer", Tags: tags, Errors: conflict,
		Summary:     "Let the customer's own phone pay the present sale, over its own network",
		Description: "The sale's code is shown on the customer's screen for ten minutes, and in the answer; a second time for ten more, half an hour in all. The approval that the phone shows is scanned like a code, and the sale is paid then.",
	}, a.offerSale)
	huma.Register(api, huma.Operation{
		OperationID: "take-back", Method: http.MethodPost, Path: "/v1/sales/{id}/take-back", Tags: tags, Errors: conflict,
		Summary:     "Give up a payment whose outcome is not known",
		Description: "Head office takes back whatever came of it. The present sale waits for a code again; one that was put aside is cancelled.",
	}, a.takeBack)
}

func parseSale(in *SaleRef) (payment.ID, error) {
	id, err := payment.ParseID(in.ID)
	if err != nil || id.IsZero() {
		return payment.ID{}, httpapi.Invalid("path.id", "expected an identifier of 26 characters")
	}
	return id, nil
}

// aboutSale answers with what do says of the sale that is named.
func (a *API) aboutSale(ctx context.Context, what string, in *SaleRef, do func(context.Context, payment.ID) (Sale, error)) (*saleOutput, error) {
	id, err := parseSale(in)
	if err != nil {
		return nil, err
	}
	sale, err := do(ctx, id)
	if err != nil {
		return nil, a.failed(ctx, what, err)
	}
	return &saleOutput{viewSale(&sale)}, nil
}

func (a *API) getSale(ctx context.Context, in *SaleRef) (*saleOutput, error) {
	return a.aboutSale(ctx, "get sale", in, a.lane.Sale)
}

func (a *API) completeSale(ctx context.Context, in *SaleRef) (*saleOutput, error) {
	return a.aboutSale(ctx, "complete sale", in, a.lane.CompleteSale)
}

func (a *API) parkSale(ctx context.Context, in *SaleRef) (*saleOutput, error) {
	return a.aboutSale(ctx, "park sale", in, a.lane.ParkSale)
}

func (a *API) offerSale(ctx context.Context, in *SaleRef) (*saleOutput, error) {
	return a.aboutSale(ctx, "offer sale", in, a.lane.OfferSale)
}

func (a *API) takeBack(ctx context.Context, in *SaleRef) (*saleOutput, error) {
	return a.aboutSale(ctx, "take back", in, a.lane.TakeBackSale)
}

// cancelSale asks for the sale first: the lane cancels only the present one, and of an earlier one the POS
// shall hear how it ended.
func (a *API) cancelSale(ctx context.Context, in *SaleRef) (*saleOutput, error) {
	return a.aboutSale(ctx, "cancel sale", in, func(ctx context.Context, id payment.ID) (Sale, error) {
		sale, err := a.lane.Sale(ctx, id)
		if err != nil || sale.State == SaleCancelled {
			return sale, err
		}
		ended, err := a.lane.CancelSale(ctx, id)
		if payment.CodeOf(err) == payment.NotFound {
			state, _ := standing(&sale)
			return sale, payment.Errorf(payment.Conflict, "posapi.cancelSale", "sale %s is %s and can't be cancelled", id, state)
		}
		return ended, err
	})
}

func (a *API) findSales(ctx context.Context, in *FindInput) (*salesOutput, error) {
	list, err := a.lane.SalesByReference(ctx, in.Reference, maxSales+1)
	return a.listOf(ctx, "find sales", list, err)
}

func (a *API) uncompleted(ctx context.Context, _ *struct{}) (*salesOutput, error) {
	list, err := a.lane.Uncompleted(ctx, maxSales+1)
	return a.listOf(ctx, "list uncompleted sales", list, err)
}

func (a *API) listOf(ctx context.Context, what string, list []Sale, err error) (*salesOutput, error) {
	if err != nil {
		return nil, a.failed(ctx, what, err)
	}
	out := &salesOutput{SaleList{Items: []SaleView{}, More: len(list) > maxSales}}
	for i := range list[:min(len(list), maxSales)] {
		out.Body.Items = append(out.Body.Items, viewSale(&list[i]))
	}
	return out, nil
}
