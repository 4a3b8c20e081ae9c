package web

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	sessionIdle = 15 * time.Minute // PCI DSS 4, 8.2.8
	sessionLife = 12 * time.Hour
	maxSessions = 100
)

// Sessions are sign-ins held in memory: a restart signs everybody out. The cookie is a random reference of
// 128 bits; what it refers to never leaves the machine.
type Sessions struct {
	cookie string
	secure bool
	now    func() time.Time
	random io.Reader
	mu     sync.Mutex
	open   map[[32]byte]*session
}

type session struct {
	who         string
	begun, seen time.Time
}

// NewSessions names its cookie; secure is for servers with TLS.
func NewSessions(cookie string, secure bool, now func() time.Time, random io.Reader) *Sessions {
	return &Sessions{cookie: cookie, secure: secure, now: now, random: random, open: map[[32]byte]*session{}}
}

// Begin signs who in, always under a new reference.
func (s *Sessions) Begin(w http.ResponseWriter, who string) error {
	var ref [16]byte
	if _, err := io.ReadFull(s.random, ref[:]); err != nil {
		return fmt.Errorf("making a session: %w", err)
	}
	text := hex.EncodeToString(ref[:])
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(now)
	s.open[sha256.Sum256([]byte(text))] = &session{who: who, begun: now, seen: now}
	http.SetCookie(w, &http.Cookie{
		Name: s.cookie, Value: text, Path: "/", HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteStrictMode,
	})
	return nil
}

// Who is signed in with this request; empty for nobody. It counts as a sign of life.
func (s *Sessions) Who(r *http.Request) string { return s.find(r, true) }

// Still is Who for what a page does by itself, such as a stream: a page left open is no sign of life.
func (s *Sessions) Still(r *http.Request) string { return s.find(r, false) }

func (s *Sessions) find(r *http.Request, alive bool) string {
	c, err := r.Cookie(s.cookie)
	if err != nil {
		return ""
	}
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(now)
	found := s.open[sha256.Sum256([]byte(c.Value))]
	if found == nil {
		return ""
	}
	if alive {
		found.seen = now
	}
	return found.who
}

// End signs out.
func (s *Sessions) End(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(s.cookie); err == nil {
		s.mu.Lock()
		delete(s.open, sha256.Sum256([]byte(c.Value)))
		s.mu.Unlock()
	}
	http.SetCookie(w, &http.Cookie{Name: s.cookie, Path: "/", MaxAge: -1, HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteStrictMode})
}

// sweep forgets what has run out, and the oldest when there are too many.
func (s *Sessions) sweep(now time.Time) {
	for ref, one := range s.open {
		if now.Sub(one.seen) > sessionIdle || now.Sub(one.begun) > sessionLife {
			delete(s.open, ref)
		}
	}
	for len(s.open) >= maxSessions {
		var oldest [32]byte
		at := now.Add(time.Hour)
		for ref, one := range s.open {
			if one.seen.Before(at) {
				oldest, at = ref, one.seen
			}
		}
		delete(s.open, oldest)
	}
}
