package posapi

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"tilld/agent/payment"
)

// The API answers this machine's programs, and no page of somebody else's in a browser on it.
func TestGuard(t *testing.T) {
	b := newBench(t)
	port := b.url[strings.LastIndexByte(b.url, ':'):]
	tests := []struct {
		name    string
		method  string
		headers []string
		status  int
	}{
		{"a program", "POST", nil, 201},
		{"by name", "POST", []string{"Host: localhost" + port}, 201},
		{"by IPv6", "POST", []string{"Host: [::1]" + port}, 201},
		{"its own page", "POST", []string{"Origin: " + b.url}, 201},
		{"a foreign page", "POST", []string{"Origin: http://evil.example"}, 403},
		{"a foreign page that hides", "POST", []string{"Origin: null"}, 403},
		{"another port's page", "POST", []string{"Origin: http://127.0.0.1:1"}, 403},
		{"another site, by what the browser says", "POST", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"a name that was pointed here", "POST", []string{"Host: evil.example" + port}, 421},
		{"one that looks alike", "POST", []string{"Host: localhost.evil.example"}, 421},
		{"no name", "POST", []string{"Host: :80"}, 421},
		{"events for a foreign page", "GET", []string{"Origin: http://evil.example"}, 403},
		{"events under a foreign name", "GET", []string{"Host: evil.example"}, 421},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path, body := "/v1/events", ""
			if tt.method == "POST" {
				path, body = "/v1/sales", yen1000
			}
			res := b.do(t, tt.method, path, body, tt.headers...)
			if res.StatusCode != tt.status {
				t.Errorf("%s: %s", res.Status, res.body)
			}
			if got := res.Header.Get("Access-Control-Allow-Origin"); got != "" {
				t.Errorf("Access-Control-Allow-Origin %q", got)
			}
			b.lane.change(func(f *fakeLane) {
				if n := len(f.sales); n > 0 {
					f.sales[n-1].State = SaleCancelled
				}
			})
		})
	}
	if len(b.lane.sales) != 4 {
		t.Errorf("%d sales were opened, want 4", len(b.lane.sales))
	}
}

func TestLoopbackOnly(t *testing.T) {
	a := newAPI(t, newFakeLane(), io.Discard)
	ln, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Serve(t.Context(), ln); !errors.Is(err, ErrNotLoopback) {
		t.Errorf("Serve: %v", err)
	}
	if _, err := ln.Accept(); err == nil {
		t.Error("the listener is open")
	}
}

func TestServeClosedListener(t *testing.T) {
	a := newAPI(t, newFakeLane(), io.Discard)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.Serve(t.Context(), ln); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve: %v", err)
	}
}

func TestConfigMustBeWhole(t *testing.T) {
	whole := Config{Lane: newFakeLane(), Guard: func(h http.Handler) http.Handler { return h }, Stream: thisRun, Log: slog.New(slog.DiscardHandler)}
	for name, cut := range map[string]func(*Config){
		"lane": func(c *Config) { c.Lane = nil }, "guard": func(c *Config) { c.Guard = nil },
		"stream": func(c *Config) { c.Stream = payment.ID{} }, "log": func(c *Config) { c.Log = nil },
	} {
		c := whole
		cut(&c)
		if _, err := New(c); err == nil {
			t.Errorf("no %s, no error", name)
		}
	}
}

// A panic of ours reaches the server, which ends that request alone; one because the client left does not.
func TestPanics(t *testing.T) {
	b := newBench(t)
	b.mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("ours") })
	if _, err := try(t.Context(), b.url, "GET", "/panic", ""); err == nil {
		t.Error("an answer came")
	}
	if !strings.Contains(b.log.String(), "ours") {
		t.Errorf("logged %q", b.log)
	}
	b.open(t)
}
