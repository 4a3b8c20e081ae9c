package emulate

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"tilld/sync/operator"
)

// maxList bounds a list of charges.
const maxList = 1000

// Control is the API by which a demo or a test moves the operators. It asks nobody who they are: whoever serves it
// serves it on this machine alone. Requests and answers are JSON, errors are {"error": …}.
//
//	GET  /wallets                              the wallets
//	POST /customers   {wallet, customer}       makes or changes one
//	GET  /customers/{wallet}/{name}
//	POST /codes       {wallet, name}           → {code}: the phone shows a new one
//	POST /confirm     {wallet, ref, yes}       the customer answers the phone
//	POST /behaviour   {wallet, behaviour}      see Behaviour
//	POST /release     {wallet}                 → {released}
//	GET  /charges/{wallet}?most=100            the book, newest first
//	GET  /charges/{wallet}/{ref}
func (s *Server) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /wallets", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, slices.Sorted(maps.Keys(s.ledgers)), nil)
	})
	mux.HandleFunc("POST /customers", command(func(c order) (any, error) { return struct{}{}, s.SetCustomer(c.Wallet, c.Customer) }))
	mux.HandleFunc("POST /codes", command(func(c order) (any, error) {
		code, err := s.Show(c.Wallet, c.Name)
		return map[string]string{"code": string(code)}, err // the customer's own screen: the one place that shows it
	}))
	mux.HandleFunc("POST /confirm", command(func(c order) (any, error) { return struct{}{}, s.Confirm(c.Wallet, c.Ref, c.Yes) }))
	mux.HandleFunc("POST /behaviour", command(func(c order) (any, error) { return struct{}{}, s.Behave(c.Wallet, c.Behaviour) }))
	mux.HandleFunc("POST /release", command(func(c order) (any, error) { return map[string]int{"released": s.Release(c.Wallet)}, nil }))
	mux.HandleFunc("GET /customers/{wallet}/{name}", func(w http.ResponseWriter, r *http.Request) {
		c, err := s.Customer(Wallet(r.PathValue("wallet")), r.PathValue("name"))
		answer(w, c, err)
	})
	mux.HandleFunc("GET /charges/{wallet}", func(w http.ResponseWriter, r *http.Request) {
		most, err := strconv.Atoi(r.URL.Query().Get("most"))
		if err != nil || most < 1 || most > maxList {
			most = maxList
		}
		list := s.Charges(Wallet(r.PathValue("wallet")), most)
		answer(w, append([]Charge{}, list...), nil)
	})
	mux.HandleFunc("GET /charges/{wallet}/{ref}", func(w http.ResponseWriter, r *http.Request) {
		c, ok := s.Book(Wallet(r.PathValue("wallet")), operator.Ref(r.PathValue("ref")))
		if !ok {
			answer(w, nil, ErrUnknown)
			return
		}
		answer(w, c, nil)
	})
	return mux
}

// order is the body of any POST; each reads its part.
type order struct {
	Wallet    Wallet       `json:"wallet"`
	Customer  Customer     `json:"customer"`
	Name      string       `json:"name"`
	Ref       operator.Ref `json:"ref"`
	Yes       bool         `json:"yes"`
	Behaviour Behaviour    `json:"behaviour"`
}

func command(do func(order) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var c order
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
		d.DisallowUnknownFields()
		if err := d.Decode(&c); err != nil {
			answer(w, nil, errors.Join(ErrInvalid, err))
			return
		}
		v, err := do(c)
		answer(w, v, err)
	}
}

func answer(w http.ResponseWriter, v any, err error) {
	status := http.StatusOK
	if err != nil {
		v = map[string]string{"error": err.Error()}
		switch {
		case errors.Is(err, ErrUnknown):
			status = http.StatusNotFound
		case errors.Is(err, ErrInvalid):
			status = http.StatusBadRequest
		case errors.Is(err, ErrFull):
			status = http.StatusInsufficientStorage
		default:
			status = http.StatusInternalServerError
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // who asked has gone
}
