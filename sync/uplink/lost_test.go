package uplink

import (
	"bytes"
	"testing"
	"testing/synctest"

	"tilld/sync/wire"
)

// TestHQThatLostSomethingIsNamed: HQ's books were put back and nobody said so. The lane tells, moves nothing,
// and sends what was lost when HQ says that it was restored.
func TestHQThatLostSomethingIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t)
		defer s.stop()
		s.lane.write(t, 50)
		s.up.LinkUp()
		s.carry()
		s.wantAcked(0, 50)
		s.hq.held[7] = s.hq.held[7][:20]
		s.hq.restart()
		s.up.Message(s.hq.hello())
		s.up.SendNow()
		s.carry()
		s.wantAcked(0, 50)
		if !s.up.Status().Lost {
			t.Fatal("nobody is told that HQ has lost 30 entries")
		}
		s.hq.epoch++
		s.hq.restart()
		s.up.Message(s.hq.hello())
		s.up.SendNow()
		s.carry()
		if n := len(s.hq.held[7]); n != 50 || s.up.Status().Lost {
			t.Errorf("HQ holds %d after it said that it was restored, lost: %v", n, s.up.Status().Lost)
		}
	})
}

// TestLateAnswersAreNoLoss: an answer that was overtaken, or is sent again by whoever can write to the broker,
// knows less too.
func TestLateAnswersAreNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t)
		defer s.stop()
		s.lane.write(t, 20)
		s.up.LinkUp()
		synctest.Wait()
		var early [][]byte // the answers to beats, made while HQ knew nothing
		for _, m := range s.road.take() {
			if !wire.IsBatch(m) {
				early = append(early, s.hq.take(m))
			}
		}
		if len(early) == 0 {
			t.Fatal("no beat")
		}
		s.up.Message(s.hq.hello())
		s.carry()
		s.wantAcked(0, 20)
		old := s.hq.seal(wire.TypAck, &wire.Ack{Version: 1, HQEpoch: s.hq.epoch, Nonce: s.hq.nonce, Terminal: s.lane.terminal,
			Epoch: 7, Acked: 10, Head: s.hq.held[7][9], Echo: bytes.Repeat([]byte{9}, wire.NonceSize)})
		for _, m := range append(early, old) {
			s.up.Message(m)
			synctest.Wait()
		}
		if s.up.Status().Lost {
			t.Error("a late answer passes for a loss")
		}
	})
}

// TestALateAnswerOfARestoredHQIsNoLoss: HQ answered, in its new epoch, a question that had told it of more; before that
// answer came it had been sent again all that it lacked.
func TestALateAnswerOfARestoredHQIsNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(t)
		defer s.stop()
		s.lane.write(t, 50)
		s.up.LinkUp()
		s.carry()
		s.up.SendNow()
		synctest.Wait()
		asked := s.road.take()
		s.hq.held[7] = s.hq.held[7][:20]
		s.hq.epoch++
		s.hq.restart()
		var late [][]byte
		for _, m := range asked {
			late = append(late, s.hq.take(m))
		}
		s.up.Message(s.hq.hello())
		s.up.SendNow()
		s.carry()
		s.wantAcked(0, 50)
		if n := len(s.hq.held[7]); n != 50 || len(late) == 0 {
			t.Fatalf("HQ holds %d, %d late answers", n, len(late))
		}
		for _, m := range late {
			s.up.Message(m)
			synctest.Wait()
		}
		if s.up.Status().Lost {
			t.Error("a late answer passes for a loss")
		}
	})
}

// TestABeatNamesWhoseWordItHas: of an epoch that a restored HQ was not asked about yet, the word is the old HQ's.
func TestABeatNamesWhoseWordItHas(t *testing.T) {
	s := State{Current: 3, HQEpoch: 20}
	for _, tt := range []struct {
		epoch Epoch
		want  uint64
	}{
		{Epoch{Epoch: 1, Last: 9, Acked: 9, HQEpoch: 10}, 10},
		{Epoch{Epoch: 2, Last: 9, Acked: 4, HQEpoch: 20}, 20},
		{Epoch{Epoch: 3, Last: 9}, 20}, // it has no word; HQ must still learn that the lane knows of epoch 20
	} {
		if got := wordOf(s, tt.epoch); got != tt.want {
			t.Errorf("%+v: HQ epoch %d, want %d", tt.epoch, got, tt.want)
		}
	}
}
