package house

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"tilld/agent/payment"
	"tilld/sync/house/rule"
)

// MaxRequest is how much of a request is read, in bytes.
const MaxRequest = 16 << 10

// OperatorPrefix is where OperatorHandler's paths begin.
const OperatorPrefix = "/operator/v1"

// OperatorHandler is the issuer as HQ's wallet operator: the four calls that the package comment of
// sync/operator/acquirer publishes, behind OperatorPrefix, so that HQ reaches the house wallet by the connector it has
// for gateways. Whoever asks shows the token, over TLS; the address that serves it may ask for a client's certificate
// besides. A cancel of a reference that is not known answers not_found and leaves a tombstone. Calls more are the
// house wallet's own: what lanes took offline, and took back, up to when all of that is here, and whom lanes must not
// serve; and cash that a lane counted, to be credited.
func (i *Issuer) OperatorHandler(token Secret) http.Handler {
	h := &operatorHTTP{i: i, token: sha256.Sum256([]byte("Bearer " + string(token)))}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+OperatorPrefix+"/charges", h.charge)
	mux.HandleFunc("GET "+OperatorPrefix+"/charges/{ref}", h.query)
	mux.HandleFunc("POST "+OperatorPrefix+"/charges/{ref}/cancel", h.cancel)
	mux.HandleFunc("POST "+OperatorPrefix+"/charges/{ref}/refunds", h.refund)
	mux.HandleFunc("POST "+OperatorPrefix+"/topups", h.credit)
	mux.HandleFunc("GET "+OperatorPrefix+"/topups/{ref}", h.queryCash)
	mux.HandleFunc("POST "+OperatorPrefix+"/topups/{ref}/cancel", h.cancelCash)
	mux.HandleFunc("POST "+OperatorPrefix+"/offline", h.present)
	mux.HandleFunc("POST "+OperatorPrefix+"/offline/{payment}/withdraw", h.withdraw)
	mux.HandleFunc("POST "+OperatorPrefix+"/settled", h.settled)
	mux.HandleFunc("GET "+OperatorPrefix+"/word", h.word)
	mux.HandleFunc("GET "+OperatorPrefix+"/approvals", h.approvals)
	mux.HandleFunc("POST "+OperatorPrefix+"/papers", h.papers)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Hashes of one length are compared: neither the token's length nor where it differs shows.
		got := sha256.Sum256([]byte(r.Header.Get("Authorization")))
		if token == "" || subtle.ConstantTimeCompare(got[:], h.token[:]) != 1 {
			say(w, http.StatusUnauthorized, map[string]string{"error": "unauthorized"})
			return
		}
		mux.ServeHTTP(w, r)
	})
}

type operatorHTTP struct {
	i     *Issuer
	token [sha256.Size]byte
}

// amountBody is an amount as the interface writes it.
type amountBody struct {
	Amount   int64            `json:"amount"`
	Currency payment.Currency `json:"currency"`
}

// chargeBody is a charge as it is asked for. What is not looked at (the sale, the wallet's name) may be there.
type chargeBody struct {
	Reference string `json:"reference"`
	Code      string `json:"code"`
	amountBody
	Store    string `json:"store"`
	Terminal string `json:"terminal"`
}

// refundBody is a refund as it is asked for.
type refundBody struct {
	Reference string `json:"reference"`
	amountBody
}

// chargeAnswer is a charge as it is told.
type chargeAnswer struct {
	Reference   string `json:"reference"`
	Transaction string `json:"transaction"`
	amountBody
	State    string      `json:"state"`
	Reason   string      `json:"reason,omitempty"`
	Refunded int64       `json:"refunded"`
	At       time.Time   `json:"at"`
	Refund   *refundPart `json:"refund,omitempty"`
}

type refundPart struct {
	Reference string `json:"reference"`
	Amount    int64  `json:"amount"`
}

func (h *operatorHTTP) charge(w http.ResponseWriter, r *http.Request) {
	var q chargeBody
	if !read(w, r, &q) {
		return
	}
	amount := payment.Of(q.Amount, q.Currency)
	res, err := h.i.Charge(r.Context(), Charge{Ref: q.Reference, Code: q.Code, Amount: amount, Store: q.Store, Lane: q.Terminal})
	if errors.Is(err, rule.BadAmount) { // over_rest is said of refunds
		say(w, http.StatusBadRequest, map[string]string{"error": "invalid"})
		return
	}
	if res.Transaction == "" { // a tombstone has no amount of its own
		res.Amount = amount
	}
	h.tell(w, res, nil, err)
}

func (h *operatorHTTP) query(w http.ResponseWriter, r *http.Request) {
	res, err := h.i.Query(r.Context(), r.PathValue("ref"))
	if err == nil && res.Transaction == "" {
		err = rule.NotFound
	}
	h.tell(w, res, nil, err)
}

func (h *operatorHTTP) cancel(w http.ResponseWriter, r *http.Request) {
	res, err := h.i.Cancel(r.Context(), r.PathValue("ref"))
	if err == nil && res.Transaction == "" {
		err = rule.NotFound
	}
	h.tell(w, res, nil, err)
}

func (h *operatorHTTP) refund(w http.ResponseWriter, r *http.Request) {
	var q refundBody
	if !read(w, r, &q) {
		return
	}
	res, err := h.i.Refund(r.Context(), q.Reference, r.PathValue("ref"), payment.Of(q.Amount, q.Currency))
	if err == nil && res.Transaction == "" {
		err = rule.NotFound
	}
	h.tell(w, res, &refundPart{q.Reference, q.Amount}, err)
}

// refused are the interface's words for what can't be done.
var refused = map[rule.Refusal]struct {
	status int
	word   string
}{
	rule.NotFound: {http.StatusNotFound, "not_found"}, rule.RefUsed: {http.StatusConflict, "conflict"},
	rule.TooLate: {http.StatusConflict, "too_late"}, rule.NotPaid: {http.StatusConflict, "not_paid"},
	rule.BadAmount: {http.StatusConflict, "over_rest"},
}

// reasons are operator.Why's names for why a charge was declined. SpendingOff has none: the connector's configuration
// can map ours.
var reasons = map[rule.Refusal]string{
	rule.BadCode: "code_invalid", rule.CodeExpired: "code_expired", rule.CodeUsed: "code_used", rule.NoFunds: "no_funds",
	rule.OverSpend: "over_limit", rule.OverSpendDay: "over_limit", rule.CoolingOff: "over_limit", rule.Stopped: "account_stopped",
	rule.SpendingOff: "spending_off",
}

func (h *operatorHTTP) tell(w http.ResponseWriter, res Result, part *refundPart, err error) {
	if r, ok := errors.AsType[rule.Refusal](err); ok {
		word, known := refused[r]
		if !known {
			word.status, word.word = http.StatusBadRequest, "invalid"
		}
		say(w, word.status, map[string]string{"error": word.word})
		return
	}
	if err != nil { // ours: nobody is told more than that, and the money may have moved
		h.i.warn(err, "HQ's request failed")
		say(w, http.StatusInternalServerError, map[string]string{"error": "internal"})
		return
	}
	a := chargeAnswer{
		Reference: res.Ref, Transaction: res.Transaction, amountBody: amountBody{res.Amount.Minor, res.Amount.Currency},
		State: string(res.State), Reason: reasons[res.Why], Refunded: res.Given.Minor, At: res.At, Refund: part,
	}
	if res.State == Paid && res.Given == res.Amount {
		a.State = "refunded"
	}
	say(w, http.StatusOK, a)
}

// read reads one JSON value of at most MaxRequest bytes and nothing after it.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	return readUpTo(w, r, MaxRequest, into)
}

func readUpTo(w http.ResponseWriter, r *http.Request, most int64, into any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, most))
	if d.Decode(into) == nil {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return true
		}
	}
	say(w, http.StatusBadRequest, map[string]string{"error": "invalid"})
	return false
}

func say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // who hung up asks again
}
