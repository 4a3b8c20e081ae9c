package hq

import (
	"sync"
	"time"
)

// memo keeps what is costly to read for ten times as long as reading it took: however many people leave a
// live page open, the books give it a tenth of one reader's time. On a small chain that is no delay at all.
type memo[K comparable, V any] struct {
	mu   sync.Mutex
	kept map[K]memoOf[V]
}

type memoOf[V any] struct {
	value V
	until time.Time
}

const (
	memoTimes = 10
	maxMemo   = 16
)

// get gives what is kept under the key, or reads it, one reader at a time. An error is not kept.
func (m *memo[K, V]) get(now func() time.Time, key K, read func() (V, error)) (V, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	begun := now()
	if old, ok := m.kept[key]; ok && begun.Before(old.until) {
		return old.value, nil
	}
	value, err := read()
	if err != nil {
		return value, err
	}
	if m.kept == nil || len(m.kept) >= maxMemo {
		m.kept = map[K]memoOf[V]{}
	}
	done := now()
	m.kept[key] = memoOf[V]{value, done.Add(memoTimes * done.Sub(begun))}
	return value, nil
}
