package wire

import (
	"crypto/sha256"
	"fmt"
	"regexp"

	"tilld/agent/payment"
)

// NonceSize is the length of a challenge and of HQ's session nonce.
const NonceSize = 16

// Beat is what a lane says of itself, signed by its terminal: slowly when nothing happens, at once when it
// connects, when a sale opens, and when it wants something. HQ answers with an Ack. A replayed beat changes
// nothing: HQ notes what a beat says only when its Count is above the last one's.
type Beat struct {
	Version   uint       `cbor:"1,keyasint"`
	Terminal  payment.ID `cbor:"2,keyasint"`
	Epoch     uint64     `cbor:"3,keyasint"`
	Last      uint64     `cbor:"4,keyasint"` // highest sequence in the journal
	Head      []byte     `cbor:"5,keyasint"` // its hash
	Acked     uint64     `cbor:"6,keyasint"` // highest sequence that HQ has acknowledged
	HQEpoch   uint64     `cbor:"7,keyasint"` // whose word Acked is; at 0 the highest HQ epoch seen; 0: none
	Policy    uint64     `cbor:"8,keyasint"` // version of the policy held; HQ sends a newer one
	Challenge []byte     `cbor:"9,keyasint"` // random; an Ack that echoes it was made after this beat
	Wall      int64      `cbor:"10,keyasint"`
	Software  string     `cbor:"11,keyasint"`
	Count     uint64     `cbor:"12,keyasint"` // rises with every beat: the larger of the wall clock in ms and the last count plus one
	// Erased: entries of the epoch up to here may come without their bodies, which were erased when an HQ had
	// acknowledged them. No signature covers a body on the road, so HQ takes no entry behind it without.
	Erased uint64 `cbor:"-1,keyasint,omitempty"`
	// Trust is the version of the trust bundle held; HQ sends a newer one. 0: none, or a lane that doesn't say.
	Trust uint64 `cbor:"-2,keyasint,omitempty"`
	// Till is until when HQ's paper about this till is good (package signed), in Unix seconds; 1: none is held. HQ sends
	// one that is good for longer. 0: none is wanted.
	Till uint64 `cbor:"-3,keyasint,omitempty"`
}

// Hello tells every lane that HQ reads: a lane with something to send begins after it. Nonce is new for
// every session of HQ; on a new one lanes resend what is not acknowledged.
type Hello struct {
	Version uint   `cbor:"1,keyasint"`
	HQEpoch uint64 `cbor:"2,keyasint"`
	Nonce   []byte `cbor:"3,keyasint"`
	Time    int64  `cbor:"4,keyasint"` // HQ's clock, Unix ms
}

// Status is what HQ made of an entry that it holds.
type Status uint8

// The statuses. Recorded and Posted are the ordinary ones and are not listed in an Ack.
const (
	Recorded Status = 0 // held; there is nothing to post
	Posted   Status = 1 // in the ledger
	Suspense Status = 2 // held and named as an exception; its money waits for its owner
	Rejected Status = 3 // held and named as an exception; it moves no money
	// Borne ends an exception: HQ decided that the store bears the money. A lane that does not know it takes it for
	// posted, which is how all that waits no longer looks there.
	Borne Status = 4
)

// String is "recorded", "posted", "suspense", "rejected" or "borne".
func (s Status) String() string {
	names := [...]string{"recorded", "posted", "suspense", "rejected", "borne"}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("status_%d", uint8(s))
}

// Result is HQ's answer about one entry that was not simply posted.
type Result struct {
	_      struct{} `cbor:",toarray"`
	Seq    uint64
	Status Status
	Reason string // a short code, such as "code_spent_twice"
}

// Ack is HQ's word, signed: it durably holds the bytes of every entry of the epoch up to Acked. Only this
// moves an outbox. It is cumulative, so losing or repeating one changes nothing.
type Ack struct {
	Version  uint       `cbor:"1,keyasint"`
	HQEpoch  uint64     `cbor:"2,keyasint"`
	Nonce    []byte     `cbor:"3,keyasint"` // HQ's session
	Time     int64      `cbor:"4,keyasint"` // HQ's clock, Unix ms
	Terminal payment.ID `cbor:"5,keyasint"`
	Epoch    uint64     `cbor:"6,keyasint"`
	Acked    uint64     `cbor:"7,keyasint"`  // 0: holds nothing of this epoch
	Head     []byte     `cbor:"8,keyasint"`  // hash of entry Acked; empty at 0
	Resend   bool       `cbor:"9,keyasint"`  // there is a gap: send from Acked+1
	Forked   bool       `cbor:"10,keyasint"` // HQ holds another history of this epoch: begin a new one
	Judged   uint64     `cbor:"11,keyasint"` // every entry up to here has been posted or is in an exception
	Results  []Result   `cbor:"12,keyasint"` // exceptions only, those judged since the last Ack, and to a beat the newest with what they came to; repeats are harmless
	Policy   uint64     `cbor:"13,keyasint"` // newest policy version for this lane
	Echo     []byte     `cbor:"14,keyasint"` // the Challenge of the beat that this answers; empty otherwise
	Revoked  bool       `cbor:"15,keyasint"` // this terminal may not sell any more
	// Twice: to HQ this terminal's journal exists twice (its data directory was copied, or its disk restored),
	// and nobody at HQ has dealt with it yet.
	Twice bool `cbor:"-1,keyasint,omitempty"`
	// Till is HQ's paper about this till (package signed), in an answer to a beat that wants one.
	Till []byte `cbor:"-2,keyasint,omitempty"`
}

// MessageVersion is the version of Beat, Hello, Ack, Ask, Answer, Probe and Pong.
const MessageVersion = 1

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`)

// CheckName refuses a store's or lane's name that could not stand in a topic, a file name or a log line:
// 1 to 32 of A-Z a-z 0-9 _ -, beginning with a letter or digit.
func CheckName(what, s string) error {
	if !namePattern.MatchString(s) {
		return fmt.Errorf("%s: want 1 to 32 of A-Z a-z 0-9 _ -, beginning with a letter or digit", what)
	}
	return nil
}

// Shards is the number of shards that upward topics are divided into, so that several of HQ's workers can
// share the load on any broker.
const Shards = 16

// Shard is the shard of a terminal: 0 to Shards-1.
func Shard(terminal payment.ID) int { return int(sha256.Sum256(terminal[:])[0]) % Shards }

// UpTopic is where a terminal publishes batches and beats.
func UpTopic(terminal payment.ID) string {
	return fmt.Sprintf("tilld/1/up/%02d/%s", Shard(terminal), terminal)
}

// UpFilter matches the upward topics of a shard; a negative shard means all.
func UpFilter(shard int) string {
	if shard < 0 {
		return "tilld/1/up/+/+"
	}
	return fmt.Sprintf("tilld/1/up/%02d/+", shard)
}

// DownTopic is where HQ answers a terminal.
func DownTopic(terminal payment.ID) string { return "tilld/1/down/" + terminal.String() }

// DownFilter matches every terminal's DownTopic.
const DownFilter = "tilld/1/down/+"

// AllTopic is where HQ says hello to every lane.
const AllTopic = "tilld/1/all"
