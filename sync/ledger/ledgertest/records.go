package ledgertest

import (
	"bytes"
	"math"
	"slices"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/settle"
	"tilld/sync/wire"
)

// wantCode fails the test when an error is not of a code.
func (b *Bench) wantCode(err error, want payment.Code) {
	b.Helper()
	if payment.CodeOf(err) != want {
		b.Errorf("error %v, want one of code %q", err, want)
	}
}

func testTerminals(b *Bench) {
	l, other := b.Lane("s1", "1"), b.Chain.Lane("s1", "2")
	b.Enrol(l) // the same again changes nothing
	moved := TerminalOf(l)
	moved.Store = "s2"
	b.wantCode(b.AddTerminal(b.Ctx, moved, l.Key.Public()), payment.Conflict)
	b.wantCode(b.AddTerminal(b.Ctx, TerminalOf(l), other.Key.Public()), payment.Conflict)
	b.wantCode(b.AddTerminal(b.Ctx, TerminalOf(other), l.Key.Public()), payment.Conflict)
	bad := TerminalOf(other)
	bad.Lane = "lane 2"
	b.wantCode(b.AddTerminal(b.Ctx, bad, other.Key.Public()), payment.Invalid)
	b.wantCode(b.AddTerminal(b.Ctx, TerminalOf(other), wire.PublicKey{}), payment.Invalid)
	b.Enrol(other)

	list, err := b.Terminals(b.Ctx, 0, 10)
	b.Must(err)
	if len(list) != 2 || list[0].ID != l.ID || list[1].ID != other.ID || list[0].Store != "s1" || list[0].Lane != "1" {
		b.Fatalf("terminals: %+v", list)
	}
	if !list[0].AddedAt.Equal(ingesttest.Noon) || !list[0].LastSeen.IsZero() || len(list[0].Epochs) != 0 {
		b.Errorf("terminal: %+v", list[0])
	}
	if rest, err := b.Terminals(b.Ctx, list[0].Pos, 10); err != nil || len(rest) != 1 || rest[0].ID != other.ID {
		b.Errorf("behind the first: %+v, %v", rest, err)
	}
	b.wantCode(b.RevokeTerminal(b.Ctx, b.Chain.ID(), "ops", "stolen"), payment.NotFound)
	b.wantCode(b.RevokeTerminal(b.Ctx, l.ID, "", "stolen"), payment.Invalid)
	b.Must(b.RevokeTerminal(b.Ctx, l.ID, "ops", "stolen"))
	b.Must(b.RevokeTerminal(b.Ctx, l.ID, "other", "again"))
	got, err := b.Terminal(b.Ctx, l.ID)
	b.Must(err)
	if got.RevokedBy != "ops" || got.RevokedWhy != "stolen" || !got.RevokedAt.Equal(ingesttest.Noon) {
		b.Errorf("revoked: %+v", got)
	}
	_, err = b.Terminal(b.Ctx, b.Chain.ID())
	b.wantCode(err, payment.NotFound)
}

func testDocuments(b *Bench) {
	_, err := b.Document(b.Ctx, ledger.PolicyDocument, 0)
	b.wantCode(err, payment.NotFound)
	one := ledger.Document{Kind: ledger.PolicyDocument, Version: 3, Sealed: []byte("three")}
	b.Must(b.AddDocument(b.Ctx, one))
	b.Must(b.AddDocument(b.Ctx, one))
	b.wantCode(b.AddDocument(b.Ctx, ledger.Document{Kind: ledger.PolicyDocument, Version: 3, Sealed: []byte("other")}), payment.Conflict)
	b.wantCode(b.AddDocument(b.Ctx, ledger.Document{Kind: ledger.PolicyDocument, Version: 2, Sealed: []byte("two")}), payment.Conflict)
	for _, bad := range []ledger.Document{{Kind: "note", Version: 9, Sealed: []byte("x")}, {Kind: ledger.TrustDocument, Sealed: []byte("x")},
		{Kind: ledger.TrustDocument, Version: 1}, {Kind: ledger.TrustDocument, Version: math.MaxUint64, Sealed: []byte("x")}} {
		b.wantCode(b.AddDocument(b.Ctx, bad), payment.Invalid)
	}
	b.Must(b.AddDocument(b.Ctx, ledger.Document{Kind: ledger.PolicyDocument, Version: 7, Sealed: []byte("seven")}))
	b.Must(b.AddDocument(b.Ctx, ledger.Document{Kind: ledger.TrustDocument, Version: 1, Sealed: []byte("trust")}))
	for version, want := range map[uint64]string{0: "seven", 3: "three", 7: "seven"} {
		d, err := b.Document(b.Ctx, ledger.PolicyDocument, version)
		if err != nil || string(d.Sealed) != want {
			b.Errorf("policy %d: %+v, %v", version, d, err)
		}
	}
	for _, version := range []uint64{2, 8, math.MaxUint64} {
		_, err = b.Document(b.Ctx, ledger.PolicyDocument, version)
		b.wantCode(err, payment.NotFound)
	}
	b.Chain.Now = b.Chain.Now.Add(time.Hour)
	b.Must(b.AddDocument(b.Ctx, ledger.Document{Kind: ledger.PolicyDocument, Version: 9, Sealed: []byte("nine")}))
	for at, want := range map[time.Time]uint64{ingesttest.Noon: 0, ingesttest.Noon.Add(time.Minute): 7, ingesttest.Noon.Add(2 * time.Hour): 9} {
		if v, err := b.NewestBefore(b.Ctx, ledger.PolicyDocument, at); err != nil || v != want {
			b.Errorf("the newest before %s: %d, %v, want %d", at, v, err, want)
		}
	}
	newest, err := b.Newest(b.Ctx, ledger.PolicyDocument)
	all, err2 := b.Documents(b.Ctx, ledger.PolicyDocument)
	if err != nil || err2 != nil || newest != 9 || len(all) != 3 || all[0].Version != 9 {
		b.Errorf("newest %d, all %+v, %v, %v", newest, all, err, err2)
	}
}

func testTokens(b *Bench) {
	tok := ledger.Token{ID: b.Chain.ID(), Name: "erp", Hash: [32]byte{1}, Scopes: []string{"read", "finance"}, Expires: ingesttest.Noon.Add(time.Hour)}
	b.Must(b.AddToken(b.Ctx, tok))
	for _, bad := range []func(*ledger.Token){
		func(t *ledger.Token) { t.Name = "" }, func(t *ledger.Token) { t.Scopes = nil }, func(t *ledger.Token) { t.Scopes = []string{"a b"} },
		func(t *ledger.Token) { t.Hash = [32]byte{} }, func(t *ledger.Token) { t.Expires = ingesttest.Noon },
	} {
		t := tok
		t.ID, t.Hash = b.Chain.ID(), [32]byte{2}
		bad(&t)
		b.wantCode(b.AddToken(b.Ctx, t), payment.Invalid)
	}
	got, err := b.Token(b.Ctx, tok.Hash)
	b.Must(err)
	if got.ID != tok.ID || !slices.Equal(got.Scopes, tok.Scopes) || !got.Expires.Equal(tok.Expires) || !got.Revoked.IsZero() {
		b.Errorf("token: %+v", got)
	}
	_, err = b.Token(b.Ctx, [32]byte{9})
	b.wantCode(err, payment.NotFound)
	b.wantCode(b.RevokeToken(b.Ctx, b.Chain.ID()), payment.NotFound)
	b.Must(b.RevokeToken(b.Ctx, tok.ID))
	b.Chain.Now = b.Chain.Now.Add(time.Minute)
	b.Must(b.RevokeToken(b.Ctx, tok.ID))
	if all, err := b.Tokens(b.Ctx); err != nil || len(all) != 1 || !all[0].Revoked.Equal(ingesttest.Noon) {
		b.Errorf("tokens: %+v, %v", all, err)
	}
}

func testHQEpoch(b *Bench) {
	first, err := b.HQEpoch(b.Ctx)
	b.Must(err)
	if first != uint64(ingesttest.Noon.UnixMilli()) {
		b.Errorf("first HQ epoch %d", first)
	}
	second, err := b.Restored(b.Ctx) // in the same millisecond
	b.Must(err)
	b.Chain.Now = b.Chain.Now.Add(-time.Hour) // the clock was set back
	third, err := b.Restored(b.Ctx)
	b.Must(err)
	if second <= first || third <= second {
		b.Errorf("HQ epochs do not rise: %d, %d, %d", first, second, third)
	}
	if now, err := b.HQEpoch(b.Ctx); err != nil || now != third {
		b.Errorf("HQ epoch %d, %v", now, err)
	}
}

// wantPlace fails the test when an answer is not the one place.
func (b *Bench) wantPlace(ans ledger.Answer, o ledger.Outcome, stored int, l *ingesttest.Lane, acked uint64) {
	b.Helper()
	if ans.Outcome != o || ans.Stored != stored || len(ans.Places) != 1 {
		b.Fatalf("answer %+v, want %s of %d", ans, o, stored)
	}
	p := ans.Places[0]
	if p.Acked != acked || acked > 0 && !bytes.Equal(p.Head, l.Hash(acked)) || acked == 0 && len(p.Head) != 0 {
		b.Errorf("place %+v, want %d", p, acked)
	}
}

func testRecord(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	for range 8 {
		l.Sell(p, 100)
	}
	b.wantPlace(b.Send(l, 1, 4), ledger.Created, 4, l, 4)
	b.wantPlace(b.Send(l, 5, 5), ledger.Created, 1, l, 5)
	b.wantPlace(b.Send(l, 1, 4), ledger.Exists, 0, l, 5)
	b.wantPlace(b.Send(l, 3, 3), ledger.Exists, 0, l, 5)
	b.wantPlace(b.Send(l, 6, 10), ledger.Created, 5, l, 10)
	places, err := b.Places(b.Ctx, l.ID, l.Epoch)
	if err != nil || len(places) != 1 || places[0].Acked != 10 || places[0].Judged != 0 {
		b.Errorf("places %+v, %v", places, err)
	}
	huge := l.Batch(1, 1)
	huge.First = math.MaxInt64 + 1
	ans, _, err := b.Record(b.Ctx, []*ledger.Arrival{{Batch: huge, Hashes: make([][32]byte, 1), Kinds: make([]payment.Kind, 1)}}, nil)
	if err != nil || ans[0].Outcome != ledger.BadNumber {
		b.Errorf("a sequence that can't be stored: %+v, %v", ans, err)
	}
}

func testOverlap(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	for range 10 {
		l.Sell(p, 100)
	}
	b.wantPlace(b.Send(l, 1, 6), ledger.Created, 6, l, 6)
	b.wantPlace(b.Send(l, 4, 9), ledger.Created, 3, l, 9)
	b.wantPlace(b.Send(l, 1, 12), ledger.Created, 3, l, 12)
	held, err := b.Entry(b.Ctx, wire.Name{Terminal: l.ID, Epoch: l.Epoch, Seq: 9})
	if err != nil || len(held) != 1 || held[0].Signature == nil || !bytes.Equal(held[0].Hash[:], l.Hash(9)) {
		b.Errorf("entry 9: %+v, %v", held, err)
	}
}

func testGap(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	for range 10 {
		l.Sell(p, 100)
	}
	b.wantPlace(b.Send(l, 5, 8), ledger.Gap, 0, l, 0)
	b.wantMissing(l, 1, 8)
	b.wantPlace(b.Send(l, 1, 3), ledger.Created, 3, l, 3)
	b.wantPlace(b.Send(l, 5, 8), ledger.Gap, 0, l, 3)
	b.wantMissing(l, 4, 8)
	b.wantPlace(b.Send(l, 4, 12), ledger.Created, 9, l, 12)
	if r := b.Balance(); len(r.Missing) != 0 {
		b.Errorf("missing %+v", r.Missing)
	}
}

func (b *Bench) wantMissing(l *ingesttest.Lane, from, to uint64) {
	b.Helper()
	r := b.Balance()
	if want := (ledger.Range{Terminal: l.ID, Epoch: l.Epoch, From: from, To: to}); !slices.Equal(r.Missing, []ledger.Range{want}) {
		b.Errorf("missing %+v, want %+v", r.Missing, want)
	}
}

func testUnknownTerminal(b *Bench) {
	l := b.Lane("s1", "1")
	a := b.Arrival(l.Batch(1, 2))
	a.Batch.Terminal = b.Chain.ID()
	ans, beats, err := b.Record(b.Ctx, []*ledger.Arrival{a}, []*wire.Beat{{Terminal: a.Batch.Terminal, Epoch: 1}})
	if err != nil || ans[0].Outcome != ledger.NoSuch || beats[0].Outcome != ledger.NoSuch {
		b.Errorf("%+v, %+v, %v", ans, beats, err)
	}
	if keys, err := b.Keys(b.Ctx, a.Batch.Terminal); err != nil || len(keys) != 0 {
		b.Errorf("keys of nobody: %v, %v", keys, err)
	}
}

func testBeats(b *Bench) {
	l := b.Lane("s1", "1")
	beat := func(count, last uint64) ledger.Answer {
		_, ans, err := b.Record(b.Ctx, nil, []*wire.Beat{{Terminal: l.ID, Epoch: l.Epoch, Count: count, Last: last, Policy: count,
			Software: "v1", Wall: b.Chain.Now.UnixMilli() + 1500}})
		b.Must(err)
		return ans[0]
	}
	if ans := beat(10, 0); !ans.Fresh || len(ans.Places) != 1 || ans.Places[0].Acked != 0 {
		b.Errorf("first beat: %+v", ans)
	}
	b.Send(l, 1, 2)
	b.Chain.Now = b.Chain.Now.Add(time.Minute)
	if ans := beat(11, 5); !ans.Fresh || ans.Places[0].Acked != 2 || !bytes.Equal(ans.Places[0].Head, l.Hash(2)) {
		b.Errorf("second beat: %+v", ans)
	}
	b.wantMissing(l, 3, 5)
	b.Chain.Now = b.Chain.Now.Add(time.Minute)
	if ans := beat(11, 5); ans.Fresh {
		b.Errorf("a replayed beat: %+v", ans)
	}
	got, err := b.Terminal(b.Ctx, l.ID)
	b.Must(err)
	if !got.LastSeen.Equal(ingesttest.Noon.Add(time.Minute)) || got.Policy != 11 || got.Software != "v1" || got.Skew != 1500*time.Millisecond {
		b.Errorf("seen: %+v", got)
	}
	want := []ledger.EpochStatus{{Epoch: settle.Epoch(l.Epoch), Known: 5, Held: 2, Judged: 0}}
	if !slices.Equal(got.Epochs, want) || got.Behind() != 3 {
		b.Errorf("epochs: %+v, want %+v", got.Epochs, want)
	}
	if _, ans, err := b.Record(b.Ctx, nil, []*wire.Beat{{Terminal: l.ID, Epoch: 1, Last: math.MaxUint64}}); err != nil || ans[0].Outcome != ledger.BadNumber {
		b.Errorf("a beat beyond all numbers: %+v, %v", ans, err)
	}
}

func testEntries(b *Bench) {
	l := b.Lane("s1", "1")
	s := l.Sell(b.Chain.Phone(), 100)
	b.SendAll(l, 0)
	logs, err := b.Backlogs(b.Ctx, 0, 10)
	b.Must(err)
	if len(logs) != 1 || logs[0].Terminal != l.ID || logs[0].Store != "s1" || logs[0].Head != l.Last() || logs[0].Judged != 0 {
		b.Fatalf("backlogs %+v", logs)
	}
	held, err := b.Entries(b.Ctx, logs[0].Branch, 0, 2)
	b.Must(err)
	if len(held) != 2 || held[0].Kind != payment.KindEpochOpened || held[0].Name.Epoch != l.Epoch || held[0].Signature != nil {
		b.Errorf("entries %+v", held)
	}
	last, err := b.Entries(b.Ctx, logs[0].Branch, s.Seq-1, 10)
	if err != nil || len(last) != 1 || len(last[0].Body) == 0 || last[0].Signature == nil {
		b.Errorf("the sale %+v, %v", last, err)
	}
	// What is kept verifies by itself.
	tbs := wire.ToBeSigned(last[0].Protected, last[0].Payload)
	if !l.Key.Public().Verify(tbs, last[0].Signature) {
		b.Error("the kept signature does not hold")
	}
	b.JudgeAll()
	if logs, err := b.Backlogs(b.Ctx, 0, 10); err != nil || len(logs) != 0 {
		b.Errorf("backlogs after judging %+v, %v", logs, err)
	}
}

func testForget(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	l.Sell(p, 100)
	code := p.Code("s1", "")
	l.SellWith(p, 100, ingesttest.Change{Code: code})
	twice := l.SellWith(p, 100, ingesttest.Change{Code: code}) // an open exception: its evidence stays
	b.SendAll(l, 0)
	if n, err := b.Forget(b.Ctx, ingesttest.Noon.Add(time.Hour), 100); err != nil || n != 0 {
		b.Errorf("forgot %d that nobody had judged, %v", n, err)
	}
	b.JudgeAll()
	if n, err := b.Forget(b.Ctx, ingesttest.Noon, 100); err != nil || n != 0 {
		b.Errorf("forgot %d too early, %v", n, err)
	}
	if n, err := b.Forget(b.Ctx, ingesttest.Noon.Add(time.Hour), 1); err != nil || n != 1 {
		b.Errorf("forgot %d, %v", n, err)
	}
	if n, err := b.Forget(b.Ctx, ingesttest.Noon.Add(time.Hour), 100); err != nil || n != 1 {
		b.Errorf("forgot %d, %v", n, err)
	}
	for seq := uint64(1); seq <= l.Last(); seq++ {
		held, err := b.Entry(b.Ctx, wire.Name{Terminal: l.ID, Epoch: l.Epoch, Seq: seq})
		b.Must(err)
		if (len(held[0].Body) > 0) != (seq == twice.Seq) {
			b.Errorf("entry %d has %d bytes of body", seq, len(held[0].Body))
		}
		if got := wire.Hash(held[0].Protected, held[0].Payload); got != held[0].Hash {
			b.Errorf("the chain broke at %d", seq)
		}
	}
	b.Balance()
}
