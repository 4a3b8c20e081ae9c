package hqapi

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tilld/agent/httpapi"
	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Config is what the API serves from. All fields but Hosts and Version must be set.
type Config struct {
	Books    Books
	Archive  Archive
	Cutter   Cutter
	Now      func() time.Time
	Log      *slog.Logger
	Registry *prometheus.Registry // served at /metrics; the API adds its own
	Hosts    []string             // names that the server answers to, without port; empty: loopback names on loopback, any name elsewhere
	Version  string               // of the program, for the OpenAPI document
	Sales    Sales                // what sales figures need

	// Unseal finds the key that a member's number was sealed to; nil: HQ has none of that identifier, and the number stays
	// closed.
	Unseal func(wire.KID) *wire.ConfidantKey

	// Health says why HQ does not do its work, in words for anybody who reaches the port, or "". Nil: nothing is
	// asked beyond the books.
	Health func() string
}

// API is HQ's HTTP API. It is an http.Handler; see Serve for a whole server.
type API struct {
	books    Books
	archive  Archive
	cutter   Cutter
	now      func() time.Time
	log      *slog.Logger
	hosts    []string
	mux      *http.ServeMux
	metrics  *metrics
	failures *failures
	scrape   http.Handler
	last     lastBatch
	sales    Sales
	unseal   func(wire.KID) *wire.ConfidantKey
	health   func() string
	openAPI  []byte
}

// New makes the API. It fails when its metrics are in the registry already.
func New(c Config) (*API, error) {
	m, err := newMetrics(c.Registry)
	if err != nil {
		return nil, fmt.Errorf("API metrics: %w", err)
	}
	a := &API{
		books: c.Books, archive: c.Archive, cutter: c.Cutter, now: c.Now, log: c.Log, mux: http.NewServeMux(), metrics: m,
		sales: c.Sales, failures: newFailures(), scrape: promhttp.HandlerFor(c.Registry, promhttp.HandlerOpts{}),
	}
	if a.unseal = c.Unseal; a.unseal == nil {
		a.unseal = func(wire.KID) *wire.ConfidantKey { return nil }
	}
	if a.health = c.Health; a.health == nil {
		a.health = func() string { return "" }
	}
	for _, h := range c.Hosts {
		a.hosts = append(a.hosts, strings.ToLower(h))
	}
	api := humago.New(a.mux, config(c.Version))
	api.UseMiddleware(a.authorize)
	a.addSettlements(api)
	a.addPayments(api)
	a.addTerminals(api)
	a.addExceptions(api)
	a.addSales(api)
	a.addPoints(api)
	if a.openAPI, err = json.MarshalIndent(api.OpenAPI(), "", "  "); err != nil {
		return nil, fmt.Errorf("OpenAPI document: %w", err)
	}
	a.mux.HandleFunc("GET /openapi.json", a.serveOpenAPI)
	a.mux.HandleFunc("GET /healthz", a.serveHealth)
	a.mux.HandleFunc("GET /metrics", a.serveMetrics)
	return a, nil
}

// config is what both APIs have, with tokens.
func config(version string) huma.Config {
	c := httpapi.Config("tilld HQ", version, "Settlement batches, payments, terminals and exceptions of a chain. Amounts are integers in minor units.")
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{scheme: {
		Type: "http", Scheme: "bearer", Description: "An API token. Its scopes are among read, finance, operations (each of the latter includes read), sales and points.",
	}}
	return c
}

// OpenAPI is the API's description, as served at /openapi.json.
func (a *API) OpenAPI() []byte { return a.openAPI }

func (a *API) serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/openapi+json")
	_, _ = w.Write(a.openAPI) // a client that is gone needs no answer
}

// serveHealth says whether the ledger answers and HQ does its work.
func (a *API) serveHealth(w http.ResponseWriter, r *http.Request) {
	if _, err := a.books.HQEpoch(r.Context()); err != nil {
		a.log.ErrorContext(r.Context(), "ledger does not answer", "error", err.Error())
		httpapi.WriteProblem(w, httpapi.ProblemOf(payment.Retry, "the ledger does not answer"))
		return
	}
	if why := a.health(); why != "" {
		httpapi.WriteProblem(w, httpapi.ProblemOf(payment.Retry, why))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte("{\"status\":\"ok\"}\n"))
}

// serveMetrics is open on loopback, where machines are scraped, and takes a token elsewhere.
func (a *API) serveMetrics(w http.ResponseWriter, r *http.Request) {
	if !localRequest(r) {
		if _, ok := a.admit(w, r, ScopeRead); !ok {
			return
		}
	}
	a.scrape.ServeHTTP(w, r)
}

// maxBody bounds a request's body where an operation takes one; what clients send is a few words.
const maxBody = 16 << 10

// page is the part of a list that a request gets.
type page[T any] struct {
	Items []T    `json:"items" nullable:"false" doc:"In the order of the list."`
	Next  string `json:"next" doc:"Cursor after the last item, for the next request; it stays valid, so that a client can ask for what is new later."`
	More  bool   `json:"more" doc:"There are further items right now."`
}

// PageInput is what every list takes.
type PageInput struct {
	After string `query:"after" doc:"Cursor of the last answer; empty begins at the start."`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Most items in one answer."`
}

// place turns a request's cursor into a position. check says whether the position holds the identifier.
func (a *API) place(ctx context.Context, list byte, text string, check func(context.Context, cursor) (bool, error)) (cursor, error) {
	epoch, err := a.books.HQEpoch(ctx)
	if err != nil {
		return cursor{}, err
	}
	if text == "" {
		return cursor{list: list, epoch: epoch}, nil
	}
	c, err := parseCursor(list, text)
	if err != nil {
		return cursor{}, httpapi.Problem(http.StatusBadRequest, "cursor", "after: "+err.Error())
	}
	switch {
	case c.epoch < epoch:
		return cursor{}, httpapi.Problem(http.StatusGone, "cursor_outdated",
			"after: HQ was restored from a backup since; begin without a cursor (what you have keeps its identifier and bytes)")
	case c.epoch > epoch:
		return cursor{}, httpapi.Problem(http.StatusBadRequest, "cursor", "after: "+errCursor.Error())
	case c.pos == 0: // an answer without items
		if !c.id.IsZero() {
			return cursor{}, httpapi.Problem(http.StatusBadRequest, "cursor", "after: "+errCursor.Error())
		}
		return c, nil
	}
	ok, err := check(ctx, c)
	if err != nil && !notFound(err) {
		return cursor{}, err
	}
	if !ok {
		return cursor{}, httpapi.Problem(http.StatusBadRequest, "cursor", "after: "+errCursor.Error())
	}
	return c, nil
}

// pageOf asks for one row more than it gives, to know whether there are more.
func pageOf[R, T any](c cursor, limit int, rows []R, at func(*R) cursor, view func(*R) T) *page[T] {
	p := &page[T]{Items: []T{}, More: len(rows) > limit}
	for i := range rows[:min(limit, len(rows))] {
		p.Items = append(p.Items, view(&rows[i]))
		next := at(&rows[i])
		c.pos, c.id = next.pos, next.id
	}
	p.Next = c.String()
	return p
}
