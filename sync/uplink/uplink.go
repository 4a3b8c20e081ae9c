// Package uplink carries a lane's journal to HQ and brings back what HQ signs.
//
// Reading does not delete: the outbox is a cursor in the journal, and only HQ's signed acknowledgement moves
// it. Whatever a broker says (PUBACK, a token's success) starts no timer and ends none. Nothing is sent
// before HQ has spoken in its present session, and never more than a window ahead of what it acknowledged,
// so that nothing piles up at a broker while HQ is away; the acknowledgements are the clock.
//
//	link down ──connect──> asking ──Hello or Ack of a new session──> flowing
//	    ^                    │  beat: at once, then 5 s … 60 s           │ Ack: cursor and window move
//	    └────link lost───────┴───────────────────────────────────────────┘ no progress: beat, then resend
//
// A link on which HQ stays silent for a minute or so is given up for another (Config.Elsewhere): that it is up proves
// nothing.
//
// An epoch that HQ holds in another version (a fork) does not hold up the others: each has its own window.
//
// An Asker shares the link, and nothing else, with the Uplink: it asks HQ about online payments, each again until there
// is an answer, by the second road too when the first is not there or silent for a second. The customer's code is in it
// sealed only, and only until HQ has said anything about the attempt.
//
//	charging ──first answer──> watching ──PAID, NOT PAID──> forgotten
//	    └────────── Reverse ───────┴──> reversing ──NOT PAID, or PAID to this very wish──┘
//
// That HQ is away it believes of probes alone, for an operator may take its time over an attempt:
//
//	up ──a probe that is unanswered on both roads for 3 s──> down
//	down ──two fresh answers, the second to a question put behind the first──> up
//
// Coming back takes two answers and no waiting: the second question leaves when the first answer is there, so a sound
// road is believed one round trip later, while one that lets a message through now and then is not. A pause instead would
// keep every customer of a recovered HQ waiting, and would still flip on a bad line, only slower. An answer to what was
// asked before the fall proves nothing, for brokers deliver late: it only has the question put again. Before anything is
// known one answer is enough.
package uplink

import (
	"context"
	"log/slog"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// Epoch is one epoch of the journal as the outbox sees it.
type Epoch struct {
	Epoch   uint64
	Last    uint64 // highest sequence written
	Acked   uint64 // highest sequence that HQ acknowledged
	HQEpoch uint64 // whose word Acked is; a later HQ epoch may know less
	Erased  uint64 // entries up to here may have lost their bodies
}

// State is the outbox's present state.
type State struct {
	Current uint64 // the epoch that is being written
	Last    uint64
	Head    []byte // hash of entry Last
	HQEpoch uint64 // the highest seen
	Epochs  []Epoch
}

// Verdict is what the journal made of an acknowledgement.
type Verdict struct {
	Moved  bool // the cursor moved, forward or (HQ was restored) back
	Acked  uint64
	Ignore bool // another branch's, an older HQ epoch's, or older than what is known
	Fork   bool // HQ holds another history of the current epoch
	// Lost: HQ, without having announced a restore, knows less than it acknowledged. Nothing moves back by
	// that. It is proof only in an answer to a beat that said what HQ had acknowledged (Status.Lost): any
	// other may have been overtaken on the way, or be an old one that somebody sends again.
	Lost bool
}

// Outbox is the part of the journal that the uplink reads. Acknowledge alone moves the cursor, and is given
// only acknowledgements whose signature held, with the message that they were opened from.
type Outbox interface {
	State(ctx context.Context) (State, error)
	Batch(ctx context.Context, epoch, after uint64, maxEntries, maxBytes int) (*wire.Batch, error)
	Acknowledge(ctx context.Context, ack *wire.Ack, sealed []byte) (Verdict, error)
	// NextBeat numbers a beat: above every number before it, whatever the wall clock (in Unix ms) says.
	NextBeat(ctx context.Context, wall int64) (uint64, error)
}

// Link sends a message without waiting for what a broker says of it; an error or its absence says nothing about
// HQ. What is sent one after the other stays in order.
type Link interface {
	Send(ctx context.Context, topic string, qos byte, payload []byte) error
}

// Contact is a fresh answer of HQ: its time is at most as old as Sent says, by the boot-time clock.
type Contact struct {
	HQTime time.Time
	Sent   time.Duration // boot time when the question left
}

// Config is all that an Uplink needs. Every field without a default named here must be set.
type Config struct {
	Terminal payment.ID
	Signer   func() *wire.Signer // the terminal's present key
	Software string
	Outbox   Outbox
	Link     Link
	HQKeys   func() wire.Keys // keys that may sign Hello and Ack now
	Policy   func() uint64    // version held
	Till     func() uint64    // until when HQ's paper about this till is good, Unix s; 1: none is held; 0: none is wanted. nil: none is
	Trust    func() uint64    // version of the trust bundle held; 0: none. nil: HQ is not told
	// OnPolicy takes a signed policy or trust bundle, still sealed.
	OnPolicy func(ctx context.Context, typ wire.Typ, sealed []byte) error
	// OnContact is told of each fresh answer of HQ.
	OnContact func(ctx context.Context, c Contact) error
	// OnAck is told of each acknowledgement that was taken, after the cursor moved.
	OnAck func(ctx context.Context, ack *wire.Ack)
	// OnOther takes the downward messages that are the Asker's, unverified, at once and whatever waits here: a customer
	// stands there. It is called by whoever calls Message, and must not block. nil: they are refused.
	OnOther func(payload []byte)
	// OnForked is called, perhaps repeatedly, when HQ holds another history of the epoch.
	OnForked func(ctx context.Context, epoch uint64) error

	// Elsewhere is called when questions on this link have gone unanswered for so long that another broker may be
	// worth a try: after four or five, and then, as long as HQ stays silent wherever, less and less often. nil:
	// there is only this way.
	Elsewhere func()

	// Now times what the uplink does. Its answers must carry a reading that nobody can set, as time.Now's do: a lane
	// whose clock is set back by a month must not fall silent for a month.
	Now    func() time.Time
	Wall   func() time.Time // the clock that people see, of which beats tell HQ; nil: Now
	Boot   func() time.Duration
	Random func([]byte)   // fills with randomness
	Jitter func() float64 // 0..1
	Log    *slog.Logger

	Window     int           // batches in flight per epoch; 0: 4
	MaxEntries int           // in a batch; 0: 200
	MaxBytes   int           // of a batch before compression; 0: 256 KiB
	Slowest    time.Duration // longest wait between questions while HQ is silent; 0: 60 s
	Quiet      time.Duration // between beats when all is well; 0: 60 s
}

func (c *Config) defaults() {
	if c.Wall == nil {
		c.Wall = c.Now
	}
	c.Window = orElse(c.Window, 4)
	c.MaxEntries = orElse(c.MaxEntries, 200)
	c.MaxBytes = orElse(c.MaxBytes, 256<<10)
	c.Slowest = orElse(c.Slowest, time.Minute)
	c.Quiet = orElse(c.Quiet, time.Minute)
}

func orElse[T comparable](v, other T) T {
	if v == *new(T) {
		return other
	}
	return v
}

// Status is what people are shown of the way to HQ.
type Status struct {
	Link      bool      // connected to a broker
	HQ        bool      // HQ answers
	Since     time.Time // when HQ last changed
	LastAck   time.Time // by this machine's clock; zero: none since the start
	Reason    string    // why the link is down; empty when it is up
	Refused   uint64    // downward messages that were not HQ's word, or too many at once
	Published uint64    // batches handed to the broker
	// Lost: HQ holds less than it acknowledged, and has not said that it was restored from a backup. What it
	// lost stays here until it is pruned, and is sent again when HQ says so ("tilld hq restored").
	Lost bool
}
