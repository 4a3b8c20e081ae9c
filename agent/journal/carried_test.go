package journal

import (
	"errors"
	"testing"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

func offeredDraft(sale, pay int, amount, until int64) Draft {
	return attempted(&payment.Offered{Amount: yen(amount), Until: until}, sale, pay)
}

func carriedDraft(t testing.TB, sale, pay int, amount int64) Draft {
	d := attempted(&payment.Carried{Amount: yen(amount), Wallet: "house", Issuer: []byte("issuer's"), At: 1_795_000_000}, sale, pay)
	d.Evidence, d.SealTo = []byte("ZY:A the approval"), newConfidant(t).Public()
	d.Body = &payment.Body{Account: []byte("account of 16 by")}
	return d
}

// carryIn leaves sales in every state that an offer can bring, and returns the carried entries: 80 is paid, 81 was offered
// twice and cancelled, 82 paid and void, 83 is offered.
func carryIn(t testing.TB, j *Journal) []Record {
	t.Helper()
	mustAppend(t, j, opened(80, 100), offeredDraft(80, 800, 100, 5))
	r := mustAppend(t, j, carriedDraft(t, 80, 800, 100))
	mustAppend(t, j, opened(81, 100), offeredDraft(81, 810, 100, 5), offeredDraft(81, 810, 100, 9), saleFact(&payment.SaleCancelled{}, 81))
	mustAppend(t, j, opened(82, 70), offeredDraft(82, 820, 70, 5))
	r = append(r, mustAppend(t, j, carriedDraft(t, 82, 820, 70))...)
	mustAppend(t, j, voided(r[1]))
	mustAppend(t, j, opened(83, 30), offeredDraft(83, 830, 30, 7))
	return r
}

// A carried payment pays its sale, counts in its day and in no share; what was offered stays known, over a restart too.
func TestCarriedKept(t *testing.T) {
	j := newJournal(t)
	mustAppend(t, j, draft(&payment.DayOpened{}))
	carryIn(t, j)
	for range 2 {
		if sum, n := exposure(t, j); sum != 0 || n != 0 {
			t.Errorf("exposure %d of %d", sum, n)
		}
		d, err := j.Day(ctx, today)
		if err != nil || len(d.Totals) != 1 || d.Totals[0] != (payment.DayTotal{Wallet: "house", Currency: "JPY", Count: 2, Sum: 170, VoidCount: 1, VoidSum: 70}) {
			t.Errorf("day %+v, %v", d, err)
		}
		for pay, want := range map[int]Offer{
			800: {*id(800), *id(80), yen(100), 5, true}, 810: {*id(810), *id(81), yen(100), 9, false},
			820: {*id(820), *id(82), yen(70), 5, true}, 830: {*id(830), *id(83), yen(30), 7, false},
		} {
			if got, ok, err := j.OfferOf(ctx, *id(pay)); err != nil || !ok || got != want {
				t.Errorf("offer %d: %+v, %v, %v", pay, got, ok, err)
			}
		}
		if _, ok, err := j.OfferOf(ctx, *id(999)); ok || err != nil {
			t.Errorf("an offer that nobody made: %v, %v", ok, err)
		}
		for sale, want := range map[int]SaleState{80: SalePaid, 81: SaleCancelled, 82: SaleOpen, 83: SaleOpen} {
			if s, ok, err := j.SaleByID(ctx, *id(sale)); err != nil || !ok || s.State != want {
				t.Errorf("sale %d: %+v, %v", sale, s, err)
			}
		}
		p, ok, err := j.PaymentByID(ctx, *id(800))
		if err != nil || !ok || !p.Carried || p.Ref != "" || p.Amount != yen(100) || p.Wallet != "house" || p.Voided {
			t.Errorf("%+v, %v, %v", p, ok, err)
		}
		verifyCopy(t, j)
		sameRebuilt(t, j)
		reopen(t, &j)
	}
}

func TestCarriedRefused(t *testing.T) {
	j := newJournal(t)
	carryIn(t, j)
	sell(t, j, 1, 1) // payment 30 of sale 1
	mustAppend(t, j, opened(84, 100))
	training := offeredDraft(84, 840, 100, 5)
	training.Training = true
	bare := carriedDraft(t, 83, 830, 30)
	bare.Evidence, bare.SealTo = nil, nil
	none := func(d Draft) Draft { d.Payment = nil; return d }
	for _, tt := range []struct {
		name string
		d    Draft
		want error
	}{
		{"carried twice", carriedDraft(t, 80, 800, 100), ErrPaymentExists},
		{"carried for another sale", carriedDraft(t, 84, 830, 30), ErrPaymentExists},
		{"another amount than was offered", carriedDraft(t, 83, 830, 29), ErrPaymentExists},
		{"carried and never offered", carriedDraft(t, 84, 840, 100), ErrPaymentExists},
		{"carried for a cancelled sale", carriedDraft(t, 81, 810, 100), ErrSaleState},
		{"offered under another sale's payment", offeredDraft(84, 830, 100, 5), ErrPaymentExists},
		{"offered under a payment that is made", offeredDraft(84, 800, 100, 5), ErrPaymentExists},
		{"offered for a part", offeredDraft(84, 840, 99, 5), ErrSaleState},
		{"offered of a sale that is over", offeredDraft(81, 811, 100, 5), ErrSaleState},
		{"offered of a sale that is paid", offeredDraft(80, 801, 100, 5), ErrSaleState},
		{"offered in training", training, ErrSaleState},
		{"a code under its name", func() Draft { d := approved(t, 84, 100, 1, 900); d.Payment = id(800); return d }(), ErrPaymentExists},
		{"an attempt under its name", asked(84, 800, 1, 100), ErrPaymentExists},
	} {
		if _, err := j.Append(ctx, tt.d); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	for name, d := range map[string]Draft{"no evidence": bare, "no payment": none(offeredDraft(84, 840, 100, 5)), "until nothing": offeredDraft(84, 840, 100, 0)} {
		if _, err := j.Append(ctx, d); payment.CodeOf(err) != payment.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	verifyCopy(t, j)
}

// TestCarriedReleaseBefore: a release that knows nothing of it takes this one's journal for sound.
func TestCarriedReleaseBefore(t *testing.T) {
	j := newJournal(t)
	carryIn(t, j)
	sell(t, j, 1, 2)
	for from := int64(1); from <= j.head.pos; from++ {
		again, err := newRebuild(ctx, carriedSchema-1, mustState(t, j).Epochs, j.head.pos, cuts{})
		if err != nil {
			t.Fatal(err)
		}
		list := rows(ctx, j.store.query, Filter{after: from - 1})
		if _, err := again.verified(ctx, list, Trust{Keys: []wire.PublicKey{newSigner(t, 1).Public()}, Loose: true}); err != nil {
			t.Fatal(err)
		}
		c := comparison{r: again, stored: j.store.conn}
		if err := errors.Join(c.run(ctx), c.err(), again.close()); err != nil {
			t.Fatalf("from %d: %v", from, err)
		}
	}
	found, err := readSchema(ctx, j.store.query)
	if err != nil {
		t.Fatal(err)
	}
	was, err := schemaOf(ctx, carriedSchema-1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := found.differences(was.schema, true); len(diff) > 0 {
		t.Errorf("it takes the schema for tampered with: %+v", diff)
	}
}

// From wherever this release goes through its open entries again, it finds what it has.
func TestCarriedRebuiltFromAnywhere(t *testing.T) {
	j := newJournal(t)
	carryIn(t, j)
	for from := int64(1); from <= j.head.pos; from++ {
		again, err := newRebuild(ctx, schemaVersion, mustState(t, j).Epochs, j.head.pos, cuts{})
		if err != nil {
			t.Fatal(err)
		}
		list := rows(ctx, j.store.query, Filter{after: from - 1})
		if _, err := again.verified(ctx, list, Trust{Keys: []wire.PublicKey{newSigner(t, 1).Public()}, Loose: true}); err != nil {
			t.Fatal(err)
		}
		c := comparison{r: again, stored: j.store.conn}
		if err := errors.Join(c.run(ctx), c.err(), again.close()); err != nil {
			t.Fatalf("from %d: %v", from, err)
		}
	}
}

// TestCatchUpCarried: a journal that the release before made of the same entries is brought to where this one's is.
func TestCatchUpCarried(t *testing.T) {
	j := newJournal(t)
	carryIn(t, j)
	sell(t, j, 1, 2)
	want := dump(t, j.store.readers)
	for _, text := range []string{
		`DELETE FROM carried`, `DELETE FROM carried_total`, `DELETE FROM offer`, `UPDATE sale SET carried = 0`, `UPDATE projection SET pos = 0 WHERE name = 'carried'`,
	} {
		mustExec(t, j.store.conn, text)
	}
	reopen(t, &j)
	if got := dump(t, j.store.readers); got != want {
		t.Errorf("caught up:\n%s\nwant:\n%s", got, want)
	}
	verifyCopy(t, j)
}
