package ingesttest

import (
	"cmp"
	"encoding/binary"
	"slices"

	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/wire"
)

// Lane is a terminal that writes its journal into memory. Its methods write one entry each and return its
// sequence.
type Lane struct {
	ID     payment.ID
	Entity string
	Store  string
	Name   string
	Key    *wire.Signer // as enrolled; see Signer for the present one
	Epoch  uint64
	Date   payment.Date // business date of what is written
	Policy uint64       // version that is in force
	Tier   uint8

	chain   *Chain
	signer  *wire.Signer
	entries []written
	spent   map[string]accountDay        // by account, on Date
	totals  map[string]*payment.DayTotal // by wallet, on Date
	first   uint64                       // of Date
	out     policy.Used                  // approved and not acknowledged
	acked   uint64
}

type written struct {
	entry     wire.Entry
	signer    *wire.Signer
	protected []byte
	payload   []byte
	body      []byte
	hash      [wire.HashSize]byte
}

// Lane makes a lane and writes the opening of its first epoch and of the day.
func (c *Chain) Lane(store, name string) *Lane {
	key := Ed25519(c.TB)
	l := &Lane{ID: c.ID(), Entity: "kita-" + store, Store: store, Name: name, Key: key, Date: Today, Policy: c.Doc.Version, Tier: 1,
		chain: c, signer: key}
	l.begin(&payment.EpochOpened{Cause: payment.CauseFirst, PublicKey: key.Public().Bytes()})
	return l
}

// NewEpoch begins another epoch behind the present one, as a lane does after a fork.
func (l *Lane) NewEpoch(cause payment.Cause) {
	last := l.entries[len(l.entries)-1]
	l.begin(&payment.EpochOpened{Cause: cause, PublicKey: l.signer.Public().Bytes(), ParentEpoch: l.Epoch,
		ParentSeq: last.entry.Seq, ParentHead: last.hash[:]})
}

func (l *Lane) begin(f *payment.EpochOpened) {
	l.Epoch = 0xf000_0000_0000_0000 | l.chain.number() // beyond what a signed number holds
	l.entries, l.spent = nil, map[string]accountDay{}
	l.Add(f, Extra{})
	l.OpenDay(l.Date)
}

// OpenDay begins a business date.
func (l *Lane) OpenDay(date payment.Date) uint64 {
	l.Date, l.totals, l.spent = date, map[string]*payment.DayTotal{}, map[string]accountDay{}
	l.first = l.Add(&payment.DayOpened{}, Extra{})
	return l.first
}

// CloseDay ends the business date with the lane's totals.
func (l *Lane) CloseDay() uint64 { return l.CloseDayWith(nil) }

// CloseDayWith ends the business date with something wrong.
func (l *Lane) CloseDayWith(edit func(*payment.DayClosed)) uint64 {
	f := &payment.DayClosed{FirstSeq: l.first}
	for _, t := range l.totals {
		f.Totals = append(f.Totals, *t)
	}
	slices.SortFunc(f.Totals, func(a, b payment.DayTotal) int { return cmp.Compare(a.Wallet, b.Wallet) })
	if edit != nil {
		edit(f)
	}
	return l.Add(f, Extra{})
}

// Extra is what an entry has besides its fact.
type Extra struct {
	Sale     *payment.ID
	Payment  *payment.ID
	Body     *payment.Body // the salt is filled in
	Code     string        // sealed into the body as evidence
	SealAt   uint64        // sequence that the seal names instead of the entry's own; 0: its own
	Training bool
	Edit     func(*wire.Entry) // the last word on the entry
}

// Add writes an entry.
func (l *Lane) Add(f payment.Fact, x Extra) uint64 {
	c := l.chain
	e := wire.Entry{Version: wire.Version, Terminal: l.ID, Epoch: l.Epoch, Seq: l.Last() + 1, Kind: f.Kind(), Sale: x.Sale, Payment: x.Payment,
		Store: l.Store, Lane: l.Name, BusinessDate: l.Date, Wall: c.Now.UnixMilli(), Boot: int64(l.Last()) * 1000, HQAge: 5001,
		Zone: Zone, Policy: l.Policy, Software: "test", Training: x.Training, Fact: f}
	if n := len(l.entries); n > 0 {
		e.Prev = l.entries[n-1].hash[:]
	}
	w := written{signer: l.signer}
	if x.Body != nil {
		w.body, e.BodyHash = l.body(&e, x)
	}
	if x.Edit != nil {
		x.Edit(&e)
	}
	w.entry = e
	var err error
	w.payload, err = e.Marshal()
	c.must(err)
	w.protected, err = wire.Protected(l.signer.Public(), wire.TypEntry)
	c.must(err)
	w.hash = wire.Hash(w.protected, w.payload)
	l.entries = append(l.entries, w)
	return e.Seq
}

// AddRaw writes an entry of which only the chain is as it should be: more is put behind its fields.
func (l *Lane) AddRaw(more func(seq uint64, prev []byte) []byte) uint64 {
	w := written{signer: l.signer, entry: wire.Entry{Seq: l.Last() + 1}}
	var err error
	w.protected, err = wire.Protected(l.signer.Public(), wire.TypEntry)
	l.chain.must(err)
	w.payload = more(w.entry.Seq, l.entries[len(l.entries)-1].hash[:])
	w.hash = wire.Hash(w.protected, w.payload)
	l.entries = append(l.entries, w)
	return w.entry.Seq
}

func (l *Lane) body(e *wire.Entry, x Extra) (raw, hash []byte) {
	c := l.chain
	b := *x.Body
	b.Salt = make([]byte, wire.SaltSize)
	binary.BigEndian.PutUint64(b.Salt, c.number())
	if x.Code != "" {
		name := e.Name()
		if x.SealAt != 0 {
			name.Seq = x.SealAt
		}
		sealed, err := c.Seal.Public().Confide(name, []byte(x.Code))
		c.must(err)
		kid := c.Seal.Public().KID()
		b.Evidence, b.SealKey = sealed, kid[:]
	}
	raw, hash, err := wire.EncodeBody(&b)
	c.must(err)
	return raw, hash
}

// Acked tells the lane that HQ holds everything: its share is whole again. Without it the lane counts whatever it
// sold, for HQ's answers don't reach it.
func (l *Lane) Acked() { l.out, l.acked = policy.Used{}, l.Last() }

// Last is the highest sequence.
func (l *Lane) Last() uint64 { return uint64(len(l.entries)) }

// Head is the hash of entry Last.
func (l *Lane) Head() []byte { return l.Hash(l.Last()) }

// Hash is the hash of an entry.
func (l *Lane) Hash(seq uint64) []byte { return l.entries[seq-1].hash[:] }

// Signer is the present key.
func (l *Lane) Signer() *wire.Signer { return l.signer }

// ChangeKey writes a change to a new key.
func (l *Lane) ChangeKey() uint64 { return l.ChangeKeyTo(Ed25519(l.chain.TB)) }

// ChangeKeyTo writes a change to a given key.
func (l *Lane) ChangeKeyTo(next *wire.Signer) uint64 {
	f, err := wire.ProveKey(next, wire.Name{Terminal: l.ID, Epoch: l.Epoch, Seq: l.Last() + 1})
	l.chain.must(err)
	seq := l.Add(f, Extra{})
	l.signer = next
	return seq
}

// Clone is the lane's disk, copied: it goes on from the same entries with the same key.
func (l *Lane) Clone() *Lane {
	twin := *l
	twin.entries = slices.Clone(l.entries)
	twin.spent = map[string]accountDay{}
	for k, v := range l.spent {
		twin.spent[k] = v
	}
	twin.totals = map[string]*payment.DayTotal{}
	for k, v := range l.totals {
		t := *v
		twin.totals[k] = &t
	}
	return &twin
}

// Batch cuts the entries from first to last into a batch; they must be signed by one key.
func (l *Lane) Batch(first, last uint64) *wire.Batch {
	b := &wire.Batch{Version: wire.BatchVersion, Terminal: l.ID, Epoch: l.Epoch, First: first, Protected: l.entries[first-1].protected}
	if first > 1 {
		b.Prev = l.Hash(first - 1)
	}
	for _, w := range l.entries[first-1 : last] {
		b.Payloads, b.Bodies = append(b.Payloads, w.payload), append(b.Bodies, w.body)
	}
	end := l.entries[last-1]
	var err error
	b.Signature, err = end.signer.Sign(wire.ToBeSigned(end.protected, end.payload))
	l.chain.must(err)
	return b
}

// Batches cuts everything behind a sequence into batches of at most size entries, a change of key ending one.
func (l *Lane) Batches(after uint64, size int) []*wire.Batch {
	var all []*wire.Batch
	for first := after + 1; first <= l.Last(); {
		last := first
		for last < l.Last() && last-first+1 < uint64(size) && l.entries[last].signer == l.entries[first-1].signer {
			last++
		}
		all = append(all, l.Batch(first, last))
		first = last + 1
	}
	return all
}

// Message is a batch as it travels.
func (l *Lane) Message(first, last uint64) []byte {
	msg, err := wire.EncodeBatch(l.Batch(first, last))
	l.chain.must(err)
	return msg
}

// SignWith makes the lane go on with a key, with no word about it in the journal.
func (l *Lane) SignWith(key *wire.Signer) { l.signer = key }

// Truncate forgets the entries behind a sequence, as a disk that was restored does.
func (l *Lane) Truncate(last uint64) { l.entries = slices.Clone(l.entries[:last]) }

// Rewrite begins the same epoch once more, with other bytes.
func (l *Lane) Rewrite() {
	l.entries, l.spent = nil, map[string]accountDay{}
	l.Add(&payment.EpochOpened{Cause: payment.CauseRestore, PublicKey: l.signer.Public().Bytes()}, Extra{})
	l.OpenDay(l.Date)
}

// Recast gives the last entry the bytes in which another release would have written it.
func (l *Lane) Recast(other func(payload []byte) []byte) {
	w := &l.entries[len(l.entries)-1]
	w.payload = other(w.payload)
	w.hash = wire.Hash(w.protected, w.payload)
}

// AddUnknown writes an entry of a kind that no release knows.
func (l *Lane) AddUnknown() uint64 {
	return l.AddRaw(func(seq uint64, prev []byte) []byte {
		raw, err := wire.Marshal(map[int]any{1: uint(wire.Version), 2: l.ID[:], 3: l.Epoch, 4: seq, 5: prev, 6: uint(999), 99: "critical"})
		l.chain.must(err)
		return raw
	})
}
