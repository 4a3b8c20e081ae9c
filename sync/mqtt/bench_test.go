package mqtt

import (
	"fmt"
	"sync"
	"testing"
)

// BenchmarkRoad is one lane's messages to HQ through the embedded broker, over loopback, on disk:
// one after the other, and 16 callers at a time.
func BenchmarkRoad(b *testing.B) {
	for _, callers := range []int{1, 16} {
		for _, size := range []int{400, 64 << 10} {
			b.Run(fmt.Sprintf("callers=%d/bytes=%d", callers, size), func(b *testing.B) { carry(b, callers, size) })
		}
	}
}

func carry(b *testing.B, callers, size int) {
	e := broker(b, BrokerConfig{})
	heard := make(chan struct{}, 1000)
	join(b, e.URL(), Config{Subscriptions: on("tx"), OnMessage: func(string, []byte) { heard <- struct{}{} }}).waitUp(b)
	lane := join(b, e.URL(), Config{}).waitUp(b)
	payload := make([]byte, size)
	b.SetBytes(int64(size))
	b.ResetTimer()
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for i := c; i < b.N; i += callers {
				if err := lane.Publish(b.Context(), "tx", 1, payload); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for range b.N {
		<-heard
	}
	all.Wait()
}
