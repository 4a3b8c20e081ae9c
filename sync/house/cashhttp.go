package house

import (
	"errors"
	"net/http"

	"tilld/agent/payment"
	"tilld/sync/house/rule"
)

// cashReasons are why cash was declined, beside reasons.
var cashReasons = map[rule.Refusal]string{
	rule.OverTopUp: "over_limit", rule.OverTopUpDay: "over_limit", rule.OverBalance: "over_limit",
	rule.TopUpsOff: "topups_off", rule.Unconfirmed: "account_unconfirmed",
}

// credit takes POST …/topups, a charge's body, for cash that a lane counted: 200 and what became of it, credited or
// declined, the same for the same again; 409 {"error":"conflict"} for another under its reference.
func (h *operatorHTTP) credit(w http.ResponseWriter, r *http.Request) {
	var q chargeBody
	if !read(w, r, &q) {
		return
	}
	amount := payment.Of(q.Amount, q.Currency)
	res, err := h.i.CreditCash(r.Context(), Cash{Ref: q.Reference, Code: q.Code, Amount: amount, Store: q.Store, Lane: q.Terminal})
	if errors.Is(err, rule.BadAmount) {
		say(w, http.StatusBadRequest, map[string]string{"error": "invalid"})
		return
	}
	if res.Transaction == "" {
		res.Amount = amount
	}
	h.tellCash(w, res, err)
}

func (h *operatorHTTP) queryCash(w http.ResponseWriter, r *http.Request) {
	res, err := h.i.QueryCash(r.Context(), r.PathValue("ref"))
	h.tellCash(w, res, absent(res, err))
}

func (h *operatorHTTP) cancelCash(w http.ResponseWriter, r *http.Request) {
	res, err := h.i.CancelCash(r.Context(), r.PathValue("ref"))
	h.tellCash(w, res, absent(res, err))
}

// absent says that we were never asked: a tombstone is nobody's cash.
func absent(res CashResult, err error) error {
	if err == nil && res.Transaction == "" {
		return rule.NotFound
	}
	return err
}

func (h *operatorHTTP) tellCash(w http.ResponseWriter, res CashResult, err error) {
	if err != nil {
		h.tell(w, Result{}, nil, err)
		return
	}
	why := reasons[res.Why]
	if why == "" {
		why = cashReasons[res.Why]
	}
	say(w, http.StatusOK, chargeAnswer{
		Reference: res.Ref, Transaction: res.Transaction, amountBody: amountBody{res.Amount.Minor, res.Amount.Currency}, State: string(res.State),
		Reason: why, At: res.At,
	})
}
