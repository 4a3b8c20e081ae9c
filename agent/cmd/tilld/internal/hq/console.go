package hq

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/authorise"
	"tilld/sync/ledger"
	"tilld/sync/settle"
	pages "tilld/ui/hq"
	"tilld/ui/web"
)

// console is HQ as its pages see it: books, archive, settler and broker behind pages.Office.
type console struct {
	books   *ledger.Store
	archive *settle.Archive
	settler *settle.Settler
	desk    *authorise.Desk
	chain   string
	policy  func(context.Context) (*policy.Document, error) // the newest
	broker  func() (up bool, since time.Time)
	full    func() bool // no room on the disk
	stands  func() (since time.Time, why string)
	now     func() time.Time
	zone    *time.Location
	lag     lag
	lacking lacking
	days    memo[payment.Date, []ledger.DaySum]
	state   memo[struct{}, state]
}

var _ pages.Office = (*console)(nil)

// openConsole makes the handler of the console and its assets, with the guard in front.
func (n *Node) openConsole() (http.Handler, error) {
	zone, err := time.LoadLocation(n.cfg.Settle.Zone)
	if err != nil {
		return nil, fmt.Errorf("settle.zone: %w", err)
	}
	c := &console{
		books: n.Books, archive: n.archive, settler: n.settler, desk: n.asks.desk, chain: n.Chain, broker: n.brokerState, now: n.now, zone: zone,
		full: func() bool { return n.room.lacks() != nil }, stands: n.standstill,
		policy: func(ctx context.Context) (*policy.Document, error) {
			doc, _, err := n.Policy(ctx)
			return doc, err
		},
	}
	page, err := pages.New(pages.Config{
		Office: c, Auth: doorman{n.Books, n.now}, Sessions: web.NewSessions("tilld-hq", n.secure != nil, n.now, rand.Reader),
		Now: n.now, Preset: "en", Zone: zone, Log: n.log,
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	page.Register(mux)
	mux.Handle("GET /assets/", web.Assets())
	return n.guard(mux), nil
}

// guard serves the console under loopback names, or with TLS under the names of the certificate: a page of
// somebody else's can't come in by a name of its own that it points here.
func (n *Node) guard(next http.Handler) http.Handler {
	if n.secure == nil {
		return web.Guard(nil, next)
	}
	leaf := n.secure.Certificates[0].Leaf
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.Host
		if host, _, err := net.SplitHostPort(r.Host); err == nil {
			name = host
		}
		if err := leaf.VerifyHostname(name); err != nil {
			http.Error(w, "the certificate is not for that name", http.StatusMisdirectedRequest)
			return
		}
		web.Guard([]string{name}, next).ServeHTTP(w, r)
	})
}

// link remembers since when HQ has its broker, or has it not.
type link struct {
	mu    sync.Mutex
	up    bool
	since time.Time
}

func (l *link) note(up bool, now time.Time) (since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if up != l.up || l.since.IsZero() {
		l.up, l.since = up, now
	}
	return l.since
}

// noteLink is the client's OnState.
func (n *Node) noteLink(up bool, _ error) {
	n.link.note(up, n.now())
	if up {
		n.ingest.LinkUp()
	}
}

// brokerState says whether messages come in. An embedded broker whose store is off, because its disk is full
// for example, has connections and takes nothing.
func (n *Node) brokerState() (up bool, since time.Time) {
	up = n.client.Stats().Up && (n.broker == nil || n.broker.Healthy() == nil)
	return up, n.link.note(up, n.now())
}
