package sim

import (
	"bytes"

	"github.com/fxamacker/cbor/v2"

	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/wire"
)

// attack is one thing that a meddler can do. false: nothing was said yet that it could be made from.
type attack struct {
	name string
	make func(*meddler) (overheard, bool)
}

var attacks = []attack{
	{"brought again", (*meddler).any},
	{"brought under another's topic", func(m *meddler) (overheard, bool) {
		o, ok := m.any()
		if t := m.till(); upward(o.topic) {
			o.topic = wire.UpTopic(t.id)
		} else {
			o.topic = wire.DownTopic(t.id)
		}
		return o, ok
	}},
	{"brought the wrong way", func(m *meddler) (overheard, bool) {
		o, ok := m.any()
		if t := m.till(); upward(o.topic) {
			o.topic = wire.DownTopic(t.id)
		} else {
			o.topic = wire.UpTopic(t.id)
		}
		return o, ok
	}},
	{"turned in some bits", func(m *meddler) (overheard, bool) {
		o, ok := m.any()
		o.payload = bytes.Clone(o.payload)
		for range 1 + m.random.IntN(3) {
			o.payload[m.random.IntN(len(o.payload))] ^= 1 << m.random.IntN(8)
		}
		return o, ok
	}},
	{"cut short", func(m *meddler) (overheard, bool) {
		o, ok := m.any()
		o.payload = o.payload[:m.random.IntN(len(o.payload))]
		return o, ok
	}},
	{"spliced of two", func(m *meddler) (overheard, bool) {
		list := m.up
		if m.random.IntN(2) == 0 {
			list = m.down
		}
		a, ok := pick(m.random, list)
		b, _ := pick(m.random, list)
		at := m.random.IntN(min(len(a.payload), len(b.payload)) + 1)
		a.payload = append(bytes.Clone(a.payload[:at]), b.payload[at:]...)
		return a, ok
	}},
	{"signed anew by a stranger", func(m *meddler) (overheard, bool) { return m.signAnew(m.own, m.random.IntN(2) == 0) }},
	{"signed anew by a stolen till", func(m *meddler) (overheard, bool) { return m.signAnew(m.stolen, m.random.IntN(2) == 0) }},
	{"an acknowledgement that was altered", func(m *meddler) (overheard, bool) {
		return m.alter(m.down, wire.TypAck, func(payload []byte) ([]byte, error) {
			var a wire.Ack
			if err := wire.Unmarshal(payload, &a); err != nil {
				return nil, err
			}
			m.alterAck(&a)
			return wire.Marshal(&a)
		})
	}},
	{"a beat that was altered", func(m *meddler) (overheard, bool) {
		return m.alter(m.up, wire.TypBeat, func(payload []byte) ([]byte, error) {
			var b wire.Beat
			if err := wire.Unmarshal(payload, &b); err != nil {
				return nil, err
			}
			b.Last, b.Acked, b.Count, b.Erased = b.Last+9, b.Last+9, b.Count+1_000_000, b.Last
			return wire.Marshal(&b)
		})
	}},
	{"an acknowledgement of everything", func(m *meddler) (overheard, bool) {
		o, ok := pick(m.random, m.up)
		return m.acknowledge(o, ok)
	}},
	{"a batch that was altered", func(m *meddler) (overheard, bool) { return m.alterBatch(nil) }},
	{"a batch that was altered and signed by a stranger", func(m *meddler) (overheard, bool) { return m.alterBatch(m.own) }},
	{"a batch that was altered and signed by a stolen till", func(m *meddler) (overheard, bool) { return m.alterBatch(m.stolen) }},
	{"a policy of a stranger's", func(m *meddler) (overheard, bool) {
		doc := *m.w.chain.Doc
		doc.Version += 1 + m.random.Uint64N(5)
		doc.Caps.Payment *= 4
		raw, err := doc.Sign(m.signer())
		m.w.must(err)
		return m.toLane(raw), true
	}},
	{"a trust bundle of a stranger's", func(m *meddler) (overheard, bool) {
		doc := *m.w.chain.Trust
		doc.Version++
		doc.Rows = append(append([]policy.TrustRow(nil), doc.Rows...), policy.TrustRow{Use: policy.UseAck, Key: m.own.Public().Bytes(),
			NotBefore: doc.Rows[0].NotBefore, NotAfter: doc.Rows[0].NotAfter})
		raw, err := doc.Sign(m.signer())
		m.w.must(err)
		return m.toLane(raw), true
	}},
	{"a hello of another HQ", func(m *meddler) (overheard, bool) {
		now := m.w.loop.Now().UnixMilli()
		raw, err := wire.Seal(m.signer(), wire.TypHello, &wire.Hello{Version: wire.MessageVersion, HQEpoch: uint64(now), Nonce: make([]byte, wire.NonceSize), Time: now})
		m.w.must(err)
		return overheard{wire.AllTopic, wire.FrameSigned(raw)}, true
	}},
}

func (m *meddler) till() *till { return m.w.tills[m.random.IntN(len(m.w.tills))] }

// signer is one of the keys that he has.
func (m *meddler) signer() *wire.Signer {
	if m.random.IntN(2) == 0 {
		return m.own
	}
	return m.stolen
}

func (m *meddler) toLane(sealed []byte) overheard {
	return overheard{wire.DownTopic(m.till().id), wire.FrameSigned(sealed)}
}

// apart takes a signed message apart.
func apart(msg []byte) (head, payload, sig []byte, ok bool) {
	sealed, err := wire.UnframeSigned(msg)
	if err != nil {
		return nil, nil, nil, false
	}
	var list []cbor.RawMessage
	if err := cbor.Unmarshal(sealed[1:], &list); err != nil || len(list) != 4 {
		return nil, nil, nil, false
	}
	ok = cbor.Unmarshal(list[0], &head) == nil && cbor.Unmarshal(list[2], &payload) == nil && cbor.Unmarshal(list[3], &sig) == nil
	return head, payload, sig, ok
}

// signAnew signs what was said with a key of his, under the header that it had, which names another's key, or under
// that of his own.
func (m *meddler) signAnew(key *wire.Signer, keep bool) (overheard, bool) {
	for range 20 {
		o, ok := m.any()
		head, payload, _, signed := apart(o.payload)
		if !ok || !signed {
			continue
		}
		typ, err := wire.Peek(o.payload[1:])
		m.w.must(err)
		if !keep {
			head, err = wire.Protected(key.Public(), typ)
			m.w.must(err)
		}
		sig, err := key.Sign(wire.ToBeSigned(head, payload))
		m.w.must(err)
		return overheard{o.topic, wire.FrameSigned(wire.Envelope(head, payload, sig))}, true
	}
	return overheard{}, false
}

// alter changes a message of a kind, with the signature that it had or one of his.
func (m *meddler) alter(list []overheard, typ wire.Typ, edit func([]byte) ([]byte, error)) (overheard, bool) {
	for range 20 {
		o, ok := pick(m.random, list)
		head, payload, sig, signed := apart(o.payload)
		if !ok || !signed {
			continue
		}
		if is, err := wire.Peek(o.payload[1:]); err != nil || is != typ {
			continue
		}
		payload, err := edit(payload)
		m.w.must(err)
		if m.random.IntN(2) == 0 {
			sig, err = m.signer().Sign(wire.ToBeSigned(head, payload))
			m.w.must(err)
		}
		return overheard{o.topic, wire.FrameSigned(wire.Envelope(head, payload, sig))}, true
	}
	return overheard{}, false
}

func (m *meddler) alterAck(a *wire.Ack) {
	switch m.random.IntN(5) {
	case 0:
		a.Acked += 1 + m.random.Uint64N(20)
	case 1:
		a.HQEpoch += 1 + m.random.Uint64N(1000)
	case 2:
		a.Terminal = m.till().id
	case 3:
		a.Forked, a.Revoked, a.Twice = true, true, true
	case 4:
		a.Time += 3_600_000
	}
}

// acknowledge answers a lane's message in HQ's name.
func (m *meddler) acknowledge(o overheard, ok bool) (overheard, bool) {
	for range 20 {
		if b, err := wire.DecodeBatch(o.payload); ok && err == nil {
			hashes, err := b.VerifyChain()
			m.w.must(err)
			a := &wire.Ack{Version: wire.MessageVersion, HQEpoch: uint64(m.w.loop.Now().UnixMilli()), Nonce: make([]byte, wire.NonceSize),
				Time: m.w.loop.Now().UnixMilli(), Terminal: b.Terminal, Epoch: b.Epoch, Acked: b.Last(), Head: hashes[len(hashes)-1][:],
				Judged: b.Last(), Results: []wire.Result{}, Policy: 1, Echo: []byte{}}
			raw, err := wire.Seal(m.signer(), wire.TypAck, a)
			m.w.must(err)
			return overheard{wire.DownTopic(b.Terminal), wire.FrameSigned(raw)}, true
		}
		o, ok = pick(m.random, m.up)
	}
	return overheard{}, false
}

// alterBatch changes a batch: what a payment came to, an evidence, what it lacks, whose it is; signed by a key, or nil
// for the signature that it had.
func (m *meddler) alterBatch(key *wire.Signer) (overheard, bool) {
	for range 20 {
		o, ok := pick(m.random, m.up)
		if !ok {
			continue
		}
		b, err := wire.DecodeBatch(o.payload)
		if err != nil {
			continue
		}
		n := m.random.IntN(len(b.Payloads))
		switch m.random.IntN(5) {
		case 0:
			if !m.dearer(b) {
				continue
			}
		case 1:
			b.Bodies[n] = nil
		case 2:
			b.Bodies[n] = b.Bodies[m.random.IntN(len(b.Bodies))]
		case 3:
			b.Payloads, b.Bodies = b.Payloads[:n+1], b.Bodies[:n+1]
		case 4:
			b.Terminal = m.till().id
			o.topic = wire.UpTopic(b.Terminal)
		}
		if key != nil {
			if m.random.IntN(2) == 0 {
				b.Protected, err = wire.Protected(key.Public(), wire.TypEntry)
				m.w.must(err)
			}
			b.Signature, err = key.Sign(wire.ToBeSigned(b.Protected, b.Payloads[len(b.Payloads)-1]))
			m.w.must(err)
		}
		msg, err := wire.EncodeBatch(b)
		m.w.must(err)
		return overheard{o.topic, msg}, true
	}
	return overheard{}, false
}

// dearer makes the last approval of a batch ten times what it was.
func (m *meddler) dearer(b *wire.Batch) bool {
	for i := len(b.Payloads) - 1; i >= 0; i-- {
		e, err := wire.DecodeEntry(b.Payloads[i])
		if err != nil {
			continue
		}
		if f, ok := e.Fact.(*payment.Approved); ok {
			f.Amount.Minor *= 10
			b.Payloads[i], err = e.Marshal()
			m.w.must(err)
			return true
		}
	}
	return false
}
