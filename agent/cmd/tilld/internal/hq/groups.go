package hq

import (
	"context"
	"sync"
	"time"

	"tilld/agent/policy"
	"tilld/sync/ledger"
)

// groups knows the newest policy's groups of stores. Reading a policy takes a while, and its version does not.
type groups struct {
	office *Office

	mu      sync.Mutex
	version uint64
	doc     *policy.Document
}

// lookFor bounds how long a customer waits for books that don't answer.
const lookFor = 2 * time.Second

// group is the group that a store is in, as the newest policy that could be read has it; empty: in none.
func (a *asks) group(store string) string {
	g := &a.groups
	g.mu.Lock()
	defer g.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), lookFor)
	defer cancel()
	if v, err := g.office.Books.Newest(ctx, ledger.PolicyDocument); err == nil && v != g.version {
		if doc, _, err := g.office.Policy(ctx); err == nil {
			g.version, g.doc = v, doc
		}
	}
	if g.doc == nil {
		return ""
	}
	return g.doc.Group(store)
}
