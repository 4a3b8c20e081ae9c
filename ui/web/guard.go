package web

import (
	"net"
	"net/http"
	"net/url"
	"slices"
)

// csp lets a page load from its own origin alone and run no inline script.
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// maxBody is the most that any form or API request may send.
const maxBody = 256 << 10

// Guard stands in front of every page and API of this machine. It refuses a Host that is not one of hosts
// (empty: any loopback name), which is how a foreign page rebinds a name to reach a till; and a request
// that changes something whose Origin or Sec-Fetch-Site is another's. It bounds bodies and sets the
// security headers.
func Guard(hosts []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !hostAllowed(hosts, r.Host) {
			http.Error(w, "this address is not served under that name", http.StatusMisdirectedRequest)
			return
		}
		if foreign(r) {
			http.Error(w, "requests from other sites are refused", http.StatusForbidden)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", csp)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if h.Get("Cache-Control") == "" {
			h.Set("Cache-Control", "no-store")
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

func hostAllowed(hosts []string, host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if len(hosts) > 0 {
		return slices.Contains(hosts, name)
	}
	ip := net.ParseIP(name)
	return name == "localhost" || (ip != nil && ip.IsLoopback())
}

// foreign says whether a browser sent the request on behalf of another site. A program that is no browser
// sends neither header and is not hindered: it could lie anyway.
func foreign(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return r.Method != http.MethodGet || r.Header.Get("Sec-Fetch-Mode") != "navigate"
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || u.Host != r.Host
}
