package uplink

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tilld/sync/wire"
)

// TestRefusalsDoNotFillTheLog: whoever can write to the broker can send rubbish as fast as the line takes it. All
// of it is counted, the log hears of it once a minute, and the rest of the lane's work goes on.
func TestRefusalsDoNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t)
		defer s.stop()
		var log bytes.Buffer
		s.up.cfg.Log = slog.New(slog.NewTextHandler(&log, nil)) // before anything is said
		lines := func() []string {
			synctest.Wait()
			said := strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
			log.Reset()
			return said
		}
		other := newSigner(t, 9)
		forged, err := wire.Seal(other, wire.TypHello, &wire.Hello{Version: 1, HQEpoch: 1, Nonce: make([]byte, 16), Time: time.Now().UnixMilli()})
		if err != nil {
			t.Fatal(err)
		}
		rubbish := [][]byte{nil, []byte("x"), {'S'}, []byte("S\xff\xff"), wire.FrameSigned(forged), bytes.Repeat([]byte("S"), 1<<16)}
		sent := 0
		send := func(n int) {
			for range n {
				s.up.Message(rubbish[sent%len(rubbish)])
				sent++
				synctest.Wait()
			}
		}

		send(1)
		if got := lines(); len(got) != 1 || !strings.Contains(got[0], "downward message refused") || !strings.Contains(got[0], "count=1") {
			t.Fatalf("the first: %q", got)
		}
		for range 59 { // for a minute but a moment
			send(100)
			time.Sleep(sayEvery / 60)
		}
		if got := lines(); got[0] != "" {
			t.Errorf("within the minute: %q", got)
		}
		time.Sleep(sayEvery / 60)
		send(1)
		if got := lines(); len(got) != 1 || !strings.Contains(got[0], fmt.Sprintf("count=%d", sent-1)) {
			t.Errorf("a minute later: %q, want the %d since", got, sent-1)
		}
		if n := s.up.Status().Refused; n != uint64(sent) {
			t.Errorf("%d were counted of %d", n, sent)
		}

		s.lane.write(t, 3)
		s.up.LinkUp()
		s.up.Message(s.hq.hello())
		s.carry()
		s.wantAcked(0, 3)
	})
}
