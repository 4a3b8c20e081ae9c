package ingest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"tilld/sync/ingest/ingesttest"
	"tilld/sync/wire"
)

// BenchmarkMemoryOfLanes states what HQ's session and its books hold in memory for each lane, without a broker and its
// connections: TILLD_BENCH_LANES of them (1,000; 10,000 are wanted) each send their first entries and
// a beat and hear the answers. Heap is what is still there behind a collection; resident is the kernel's count, with
// the caches of SQLite.
func BenchmarkMemoryOfLanes(b *testing.B) {
	n := 1000
	if text := os.Getenv("TILLD_BENCH_LANES"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		check(b, err)
	}
	l := &load{chain: ingesttest.NewChain(b)}
	l.chain.Doc.Default.Lanes = 1
	var messages [][2][]byte
	for i := range n {
		lane := l.chain.Lane(fmt.Sprint("s", i), "1")
		l.lanes = append(l.lanes, lane)
		messages = append(messages, [2][]byte{lane.Message(1, lane.Last()), lane.Beat(1, nil)})
	}
	for b.Loop() {
		store := l.open(b)
		h := &hq{down: make(chan sent, 4096)}
		g, err := New(b.Context(), configFor(l.chain, store, h))
		check(b, err)
		h.Ingest = g
		ctx, cancel := context.WithCancel(b.Context())
		over := make(chan error, 1)
		go func() { over <- g.Run(ctx) }()
		heapBefore, before := memory(b)
		l.speak(b, h, messages)
		heap, after := memory(b)
		runtime.KeepAlive(l) // what the lanes themselves hold was there before
		runtime.KeepAlive(messages)
		cancel()
		<-over
		check(b, store.Close())
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(n), "lanes")
		b.ReportMetric(float64(int64(heap)-int64(heapBefore))/1024/float64(n), "heap-KB/lane")
		b.ReportMetric(float64(after-before)/1024/float64(n), "resident-KB/lane")
	}
}

// speak lets each lane send and hear both answers, with a few hundred under way.
func (l *load) speak(b *testing.B, h *hq, messages [][2][]byte) {
	b.Helper()
	down := map[string]bool{}
	for _, lane := range l.lanes {
		down[wire.DownTopic(lane.ID)] = true
	}
	const window = 256
	for next, heard, patience := 0, 0, time.NewTimer(time.Minute); heard < 2*len(l.lanes); {
		if next < len(l.lanes) && 2*next-heard < window {
			for _, m := range messages[next] {
				h.Handle(b.Context(), wire.UpTopic(l.lanes[next].ID), m)
			}
			next++
			continue
		}
		select {
		case s := <-h.down:
			if down[s.topic] {
				heard++
			}
		case <-patience.C:
			b.Fatalf("%d answers to %d lanes", heard, len(l.lanes))
		}
	}
}

// memory is this process's heap in use behind a collection, and its resident set, in bytes.
func memory(b *testing.B) (heap, resident uint64) {
	b.Helper()
	for range 2 { // what the first finds in pools the second takes
		debug.FreeOSMemory()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	text, err := os.ReadFile(filepath.Join("/proc/self", "statm"))
	check(b, err)
	pages, err := strconv.ParseUint(strings.Fields(string(text))[1], 10, 64)
	check(b, err)
	return m.HeapAlloc, pages * uint64(os.Getpagesize())
}
