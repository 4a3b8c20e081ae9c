package posapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"tilld/agent/httpapi"
	"tilld/agent/payment"
)

const (
	maxBody    = 256 << 10        // of a request: a basket of 500 lines fits
	callLimit  = 5 * time.Second  // for the lane to answer
	beatEvery  = 15 * time.Second // on a silent event stream
	writeLimit = 10 * time.Second // for a reader to take an event
	maxStreams = 8                // at one time
	maxSales   = 100              // in one list
)

// description begins the OpenAPI document.
const description = "For the shop's own POS: open a sale, hear how it went, complete it. Amounts are integers in minor units. " +
	"Neither an error nor silence says that a sale is unpaid: its state does."

// Config is what the API needs. Every field must be set.
type Config struct {
	Lane Lane
	// Guard stands in front of everything and refuses foreign Hosts and Origins, such as ui/web's.
	Guard func(http.Handler) http.Handler
	// Stream names this run of the program: events of another run have other IDs.
	Stream  payment.ID
	Log     *slog.Logger
	Version string // of the program, for the OpenAPI document
}

// API is the lane's HTTP API. It is an http.Handler; see Serve for a whole server.
type API struct {
	lane    Lane
	log     *slog.Logger
	mux     *http.ServeMux
	handler http.Handler
	openAPI []byte

	stream  string
	slots   chan struct{} // one per stream
	streams context.Context
	end     context.CancelFunc
	beat    time.Duration
}

// New makes the API.
func New(c Config) (*API, error) {
	if c.Lane == nil || c.Guard == nil || c.Stream.IsZero() || c.Log == nil {
		return nil, errors.New("posapi: lane, guard, stream and log must be given")
	}
	a := &API{
		lane: c.Lane, log: c.Log, mux: http.NewServeMux(), stream: c.Stream.String(),
		slots: make(chan struct{}, maxStreams), beat: beatEvery,
	}
	a.streams, a.end = context.WithCancel(context.Background())
	a.handler = c.Guard(http.HandlerFunc(a.route))
	api := humago.New(a.mux, httpapi.Config("tilld lane", c.Version, description))
	api.UseMiddleware(limited)
	a.addOpening(api)
	a.addSales(api)
	a.addRefunds(api)
	a.addLane(api)
	a.addEvents(api)
	var err error
	if a.openAPI, err = json.MarshalIndent(api.OpenAPI(), "", "  "); err != nil {
		return nil, fmt.Errorf("OpenAPI document: %w", err)
	}
	a.mux.HandleFunc("GET /openapi.json", a.serveOpenAPI)
	return a, nil
}

// limited gives a request's work an end: a lane that is busy for longer is said to be.
func limited(ctx huma.Context, next func(huma.Context)) {
	bounded, cancel := context.WithTimeout(ctx.Context(), callLimit)
	defer cancel()
	next(huma.WithContext(ctx, bounded))
}

// OpenAPI is the API's description, as served at /openapi.json.
func (a *API) OpenAPI() []byte { return a.openAPI }

// ServeHTTP answers a request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		// huma panics when it can't write an answer, as to a POS that is gone. Any other panic is net/http's to
		// report.
		if v := recover(); v != nil && r.Context().Err() == nil {
			panic(v)
		}
	}()
	a.handler.ServeHTTP(w, r)
}

// route lets the mux answer, but with problems in place of its plain texts.
func (a *API) route(w http.ResponseWriter, r *http.Request) {
	if _, pattern := a.mux.Handler(r); pattern != "" {
		a.mux.ServeHTTP(w, r)
		return
	}
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := a.mux.Handler(other); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		httpapi.WriteProblem(w, httpapi.RequestProblem(http.StatusNotFound, "there is nothing here; /openapi.json says what there is"))
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	httpapi.WriteProblem(w, httpapi.RequestProblem(http.StatusMethodNotAllowed, "not with this method"))
}

func (a *API) serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/openapi+json")
	_, _ = w.Write(a.openAPI) // a client that is gone needs no answer
}
