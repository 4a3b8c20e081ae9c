// Package authorisetest holds what tests of attempts share: a store in memory, and the suite that every store passes.
package authorisetest

import (
	"context"
	"slices"
	"sync"
	"time"

	"tilld/sync/authorise"
	"tilld/sync/operator"
)

// Memory keeps attempts in memory. It is safe for concurrent use.
type Memory struct {
	mu  sync.Mutex
	all map[operator.Ref]authorise.Attempt
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{all: map[operator.Ref]authorise.Attempt{}} }

// Begin is authorise.Store's.
func (m *Memory) Begin(_ context.Context, a *authorise.Attempt) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.all[a.Ref]; ok {
		return authorise.ErrExists
	}
	if !a.State.Unpaid() {
		for _, b := range m.all {
			if b.Payment == a.Payment && !b.State.Unpaid() {
				return authorise.ErrOpen
			}
		}
	}
	a.Version = 1
	m.all[a.Ref] = *a
	return nil
}

// Put keeps an attempt, whatever was there of its reference and its payment: as who keeps the books does.
func (m *Memory) Put(a authorise.Attempt) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a.Version++
	m.all[a.Ref] = a
}

// Save is authorise.Store's.
func (m *Memory) Save(_ context.Context, a *authorise.Attempt) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch was, ok := m.all[a.Ref]; {
	case !ok:
		return authorise.ErrNone
	case was.Version != a.Version:
		return authorise.ErrMoved
	}
	a.Version++
	m.all[a.Ref] = *a
	return nil
}

// Get is authorise.Store's.
func (m *Memory) Get(_ context.Context, ref operator.Ref) (authorise.Attempt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.all[ref]
	if !ok {
		return authorise.Attempt{}, authorise.ErrNone
	}
	return a, nil
}

// Due is authorise.Store's.
func (m *Memory) Due(_ context.Context, until time.Time, most int, but []string) ([]authorise.Attempt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var due []authorise.Attempt
	for _, a := range m.all {
		if !a.Due.IsZero() && !a.Due.After(until) && !slices.Contains(but, a.Wallet) {
			due = append(due, a)
		}
	}
	slices.SortFunc(due, func(a, b authorise.Attempt) int { return a.Due.Compare(b.Due) })
	return due[:min(most, len(due))], nil
}

// All are the attempts, in no order.
func (m *Memory) All() []authorise.Attempt {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []authorise.Attempt
	for _, a := range m.all {
		all = append(all, a)
	}
	return all
}
