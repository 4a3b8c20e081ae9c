package ledgertest

import (
	"tilld/agent/payment"
	"tilld/sync/ledger"
)

func testKeyChange(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	l.Sell(p, 100)
	change := l.ChangeKey()
	l.Sell(p, 100)
	behind := l.Last()
	b.wantPlace(b.Send(l, 1, change), ledger.Created, int(change), l, change)
	b.wantPlace(b.Send(l, change+1, behind), ledger.Created, 1, l, behind)
	b.wantPlace(b.Send(l, 1, change), ledger.Exists, 0, l, behind)
	keys, err := b.Keys(b.Ctx, l.ID)
	b.Must(err)
	if len(keys) != 2 || keys[0].N != 1 || keys[0].Retired || !keys[1].Retired || keys[0].Key.KID() != l.Signer().Public().KID() {
		b.Errorf("keys %+v", keys)
	}
	if v := b.JudgeAll(); len(v) != 0 {
		b.Errorf("verdicts %+v", v)
	}

	// The old key signs nothing more: neither behind the change nor in its place.
	thief := l.Clone()
	thief.SignWith(l.Key)
	thief.Sell(p, 100)
	if ans := b.Send(thief, behind+1, behind+1); ans.Outcome != ledger.WrongKey || ans.Stored != 0 {
		b.Errorf("the old key behind the change: %+v", ans)
	}
}

func testForeignKey(b *Bench) {
	l, other := b.Lane("s1", "1"), b.Lane("s1", "2")
	seq := l.ChangeKeyTo(other.Key)
	b.Send(l, 1, seq)
	v := b.JudgeAll()
	if len(v) != 1 || v[0].Kind != ledger.KeyRefused || v[0].Name.Seq != seq {
		b.Fatalf("verdicts %+v", v)
	}
	if keys, err := b.Keys(b.Ctx, l.ID); err != nil || len(keys) != 1 || keys[0].Retired {
		b.Errorf("keys %+v, %v", keys, err)
	}
}

func testRetiredKey(b *Bench) {
	l := b.Lane("s1", "1")
	old := l.Clone()
	b.Send(l, 1, l.ChangeKey())
	old.NewEpoch(payment.CauseRestore)
	if ans := b.Send(old, 1, 2); ans.Outcome != ledger.WrongKey || ans.Stored != 0 {
		b.Errorf("a new epoch by a replaced key: %+v", ans)
	}
	l.NewEpoch(payment.CauseRestore)
	b.wantPlace(b.Send(l, 1, 2), ledger.Created, 2, l, 2)
}

// testKeyBehindFork: a disk was copied before the key changed. What the copy signs with the old key is money
// that was taken: it is kept as a fork, and its lane can begin an epoch with the only key that it has.
func testKeyBehindFork(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	l.Sell(p, 100)
	twin := l.Clone()
	at := l.Last()
	change := l.ChangeKey()
	l.Sell(p, 100)
	b.Send(l, 1, change)
	b.Send(l, change+1, l.Last())
	twin.Sell(p, 300)
	twin.Sell(p, 300)
	b.wantPlace(b.Send(twin, at+1, twin.Last()), ledger.Conflict, 2, twin, twin.Last())
	twin.NewEpoch(payment.CauseFork)
	b.wantPlace(b.Send(twin, 1, 2), ledger.Created, 2, twin, 2)
	l.NewEpoch(payment.CauseFork)
	b.wantPlace(b.Send(l, 1, 2), ledger.Created, 2, l, 2)
	b.JudgeAll()
	b.WantNet(ledger.SuspenseClaims, 100+300+300)
	b.WantNet(ledger.WalletReceivable, 100)
	b.Balance()
}
