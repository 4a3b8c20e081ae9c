package ingest

import (
	"sync"
	"time"
)

// standstill remembers since when the poster has failed without a round that went through.
type standstill struct {
	mu    sync.Mutex
	err   error
	since time.Time
}

func (s *standstill) tell(err error, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && s.err == nil {
		s.since = now
	}
	s.err = err
}

// Posting returns why nothing is posted, and since when, by HQ's clock; nil while it is. Lanes hear of nothing, for what
// they send is stored and acknowledged all the same: only the books stand still. One failure is no standstill yet: it is
// tried again within PostEvery.
func (g *Ingest) Posting() (since time.Time, err error) {
	s := &g.posts
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		return time.Time{}, nil
	}
	return s.since, s.err
}
