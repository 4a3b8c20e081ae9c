package hqapi

import (
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"tilld/agent/httpapi"
)

// ServeHTTP answers a request: guards first, then the routes.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := a.now()
	out := &watched{ResponseWriter: w}
	secureHeaders(w.Header())
	defer func() {
		if v := recover(); v != nil {
			a.panicked(out, r, v)
		}
		a.metrics.observe(r, out.status, a.now().Sub(start))
	}()
	if !a.hostAllowed(r) {
		httpapi.WriteProblem(out, httpapi.Problem(http.StatusMisdirectedRequest, "host", "this server does not answer to that name"))
		return
	}
	a.route(out, r)
}

// panicked ends a request that found a fault of ours. The server lives on.
func (a *API) panicked(w *watched, r *http.Request, v any) {
	if v == http.ErrAbortHandler {
		panic(v)
	}
	if r.Context().Err() != nil { // huma panics when it can't write an answer, as to a client that is gone
		a.log.DebugContext(r.Context(), "client went away", "request", r.Pattern)
		return
	}
	a.log.ErrorContext(r.Context(), "request panicked", "request", r.Pattern, "panic", v, "stack", string(debug.Stack()))
	if w.status == 0 {
		httpapi.WriteProblem(w, httpapi.Problem(http.StatusInternalServerError, "internal", "something went wrong at HQ; its log says what"))
	}
}

// route lets the mux answer, but with problems in place of its plain texts.
func (a *API) route(w http.ResponseWriter, r *http.Request) {
	h, pattern := a.mux.Handler(r)
	if pattern != "" {
		a.mux.ServeHTTP(w, r)
		return
	}
	probe := &muted{header: http.Header{}}
	h.ServeHTTP(probe, r)
	for _, name := range []string{"Allow", "Location"} {
		if v := probe.header.Get(name); v != "" {
			w.Header().Set(name, v)
		}
	}
	code, detail := "not_found", "there is nothing here; /openapi.json says what there is"
	if probe.status == http.StatusMethodNotAllowed {
		code, detail = "method", "not with this method"
	}
	httpapi.WriteProblem(w, httpapi.Problem(probe.status, code, detail))
}

// secureHeaders says that this is no web page and is for nobody else to keep. There is no CORS: programs
// call this API, other people's pages don't.
func secureHeaders(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
}

// hostAllowed refuses names that the server was not told are its own: on loopback always, where a page from
// elsewhere could have its name point here, and off loopback when names were given.
func (a *API) hostAllowed(r *http.Request) bool {
	name := hostName(r.Host)
	if slices.Contains(a.hosts, name) {
		return true
	}
	if localRequest(r) {
		ip, err := netip.ParseAddr(name)
		return name == "localhost" || err == nil && ip.IsLoopback()
	}
	return len(a.hosts) == 0
}

// hostName is a Host header without its port, in lower case.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

// remote is the address that a request came from.
func remote(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr()
}

// localRequest says that a request came in on loopback.
func localRequest(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && onLoopback(local)
}

// watched remembers the status that was sent.
type watched struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the first final status.
func (w *watched) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends 200 when nothing else was.
func (w *watched) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController find the connection.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// muted takes an answer that nobody shall see.
type muted struct {
	header http.Header
	status int
}

// Header is the answer's header.
func (m *muted) Header() http.Header { return m.header }

// Write takes the text.
func (m *muted) Write(b []byte) (int, error) {
	if m.status == 0 {
		m.status = http.StatusOK
	}
	return len(b), nil
}

// WriteHeader takes the status.
func (m *muted) WriteHeader(status int) { m.status = status }

// statusClass is such as "2xx": as a label it stays small whatever clients do.
func statusClass(status int) string { return strconv.Itoa(status/100) + "xx" }

// elapsed is a duration in seconds, as Prometheus wants it.
func elapsed(d time.Duration) float64 { return max(d, 0).Seconds() }
