package hq

import (
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"tilld/agent/payment"
	"tilld/ui/web"
)

// person is who asks, and what he may do at this moment.
type person struct {
	Who   string
	Roles []string
}

// may says whether the person has a role. Whoever has any may see everything.
func (m person) may(role Role) bool {
	known := func(r string) bool { return Role(r) == Read || Role(r) == Finance || Role(r) == Operations }
	return slices.Contains(m.Roles, string(role)) || role == Read && slices.ContainsFunc(m.Roles, known)
}

// Cuts says whether the person may cut batches.
func (m person) Cuts() bool { return m.may(Finance) }

// Acts says whether the person may decide any exceptions.
func (m person) Acts() bool { return m.may(Finance) || m.may(Operations) }

// Decides says whether the person may decide the exception.
func (m person) Decides(x Exception) bool {
	return m.may(Finance) || m.may(Operations) && x.Owner == OwnerOperations && !x.Money()
}

// person finds who is signed in with the request, and asks what he may do now. Nobody is Unauthorized.
func (p *Page) person(r *http.Request, session func(*http.Request) string) (person, error) {
	const op = "hq.person"
	who := session(r)
	if who == "" {
		return person{}, payment.Errorf(payment.Unauthorized, op, "sign in first")
	}
	roles, err := p.Auth.Roles(r.Context(), who)
	if err != nil {
		return person{}, err
	}
	me := person{who, roles}
	if !me.may(Read) {
		return person{}, p.refuse(r, me, Read)
	}
	return me, nil
}

// refuse is the answer to a person without the role. It is recorded before it is given.
func (p *Page) refuse(r *http.Request, me person, role Role) error {
	p.Log.WarnContext(r.Context(), "request refused", "who", me.Who, "wanted", string(role), "path", r.URL.Path)
	return payment.Errorf(payment.Forbidden, "hq.refuse", "this needs the role %s", string(role))
}

func (p *Page) signIn(w http.ResponseWriter, r *http.Request) {
	addr, lang := remote(r), p.lang(r)
	if wait := p.tries.wait(addr); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		http.Error(w, web.Text(lang, "hq.signin.wait", web.Span(lang, wait)), http.StatusTooManyRequests)
		return
	}
	who, _, err := p.Auth.Check(r.Context(), r.FormValue("secret"))
	switch {
	case payment.CodeOf(err) == payment.Unauthorized:
		p.tries.failed(addr)
		p.Log.WarnContext(r.Context(), "sign-in refused", "remote", addr)
		http.Error(w, web.Text(lang, "hq.signin.bad"), http.StatusUnauthorized)
		return
	case err == nil:
		err = p.Sessions.Begin(w, who)
	}
	if err != nil {
		p.note(r, err)
		http.Error(w, payment.MessageOf(err), web.Status(err))
		return
	}
	p.tries.forget(addr)
	p.Log.InfoContext(r.Context(), "signed in", "who", who)
	w.WriteHeader(http.StatusNoContent)
}

func (p *Page) signOut(w http.ResponseWriter, r *http.Request) {
	p.Sessions.End(w, r)
	w.WriteHeader(http.StatusNoContent)
}

// remote is the address that a request came from, without its port.
func remote(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

// Wrong secrets from one address: so many are free, then it must wait. Addresses are remembered as long as
// that, and only so many of them.
const (
	freeTries    = 10
	tryWait      = time.Minute
	maxAddresses = 1000
)

type tries struct {
	now  func() time.Time
	mu   sync.Mutex
	from map[string]*try // address -> its failures
}

type try struct {
	count int
	last  time.Time
}

func newTries(now func() time.Time) *tries { return &tries{now: now, from: map[string]*try{}} }

// wait says for how long nothing from the address is looked at; zero: it is.
func (t *tries) wait(addr string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweep()
	one := t.from[addr]
	if one == nil || one.count < freeTries {
		return 0
	}
	return one.last.Add(tryWait).Sub(t.now())
}

func (t *tries) failed(addr string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.from[addr]
	if one == nil {
		if len(t.from) >= maxAddresses {
			clear(t.from) // so many at once is an attack on memory, not a guess
		}
		one = &try{}
		t.from[addr] = one
	}
	one.count++
	one.last = t.now()
}

func (t *tries) forget(addr string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.from, addr)
}

// sweep forgets addresses whose last failure is long enough ago.
func (t *tries) sweep() {
	for addr, one := range t.from {
		if t.now().Sub(one.last) >= tryWait {
			delete(t.from, addr)
		}
	}
}
