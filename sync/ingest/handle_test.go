package ingest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

func TestAck(t *testing.T) {
	b := newBench(t)
	l := b.Lane("s1", "1")
	l.Sell(b.Chain.Phone(), 100)
	acks := b.deliver(l, l.Message(1, 2))
	if len(acks) != 1 {
		t.Fatalf("%d acknowledgements", len(acks))
	}
	a := acks[0]
	epoch, err := b.HQEpoch(b.Ctx)
	b.Must(err)
	if a.Version != wire.MessageVersion || a.HQEpoch != epoch || !bytes.Equal(a.Nonce, b.g.nonce) || a.Time != b.Chain.Now.UnixMilli() ||
		a.Terminal != l.ID || a.Epoch != l.Epoch || a.Acked != 2 || !bytes.Equal(a.Head, l.Hash(2)) || a.Resend || a.Forked || a.Revoked ||
		a.Policy != 1 || len(a.Echo) != 0 || len(a.Results) != 0 || a.Judged != 0 {
		t.Errorf("%+v", a)
	}
	if again := b.deliver(l, l.Message(1, 2)); len(again) != 1 || again[0].Acked != 2 {
		t.Errorf("again: %+v", again)
	}
	if gap := b.deliver(l, batchFrom(l, 3, 3, func(w *wire.Batch) { w.First++; w.Prev = l.Hash(3) })); len(gap) != 0 {
		t.Errorf("a broken chain is answered: %+v", gap)
	}
	s := b.g.Stats()
	if s.Stored != 2 || s.Repeats != 1 || s.Unsigned != 1 || s.Acks != 2 || s.Messages != 3 {
		t.Errorf("counted %+v", s)
	}
}

// batchFrom is a batch with something wrong, signed by nobody again.
func batchFrom(l *ingesttest.Lane, first, last uint64, edit func(*wire.Batch)) []byte {
	b := l.Batch(first, last)
	edit(b)
	msg, err := wire.EncodeBatch(b)
	if err != nil {
		panic(err)
	}
	return msg
}

func TestGapIsAskedFor(t *testing.T) {
	b := newBench(t)
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	for range 5 {
		l.Sell(p, 100)
	}
	b.deliver(l, l.Message(1, 2))
	acks := b.deliver(l, l.Message(5, 7))
	if len(acks) != 1 || !acks[0].Resend || acks[0].Acked != 2 || !bytes.Equal(acks[0].Head, l.Hash(2)) {
		t.Errorf("%+v", acks)
	}
	other := b.Lane("s1", "2")
	if acks := b.deliver(other, other.Message(2, 2)); len(acks) != 1 || !acks[0].Resend || acks[0].Acked != 0 {
		t.Errorf("from the start: %+v", acks)
	}
}

// TestTheBeginningOfAHistory: a journal that was put back, and goes on in a new epoch, is told that HQ has what
// little it still holds of the old one.
func TestTheBeginningOfAHistory(t *testing.T) {
	b := newBench(t)
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	for range 5 {
		l.Sell(p, 100)
	}
	b.deliver(l, l.Message(1, 7))
	acks := b.deliver(l, l.Message(2, 3))
	if len(acks) != 2 || acks[0].Acked != 3 || !bytes.Equal(acks[0].Head, l.Hash(3)) || acks[1].Acked != 7 {
		t.Errorf("%+v", acks)
	}
	if acks = b.deliver(l, l.Message(5, 7)); len(acks) != 1 || acks[0].Acked != 7 {
		t.Errorf("the end of it: %+v", acks)
	}
}

// TestRestoredFromBeforeAKeyChange: HQ can't read a word of a terminal whose change of key it has lost. It says
// where it stands, and is sent the change again.
func TestRestoredFromBeforeAKeyChange(t *testing.T) {
	b := newBench(t)
	l := b.Lane("s1", "1")
	b.deliver(l, l.Message(1, 2))
	l.ChangeKey()
	l.Sell(b.Chain.Phone(), 100)
	for _, m := range [][]byte{l.Beat(1, nil), l.Message(4, 4)} {
		acks := b.deliver(l, m)
		if len(acks) != 1 || acks[0].Acked != 2 || !acks[0].Resend || !bytes.Equal(acks[0].Head, l.Hash(2)) || len(acks[0].Echo) != 0 {
			t.Fatalf("%+v", acks)
		}
		for range tellMost {
			b.deliver(l, m)
		}
		if acks := b.deliver(l, m); len(acks) != 0 {
			t.Errorf("too often in one moment: %+v", acks)
		}
		b.Chain.Now = b.Chain.Now.Add(tellEvery)
	}
	if acks := b.deliverAll(l, 2, 100); len(acks) == 0 || acks[len(acks)-1].Acked != 4 {
		t.Errorf("%+v", acks)
	}
}

// told takes what is to be answered to messages with an unknown key: where HQ stands, which is at nothing.
func (b *bench) told() (n int) {
	b.Helper()
	for ; len(b.g.answers) > 0; n++ {
		if a := <-b.g.answers; a.place.Acked != 0 || !a.resend || a.echo != nil || a.beat != nil {
			b.Errorf("told more than where HQ stands: %+v", a)
		}
	}
	return n
}

// TestBadInput brings what is not a terminal's word. Each is counted as what it is, is answered, if at all, with
// where HQ stands, and leaves the books as they were.
func TestBadInput(t *testing.T) {
	b := newBench(t)
	l, other, stranger := b.Lane("s1", "1"), b.Lane("s1", "2"), b.Chain.Lane("s9", "1")
	l.Sell(b.Chain.Phone(), 100)
	good := l.Message(1, 3)
	thief := l.Clone()
	thief.SignWith(ingesttest.Ed25519(t))
	thief.Rewrite()
	up := wire.UpTopic
	flipped := func(at int) []byte { m := bytes.Clone(good); m[at] ^= 0x10; return m }
	beat := l.Beat(1, nil)
	for _, tt := range []struct {
		name    string
		topic   string
		payload []byte
		count   func(Stats) uint64
	}{
		{"no topic", "", good, func(s Stats) uint64 { return s.Broken }},
		{"a topic of nobody", "tilld/1/up/00/nobody", good, func(s Stats) uint64 { return s.Broken }},
		{"the wrong shard", "tilld/1/up/99/" + l.ID.String(), good, func(s Stats) uint64 { return s.Broken }},
		{"a downward topic", wire.DownTopic(l.ID), good, func(s Stats) uint64 { return s.Broken }},
		{"another terminal's topic", up(other.ID), good, func(s Stats) uint64 { return s.WrongKey + s.WrongTopic }},
		{"a terminal that is not enrolled", up(stranger.ID), stranger.Message(1, 2), func(s Stats) uint64 { return s.Unknown }},
		{"nothing", up(l.ID), nil, func(s Stats) uint64 { return s.Broken }},
		{"rubbish", up(l.ID), []byte("rubbish"), func(s Stats) uint64 { return s.Broken }},
		{"a rubbish batch", up(l.ID), []byte("Brubbish"), func(s Stats) uint64 { return s.Broken }},
		{"a rubbish signed message", up(l.ID), []byte("Srubbish"), func(s Stats) uint64 { return s.Broken }},
		{"half a batch", up(l.ID), good[:len(good)/2], func(s Stats) uint64 { return s.Broken }},
		{"another key", up(l.ID), thief.Message(1, 2), func(s Stats) uint64 { return s.WrongKey }},
		{"a signature of nothing", up(l.ID), batchFrom(l, 1, 3, func(w *wire.Batch) { w.Signature = make([]byte, 64) }), func(s Stats) uint64 { return s.Unsigned }},
		{"one entry less", up(l.ID), batchFrom(l, 1, 3, func(w *wire.Batch) { w.Payloads, w.Bodies = w.Payloads[:2], w.Bodies[:2] }), func(s Stats) uint64 { return s.Unsigned }},
		{"two entries swapped", up(l.ID), batchFrom(l, 1, 3, func(w *wire.Batch) { w.Payloads[0], w.Payloads[1] = w.Payloads[1], w.Payloads[0] }), func(s Stats) uint64 { return s.Unsigned }},
		{"another body", up(l.ID), batchFrom(l, 1, 3, func(w *wire.Batch) { w.Bodies[2] = []byte("evidence of another") }), func(s Stats) uint64 { return s.Unsigned }},
		{"a body that nobody signed for", up(l.ID), batchFrom(l, 1, 3, func(w *wire.Batch) { w.Bodies[1] = []byte("ballast") }), func(s Stats) uint64 { return s.Unsigned }},
		{"a body lost on the way", up(l.ID), batchFrom(l, 1, 3, func(w *wire.Batch) { w.Bodies[2] = nil }), func(s Stats) uint64 { return s.Unsigned }},
		{"another epoch's name", up(l.ID), batchFrom(l, 1, 3, func(w *wire.Batch) { w.Epoch++ }), func(s Stats) uint64 { return s.Unsigned }},
		{"a beat for another", up(other.ID), beat, func(s Stats) uint64 { return s.WrongKey + s.WrongTopic }},
		{"a beat with a bit turned", up(l.ID), turned(beat), func(s Stats) uint64 { return s.Unsigned + s.Broken }},
		{"a beat of the future", up(l.ID), l.Beat(2, func(w *wire.Beat) { w.Version = 9 }), func(s Stats) uint64 { return s.Broken }},
		{"a beat of no epoch", up(l.ID), l.Beat(2, func(w *wire.Beat) { w.Epoch = 0 }), func(s Stats) uint64 { return s.Broken }},
		{"a key change in the middle", up(l.ID), keyChangeInside(b, l), func(s Stats) uint64 { return s.WrongKey }},
		{"a hello", up(l.ID), signedBy(b, l.Signer(), wire.TypHello, wire.Hello{Version: 1, Nonce: []byte{}}), func(s Stats) uint64 { return s.Broken }},
	} {
		before := b.g.Stats()
		b.deliverTo(tt.topic, tt.payload)
		after := b.g.Stats()
		if tt.count(after) != tt.count(before)+1 || after.Stored != 0 || b.told() > 1 {
			t.Errorf("%s: counted %+v", tt.name, after)
		}
	}
	for at := range good {
		m := flipped(at)
		if same, err := wire.DecodeBatch(m); err == nil && bytes.Equal(encode(t, same), good) {
			continue // a bit that the compression does not use: the batch is the same
		}
		b.deliverTo(up(l.ID), m)
	}
	if n := b.told(); n > tellMost {
		t.Errorf("told %d times in one moment where HQ stands", n)
	}
	if s := b.g.Stats(); s.Stored != 0 {
		t.Errorf("a batch with a bit turned is taken: %+v", s)
	}
	if got := b.deliver(l, good); len(got) != 1 || got[0].Acked != 3 {
		t.Errorf("behind all this the good one: %d answers", len(got))
	}
	if b.g.log.last["message refused"] == nil {
		t.Error("nothing was logged")
	}
}

func turned(m []byte) []byte {
	m = bytes.Clone(m)
	m[len(m)-70] ^= 1
	return m
}

func signedBy(b *bench, s *wire.Signer, typ wire.Typ, v any) []byte {
	b.Helper()
	raw, err := wire.Seal(s, typ, v)
	b.Must(err)
	return wire.FrameSigned(raw)
}

// keyChangeInside is a batch in which the old key goes on behind its own replacement.
func keyChangeInside(b *bench, l *ingesttest.Lane) []byte {
	b.Helper()
	l = l.Clone()
	old := l.Signer()
	l.ChangeKey()
	l.SignWith(old)
	l.Add(&payment.DayOpened{}, ingesttest.Extra{})
	return l.Message(1, l.Last())
}

func TestBeatIsAnswered(t *testing.T) {
	b := newBench(t)
	l := b.Lane("s1", "1")
	l.Sell(b.Chain.Phone(), 100)
	b.deliver(l, l.Message(1, 2))
	var challenge []byte
	acks := b.deliver(l, l.Beat(5, func(w *wire.Beat) { w.Acked = 2; challenge = w.Challenge }))
	if len(acks) != 1 || !bytes.Equal(acks[0].Echo, challenge) || acks[0].Acked != 2 || acks[0].Resend {
		t.Errorf("%+v", acks)
	}
	// A lane that knows more than HQ holds is asked to send it again.
	acks = b.deliver(l, l.Beat(6, func(w *wire.Beat) { w.Acked = 3 }))
	if len(acks) != 1 || acks[0].Acked != 2 || !acks[0].Resend {
		t.Errorf("%+v", acks)
	}
	if st, err := b.Terminal(b.Ctx, l.ID); err != nil || !st.LastSeen.Equal(b.Chain.Now) || st.Behind() != 1 {
		t.Errorf("%+v, %v", st, err)
	}
}

// TestPolicyIsSent: a lane with an older policy gets the trust bundle and then the policy; a replayed beat gets
// neither, and one that is up to date needs none.
func TestPolicyIsSent(t *testing.T) {
	b := newBench(t)
	l := b.Lane("s1", "1")
	b.newPolicy(l, func(d *policy.Document) { d.Caps.Payment-- })
	stale := l.Beat(5, func(w *wire.Beat) { w.Policy = 1 })
	types := func(m []byte) (got []wire.Typ) {
		b.deliverTo(wire.UpTopic(l.ID), m)
		for len(b.g.answers) > 0 {
			a := <-b.g.answers
			b.Must(b.g.sendAnswer(b.Ctx, &a))
		}
		for _, s := range b.road.take() {
			sealed, err := wire.UnframeSigned(s.payload)
			b.Must(err)
			typ, err := wire.Peek(sealed)
			b.Must(err)
			got = append(got, typ)
		}
		return got
	}
	if got := types(stale); !slices.Equal(got, []wire.Typ{wire.TypAck, wire.TypTrust, wire.TypPolicy}) {
		t.Errorf("to a stale lane: %v", got)
	}
	if got := types(stale); !slices.Equal(got, []wire.Typ{wire.TypAck}) {
		t.Errorf("to a replayed beat: %v", got)
	}
	if got := types(l.Beat(6, nil)); !slices.Equal(got, []wire.Typ{wire.TypAck}) {
		t.Errorf("to a lane that has it: %v", got)
	}
	b.Chain.Trust.Version++
	b.addPapers()
	for i, tt := range []struct {
		trust uint64
		want  []wire.Typ
	}{
		{b.Chain.Trust.Version - 1, []wire.Typ{wire.TypAck, wire.TypTrust, wire.TypPolicy}},
		{b.Chain.Trust.Version, []wire.Typ{wire.TypAck}},
		{0, []wire.Typ{wire.TypAck}}, // it doesn't say
	} {
		if got := types(l.Beat(uint64(7+i), func(w *wire.Beat) { w.Trust = tt.trust })); !slices.Equal(got, tt.want) {
			t.Errorf("to a lane with the newest policy and trust bundle %d: %v", tt.trust, got)
		}
	}
}

func TestForkIsTold(t *testing.T) {
	b := newBench(t)
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	l.Sell(p, 100)
	twin := l.Clone()
	l.Sell(p, 200)
	twin.Sell(p, 300)
	b.deliver(l, l.Message(1, 4))
	b.post()
	acks := b.deliver(twin, twin.Message(4, 4))
	if len(acks) != 1 || !acks[0].Forked || acks[0].Acked != 4 || !bytes.Equal(acks[0].Head, twin.Hash(4)) {
		t.Errorf("to the copy: %+v", acks)
	}
	b.post()
	b.acks(l)
	acks = b.deliver(l, l.Beat(1, nil)) // who asks can be either: there is an answer for each
	heads := [][]byte{}
	for _, a := range acks {
		heads = append(heads, a.Head)
	}
	if len(acks) != 2 || !acks[0].Forked || !bytes.Equal(heads[0], l.Hash(4)) || !bytes.Equal(heads[1], twin.Hash(4)) {
		t.Errorf("to a beat: %+v", acks)
	}
	for _, a := range acks {
		if !slices.Equal(a.Results, []wire.Result{{Seq: 4, Status: wire.Suspense, Reason: string(ledger.Fork)}}) {
			t.Errorf("results %v", a.Results)
		}
	}
	b.WantNet(ledger.WalletReceivable, 100)
	b.WantNet(ledger.SuspenseClaims, 500)
	if s := b.g.Stats(); s.Forks != 1 {
		t.Errorf("%+v", s)
	}
	b.Balance()
}

// TestResultsAreTold: what became an exception is said without being asked, and what it came to on a beat.
func TestResultsAreTold(t *testing.T) {
	b := newBench(t)
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	l.Sell(p, 100)
	s := l.SellWith(p, 200, ingesttest.Change{Code: p.CodeAt(1, "s1", ""), Fact: func(f *fact) { f.Replay.Counter = 1 }})
	b.deliver(l, l.Message(1, l.Last()))
	b.post()
	acks := b.acks(l)
	want := []wire.Result{{Seq: s.Seq, Status: wire.Suspense, Reason: "code_spent_twice"}}
	if len(acks) != 1 || !slices.Equal(acks[0].Results, want) || acks[0].Judged != l.Last() || acks[0].Acked != l.Last() {
		t.Errorf("%+v", acks)
	}
	b.Must(b.Resolve(b.Ctx, []payment.ID{b.OpenExceptions()[0].ID}, ledger.Receivable, "finance", "paid"))
	acks = b.deliver(l, l.Beat(1, nil))
	if len(acks) != 1 || len(acks[0].Results) != 1 || acks[0].Results[0].Status != wire.Posted {
		t.Errorf("%+v", acks)
	}
}

func TestRevokedIsTold(t *testing.T) {
	b := newBench(t)
	l := b.Lane("s1", "1")
	b.deliver(l, l.Message(1, 2))
	b.Must(b.RevokeTerminal(b.Ctx, l.ID, "ops", "stolen"))
	l.Sell(b.Chain.Phone(), 100)
	acks := b.deliver(l, l.Message(3, 3))
	if len(acks) != 1 || !acks[0].Revoked || acks[0].Acked != 3 {
		t.Errorf("%+v", acks)
	}
	b.post()
	b.wantKind(ledger.TerminalRevoked)
}

func TestKeyChange(t *testing.T) {
	b := newBench(t)
	l := b.Lane("s1", "1")
	seq := l.ChangeKey()
	l.Sell(b.Chain.Phone(), 100)
	acks := b.deliver(l, l.Message(1, seq), l.Message(seq+1, l.Last()), l.Beat(1, nil))
	if len(acks) != 3 || acks[1].Acked != l.Last() || acks[2].Acked != l.Last() {
		t.Errorf("%+v", acks)
	}
	b.post()
	b.WantNet(ledger.WalletReceivable, 100)
	b.wantKind("")
}

// TestNobodyListens: that no answer can be sent does not stop HQ.
func TestNobodyListens(t *testing.T) {
	b := newBench(t)
	l := b.Lane("s1", "1")
	b.road.fail = errors.New("no broker")
	if acks := b.deliver(l, l.Message(1, 2)); len(acks) != 0 {
		t.Errorf("%+v", acks)
	}
	if s := b.g.Stats(); s.AcksLost != 1 || s.Stored != 2 {
		t.Errorf("%+v", s)
	}
}

// TestFull: when nobody takes messages, Handle waits until its caller gives up, and counts what is lost.
func TestFull(t *testing.T) {
	b := newBench(t)
	l := b.Lane("s1", "1")
	synctest.Test(t, func(t *testing.T) {
		g, err := New(b.Ctx, configFor(b.Chain, b.store, b.road))
		b.Must(err)
		for range cap(g.inbox[0]) {
			g.Handle(b.Ctx, wire.UpTopic(l.ID), []byte("x"))
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		start := time.Now()
		g.Handle(ctx, wire.UpTopic(l.ID), []byte("x"))
		if d := time.Since(start); d != time.Minute {
			t.Errorf("waited %s", d)
		}
		if s := g.Stats(); s.Dropped != 1 || s.Waiting != cap(g.inbox[0]) {
			t.Errorf("%+v", s)
		}
	})
}
