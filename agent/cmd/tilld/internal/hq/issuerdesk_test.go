package hq

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/sync/operator"
	"tilld/sync/operator/issuer"
	"tilld/sync/wire"
)

// TestSettledIsPresented: a lane that comes back while the issuer is spoken to, and whose sales of hours ago are posted
// behind the look at what is to be presented, moves the word that all is there only when they are presented.
func TestSettledIsPresented(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	defer end()
	var mu sync.Mutex
	clock := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	now := func() time.Time { mu.Lock(); defer mu.Unlock(); return clock }
	dir := filepath.Join(t.TempDir(), "hq")
	if err := Init(ctx, dir, "kita", "JPY", "Asia/Tokyo", now); err != nil {
		t.Fatal(err)
	}
	o, err := OpenOffice(ctx, dir, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	lane := ledger.Terminal{ID: payment.ID{15: 1}, Entity: "kita", Store: "S001", Lane: "L1"}
	if err := o.Books.AddTerminal(ctx, lane, o.Keys.Ack.Public()); err != nil {
		t.Fatal(err)
	}
	count := uint64(0)
	beat := func() {
		count++
		if _, _, err := o.Books.Record(ctx, nil, []*wire.Beat{{Version: wire.MessageVersion, Terminal: lane.ID, Epoch: 1, Count: count, Software: "v1"}}); err != nil {
			t.Error(err)
		}
	}
	beat()
	heard := now()
	said := make(chan time.Time, 1)
	books := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/word": // all that was posted is presented by now; five hours later the lane is back
			mu.Lock()
			clock = clock.Add(5 * time.Hour)
			mu.Unlock()
			beat()
			_, _ = io.WriteString(w, `{"spending_stopped":false,"accounts":[],"phones":[]}`)
		case "/papers":
			_, _ = io.WriteString(w, `{"trust":1,"policy":1}`)
		case "/settled":
			var q struct {
				Until time.Time `json:"until"`
			}
			if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
				t.Error(err)
			}
			_, _ = io.WriteString(w, `{}`)
			said <- q.Until
			end()
		default:
			t.Errorf("%s %s", r.Method, r.URL)
		}
	}))
	t.Cleanup(books.Close)
	client, err := issuer.New(operator.Reach{BaseURL: books.URL}, "", operator.SecretOf("token"))
	if err != nil {
		t.Fatal(err)
	}
	d := &issuerDesk{office: o, wallet: "house", client: client, log: slog.New(slog.DiscardHandler), now: now, lacks: func() error { return nil }}
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()
	select {
	case until := <-said:
		if until.After(heard) {
			t.Errorf("all up to %s is said to be there; what was presented was posted at %s", until, heard)
		}
	case err := <-ended:
		t.Fatal(err)
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was said")
	}
}

// TestWithdrawUntold: that a payment is taken back is said of one whose presentation had no answer, too. That the issuer never
// heard of it is then no refusal that a person has to look at; of one that it was told of, it is.
func TestWithdrawUntold(t *testing.T) {
	var known bool
	books := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if known {
			_, _ = io.WriteString(w, `{"again":false}`)
			return
		}
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"error":"not_found"}`)
	}))
	t.Cleanup(books.Close)
	client, err := issuer.New(operator.Reach{BaseURL: books.URL}, "", operator.SecretOf("token"))
	if err != nil {
		t.Fatal(err)
	}
	d := &issuerDesk{client: client}
	for _, tt := range []struct {
		before  ledger.ToldTo
		known   bool
		said    string
		refused bool
	}{
		{"", false, "it never heard of it", false},
		{"", true, "voided", false},
		{ledger.Presented, true, "voided", false},
		{ledger.Presented, false, "voided", true},
	} {
		known = tt.known
		told, said, err := d.say(t.Context(), &ledger.Presenting{Payment: payment.ID{15: 1}, State: ledger.Voided, Told: tt.before})
		if told != ledger.Withdrawn || said != tt.said || errors.Is(err, issuer.ErrRefused) != tt.refused || !tt.refused && err != nil {
			t.Errorf("%+v: %s, %q, %v", tt, told, said, err)
		}
	}
}
