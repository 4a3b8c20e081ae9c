package house

import (
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"tilld/agent/payment"
	"tilld/sync/house/rule"
)

// offlineBody is a payment that a lane approved offline, as HQ brings it.
type offlineBody struct {
	Payment payment.ID `json:"payment"`
	Code    string     `json:"code"`
	amountBody
	Store string `json:"store"`
	Lane  string `json:"lane"`
}

// offlineAnswer is how it was covered. The parts sum to the amount, and the shop is paid all of it.
type offlineAnswer struct {
	Payment payment.ID `json:"payment"`
	amountBody
	Earmark int64 `json:"earmark"`
	Free    int64 `json:"free"`
	Lost    int64 `json:"lost"`
	Again   bool  `json:"again"`
}

// present takes an offline payment: 200 and how it is covered, the same for the same again; 409 {"error":"conflict"} for
// another one under its identifier; 422 {"error":"code_invalid"} for what no issuer's certificate of ours stands behind.
func (h *operatorHTTP) present(w http.ResponseWriter, r *http.Request) {
	var q offlineBody
	if !read(w, r, &q) {
		return
	}
	p := Presentation{Payment: q.Payment, Code: q.Code, Amount: payment.Of(q.Amount, q.Currency), Store: q.Store, Lane: q.Lane}
	c, err := h.i.Present(r.Context(), p)
	switch {
	case errors.Is(err, rule.BadCode):
		say(w, http.StatusUnprocessableEntity, map[string]string{"error": reasons[rule.BadCode]})
	case errors.Is(err, rule.BadAmount):
		say(w, http.StatusBadRequest, map[string]string{"error": "invalid"})
	case err != nil:
		h.tell(w, Result{}, nil, err)
	default:
		say(w, http.StatusOK, offlineAnswer{q.Payment, q.amountBody, c.Drawn.Earmark, c.Drawn.Free, c.Drawn.Lost, c.Again})
	}
}

// withdraw gives back what was drawn for a payment: 200, the same again too; 404 {"error":"not_found"} for one that was
// never presented.
func (h *operatorHTTP) withdraw(w http.ResponseWriter, r *http.Request) {
	id, err := payment.ParseID(r.PathValue("payment"))
	if err != nil {
		say(w, http.StatusBadRequest, map[string]string{"error": "invalid"})
		return
	}
	again, err := h.i.Withdraw(r.Context(), id)
	if err != nil {
		h.tell(w, Result{}, nil, err)
		return
	}
	say(w, http.StatusOK, map[string]bool{"again": again})
}

// settled takes HQ's word {"until": RFC 3339}: 200, or 400 for a moment that is still to come.
func (h *operatorHTTP) settled(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Until time.Time `json:"until"`
	}
	if !read(w, r, &q) {
		return
	}
	switch err := h.i.Settled(r.Context(), q.Until); {
	case errors.Is(err, rule.BadAmount):
		say(w, http.StatusBadRequest, map[string]string{"error": "invalid"})
	case err != nil:
		h.tell(w, Result{}, nil, err)
	default:
		say(w, http.StatusOK, struct{}{})
	}
}

// wordAnswer is Word with identifiers in hexadecimal, as the policy writes them.
type wordAnswer struct {
	Spending bool     `json:"spending_stopped"`
	Accounts []string `json:"accounts"`
	Phones   []string `json:"phones"`
}

func (h *operatorHTTP) word(w http.ResponseWriter, r *http.Request) {
	word, err := h.i.Word(r.Context())
	if err != nil {
		h.tell(w, Result{}, nil, err)
		return
	}
	a := wordAnswer{Spending: word.Spending, Accounts: []string{}, Phones: []string{}}
	for _, id := range word.Accounts {
		a.Accounts = append(a.Accounts, id.String())
	}
	for _, kid := range word.Phones {
		a.Phones = append(a.Phones, hex.EncodeToString(kid))
	}
	say(w, http.StatusOK, a)
}
