package simnet

import (
	"bytes"
	"math/rand/v2"
	"time"
)

// Faults are how badly messages are carried. Rates are shares of the messages, 0 to 1; the zero Faults carry
// everything at once and in order.
type Faults struct {
	Lose     float64 // taken, and never seen again
	Repeat   float64 // comes once more, perhaps much later
	Damage   float64 // a bit turned, cut short, or run into the one before
	Misroute float64 // comes under the topic of another message
	Replay   float64 // an old message comes behind it
	Refuse   float64 // Send says that it could not
	Quick    time.Duration
	Late     float64 // takes up to Slow instead of Quick, so that others overtake it
	Slow     time.Duration
}

// Stats counts what became of messages.
type Stats struct {
	Sent, Delivered, Lost, Repeated, Damaged, Misrouted, Replayed, Refused, Unheard uint64
}

func hit(random *rand.Rand, rate float64) bool { return rate > 0 && random.Float64() < rate }

// random is a time of up to most.
func random(r *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(r.Int64N(max(int64(most), 0) + 1))
}

// damage is the payload as a bad link or a meddler leaves it; before is the message carried before it.
func damage(random *rand.Rand, payload, before []byte) []byte {
	b := bytes.Clone(payload)
	if len(b) == 0 {
		return []byte{0}
	}
	switch random.IntN(4) {
	case 0: // half of it
		return b[:random.IntN(len(b))]
	case 1: // and what the next one began with
		return append(b, b[:1+random.IntN(len(b))]...)
	case 2:
		if n := min(len(b), len(before)); n > 1 {
			at := 1 + random.IntN(n-1)
			return append(b[:at:at], before[at:]...)
		}
	}
	for range 1 + random.IntN(3) {
		b[random.IntN(len(b))] ^= 1 << random.IntN(8)
	}
	return b
}
