package house

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"tilld/agent/payment"
	"tilld/sync/house/rule"
)

// approveHTTP is POST /phone/v1/approvals.
func (i *Issuer) approveHTTP(ctx context.Context, c caller, q struct {
	Offer string    `json:"offer"`
	Proof proofBody `json:"proof"`
}) (any, error) {
	text, err := i.Approve(ctx, c.from, Approval{Session: c.session, Offer: q.Offer, Proof: q.Proof.proof()})
	return map[string]string{"approval": text}, err
}

// approvalBody is an approval as HQ is told of it.
type approvalBody struct {
	No       int64      `json:"no"`
	Payment  payment.ID `json:"payment"`
	Terminal payment.ID `json:"terminal"`
	amountBody
	Store string        `json:"store"`
	Lane  string        `json:"lane"`
	State ApprovalState `json:"state"`
	Free  int64         `json:"free"`
	Lost  int64         `json:"lost"`
	At    time.Time     `json:"at"`
}

// maxApprovals is the most of them in one answer.
const maxApprovals = 500

// approvals answers GET …/approvals?after=N with {"approvals": […]}, the next ones behind N in the order in which they
// were given; none: that is all.
func (h *operatorHTTP) approvals(w http.ResponseWriter, r *http.Request) {
	after := int64(0)
	if s := r.URL.Query().Get("after"); s != "" {
		var err error
		if after, err = strconv.ParseInt(s, 10, 64); err != nil || after < 0 {
			say(w, http.StatusBadRequest, map[string]string{"error": "invalid"})
			return
		}
	}
	list, err := h.i.Approvals(r.Context(), after, maxApprovals)
	if err != nil {
		h.tell(w, Result{}, nil, err)
		return
	}
	out := make([]approvalBody, len(list))
	for n, a := range list {
		out[n] = approvalBody{a.No, a.Payment, a.Terminal, amountBody{a.Amount.Minor, a.Amount.Currency}, a.Store, a.Lane, a.State, a.Free, a.Lost, a.At}
	}
	say(w, http.StatusOK, map[string]any{"approvals": out})
}

// maxPapers is the most bytes of HQ's documents as they come: two of policy.MaxDocument, in base 64.
const maxPapers = 2 << 20

// papers takes what HQ signed, {"trust": base 64, "policy": base 64}, and answers with the versions that are held then; 422
// {"error":"invalid_papers"} for what the chain's root does not stand behind.
func (h *operatorHTTP) papers(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Trust  []byte `json:"trust"`
		Policy []byte `json:"policy"`
	}
	if !readUpTo(w, r, maxPapers, &q) {
		return
	}
	switch err := h.i.Papers(r.Context(), q.Trust, q.Policy); {
	case errors.Is(err, rule.BadOffer):
		say(w, http.StatusUnprocessableEntity, map[string]string{"error": "invalid_papers"})
	case err != nil:
		h.tell(w, Result{}, nil, err)
	default:
		trust, doc := h.i.PaperVersions()
		say(w, http.StatusOK, map[string]uint64{"trust": trust, "policy": doc})
	}
}
