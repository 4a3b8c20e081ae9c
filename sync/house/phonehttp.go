package house

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"

	"tilld/agent/payment"
	"tilld/sync/house/rule"
)

// PhonePrefix is where PhoneHandler's paths begin.
const PhonePrefix = "/phone/v1"

// PhoneHandler is the issuer as the customers' phones see it. JSON over HTTPS; bytes are base 64; a session goes as
// `Authorization: Bearer <session>`. DESIGN.md lists the paths. Who asks is counted by the connection's address, so
// whatever stands before the issuer must pass the phones' own on.
func (i *Issuer) PhoneHandler() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h http.HandlerFunc) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+PhonePrefix+path, h)
	}
	for pattern, h := range i.accountPaths() {
		handle(pattern, h)
	}
	for pattern, h := range i.sessionPaths() {
		handle(pattern, h)
	}
	return mux
}

// proofBody is a phone's signature as it is sent.
type proofBody struct {
	Challenge Secret `json:"challenge"`
	Signature []byte `json:"signature"`
}

func (p proofBody) proof() Proof { return Proof(p) }

type none struct{}

// ticketBody is a ticket that came by mail.
type ticketBody struct {
	Ticket   Secret `json:"ticket"`
	Password Secret `json:"password"` // of a reset
}

// sessionBody is a session that is handed out.
type sessionBody struct {
	Session string `json:"session"`
	Ends    string `json:"ends"` // RFC 3339
}

func (s Session) body() sessionBody {
	return sessionBody{Session: string(s.Token), Ends: s.Ends.Format("2006-01-02T15:04:05Z07:00")}
}

// caller is who asks.
type caller struct {
	from    netip.Addr
	session Secret
}

// accountPaths are those that need no session.
func (i *Issuer) accountPaths() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"POST /challenge": ask(i, func(ctx context.Context, c caller, _ none) (any, error) {
			s, err := i.Challenge(ctx, c.from)
			return map[string]string{"challenge": string(s)}, err
		}),
		"POST /accounts":      ask(i, i.enrolHTTP),
		"POST /sessions":      ask(i, i.signInHTTP),
		"PUT /accounts/phone": ask(i, i.bindHTTP),
		"POST /accounts/confirm": ask(i, func(ctx context.Context, c caller, q ticketBody) (any, error) {
			return none{}, i.Confirm(ctx, c.from, q.Ticket)
		}),
		"POST /reset": ask(i, func(ctx context.Context, c caller, q struct {
			Login string `json:"login"`
		}) (any, error) {
			return none{}, i.AskReset(ctx, c.from, q.Login)
		}),
		"POST /reset/password": ask(i, func(ctx context.Context, c caller, q ticketBody) (any, error) {
			return none{}, i.Reset(ctx, c.from, q.Ticket, q.Password)
		}),
		"POST /contact/prove": ask(i, func(ctx context.Context, c caller, q ticketBody) (any, error) {
			return none{}, i.ProveContact(ctx, c.from, q.Ticket)
		}),
		"POST /contact/keep": ask(i, func(ctx context.Context, c caller, q ticketBody) (any, error) {
			return none{}, i.KeepContact(ctx, c.from, q.Ticket)
		}),
		"POST /outside": ask(i, func(ctx context.Context, c caller, q struct {
			Provider string `json:"provider"`
		}) (any, error) {
			b, err := i.BeginOutside(ctx, c.from, q.Provider)
			return map[string]string{"address": b.Address, "state": string(b.State)}, err
		}),
		"POST /outside/sessions": ask(i, func(ctx context.Context, c caller, q outsideBody) (any, error) {
			s, err := i.SignInOutside(ctx, c.from, q.finish())
			return s.body(), err
		}),
	}
}

// sessionPaths are those that need a session; the methods themselves ask for it.
func (i *Issuer) sessionPaths() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /account": ask(i, func(ctx context.Context, c caller, _ none) (any, error) { return i.Account(ctx, c.session) }),
		"DELETE /sessions": ask(i, func(ctx context.Context, c caller, _ none) (any, error) {
			return none{}, i.SignOut(ctx, c.session)
		}),
		"POST /certificate": ask(i, func(ctx context.Context, c caller, q struct {
			Proof proofBody `json:"proof"`
		}) (any, error) {
			cert, err := i.Certificate(ctx, c.from, c.session, q.Proof.proof())
			return map[string][]byte{"certificate": cert}, err
		}),
		"POST /topups":    ask(i, i.topUpHTTP),
		"POST /approvals": ask(i, i.approveHTTP),
		"POST /contact":   ask(i, i.contactHTTP),
		"POST /recovery":  ask(i, i.recoveryHTTP),
		"POST /outside/links": ask(i, func(ctx context.Context, c caller, q outsideBody) (any, error) {
			return none{}, i.LinkOutside(ctx, c.from, c.session, q.Password, q.finish())
		}),
	}
}

type outsideBody struct {
	State    Secret    `json:"state"`
	Code     Secret    `json:"code"`
	Password Secret    `json:"password"` // of a link
	Proof    proofBody `json:"proof"`
}

func (q outsideBody) finish() FinishOutside {
	return FinishOutside{State: q.State, Code: q.Code, Proof: q.Proof.proof()}
}

func (i *Issuer) enrolHTTP(ctx context.Context, c caller, q struct {
	Login    string    `json:"login"`
	Contact  string    `json:"contact"`
	Password Secret    `json:"password"`
	Key      []byte    `json:"key"`
	Proof    proofBody `json:"proof"`
}) (any, error) {
	e, err := i.Enrol(ctx, c.from, Enrolment{Login: q.Login, Contact: q.Contact, Password: q.Password, Key: q.Key, Proof: q.Proof.proof()})
	if err != nil {
		return nil, err
	}
	return map[string]any{"login": e.Login, "recovery": handOut(e.Recovery)}, nil
}

func handOut(codes []Secret) []string {
	out := make([]string, len(codes))
	for n, code := range codes {
		out[n] = string(code)
	}
	return out
}

func (i *Issuer) recoveryHTTP(ctx context.Context, c caller, q struct {
	Password Secret    `json:"password"`
	Proof    proofBody `json:"proof"`
}) (any, error) {
	codes, err := i.RenewRecovery(ctx, c.from, c.session, q.Password, q.Proof.proof())
	return map[string]any{"recovery": handOut(codes)}, err
}

func (i *Issuer) signInHTTP(ctx context.Context, c caller, q struct {
	Login    string    `json:"login"`
	Password Secret    `json:"password"`
	Proof    proofBody `json:"proof"`
}) (any, error) {
	s, err := i.SignIn(ctx, c.from, SignIn{Login: q.Login, Password: q.Password, Proof: q.Proof.proof()})
	return s.body(), err
}

func (i *Issuer) bindHTTP(ctx context.Context, c caller, q struct {
	Login    string     `json:"login"`
	Password Secret     `json:"password"`
	Key      []byte     `json:"key"`
	New      proofBody  `json:"new"`
	Old      *proofBody `json:"old"`
	Recovery Secret     `json:"recovery"`
}) (any, error) {
	b := Binding{Login: q.Login, Password: q.Password, Key: q.Key, New: q.New.proof(), Recovery: q.Recovery}
	if q.Old != nil {
		old := q.Old.proof()
		b.Old = &old
	}
	return none{}, i.BindPhone(ctx, c.from, b)
}

func (i *Issuer) topUpHTTP(ctx context.Context, c caller, q struct {
	Ref    string        `json:"ref"`
	Amount payment.Money `json:"amount"`
	Source string        `json:"source"`
	Proof  proofBody     `json:"proof"`
}) (any, error) {
	state, err := i.TopUp(ctx, c.from, TopUp{Session: c.session, Ref: q.Ref, Amount: q.Amount, Source: q.Source, Proof: q.Proof.proof()})
	return map[string]TopUpState{"state": state}, err
}

func (i *Issuer) contactHTTP(ctx context.Context, c caller, q struct {
	Contact  string    `json:"contact"`
	Password Secret    `json:"password"`
	Proof    proofBody `json:"proof"`
}) (any, error) {
	return none{}, i.ChangeContact(ctx, c.from, NewContact{Session: c.session, Password: q.Password, Contact: q.Contact, Proof: q.Proof.proof()})
}

// ask makes a handler of a method: it reads one JSON object, strictly, and tells a refusal by its own words. Of any other
// error only that it was ours is told.
func ask[In any](i *Issuer, do func(context.Context, caller, In) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil {
			i.tellPhone(w, nil, err)
			return
		}
		var in In
		if r.Method != http.MethodGet && r.Method != http.MethodDelete && !strict(w, r, &in) {
			say(w, http.StatusBadRequest, map[string]string{"error": string(payment.Invalid), "message": "the request can't be read"})
			return
		}
		session, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		out, err := do(r.Context(), caller{from.Addr(), Secret(session)}, in)
		i.tellPhone(w, out, err)
	}
}

// statuses are the HTTP statuses of refusals.
var statuses = map[payment.Code]int{
	payment.Invalid: http.StatusBadRequest, payment.NotFound: http.StatusNotFound, payment.Conflict: http.StatusConflict,
	payment.NotAllowed: http.StatusUnprocessableEntity, payment.Unauthorized: http.StatusUnauthorized,
	payment.Forbidden: http.StatusForbidden, payment.Retry: http.StatusTooManyRequests,
}

func (i *Issuer) tellPhone(w http.ResponseWriter, out any, err error) {
	refusal, refused := errors.AsType[rule.Refusal](err)
	switch {
	case refused:
		say(w, statuses[refusal.Code()], map[string]string{"error": string(refusal.Code()), "message": refusal.Error()})
	case err != nil:
		i.warn(err, "a phone's request failed")
		say(w, http.StatusInternalServerError, map[string]string{"error": string(payment.Internal), "message": payment.MessageOf(nil)})
	default:
		say(w, http.StatusOK, out)
	}
}

// strict reads one JSON object of known names and nothing after it.
func strict(w http.ResponseWriter, r *http.Request, into any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, MaxRequest))
	d.DisallowUnknownFields()
	if d.Decode(into) != nil {
		return false
	}
	_, err := d.Token()
	return errors.Is(err, io.EOF)
}
