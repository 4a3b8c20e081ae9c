package journal

import (
	"context"
	"errors"
	"testing"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// sellOnline leaves sales in every state that an online payment can bring, and returns the authorisations: 70 is paid,
// 71 was declined and then paid in training, 72 reversed, 73 is asked for, 74 paid and void.
func sellOnline(t testing.TB, j *Journal) []Record {
	t.Helper()
	train := func(d Draft) Draft { d.Training = true; return d }
	mustAppend(t, j, opened(70, 100), asked(70, 700, 1, 100))
	r := mustAppend(t, j, authorised(70, 700, 1, 100))
	mustAppend(t, j, train(opened(71, 100)), train(asked(71, 710, 1, 100)), train(declined(71, 710, 1, 100)), train(asked(71, 710, 2, 100)),
		train(authorised(71, 710, 2, 100)))
	mustAppend(t, j, opened(72, 100), asked(72, 720, 1, 100), reversed(72, 720, 1, 100))
	mustAppend(t, j, opened(73, 100), asked(73, 730, 1, 60))
	r = append(r, mustAppend(t, j, opened(74, 100), asked(74, 740, 1, 100), authorised(74, 740, 1, 100))[2])
	mustAppend(t, j, voided(r[1]))
	return r
}

func TestAttemptRefused(t *testing.T) {
	training := func(d Draft) Draft { d.Training = true; return d }
	other := func(d Draft, sale, pay int) Draft { d.Sale, d.Payment = id(sale), id(pay); return d }
	change := func(d Draft, do func(*payment.Authorised)) Draft { do(d.Fact.(*payment.Authorised)); return d }
	dollars := asked(73, 731, 1, 10)
	dollars.Fact.(*payment.Asked).Amount.Currency = "USD"
	foreign := func(f *payment.Authorised) { f.Amount.Currency = "USD" }
	tests := []struct {
		name string
		d    Draft
		want error
	}{
		{"an offline payment under the name of an online one", other(approved(t, 72, 1, 1, 600), 72, 700), ErrPaymentExists},
		{"of no sale", asked(99, 990, 1, 100), ErrSaleState},
		{"of a sale that is over", asked(75, 750, 1, 100), ErrSaleState},
		{"of a sale that is completed", asked(70, 701, 1, 1), ErrSaleState},
		{"of more than is due", asked(72, 721, 1, 101), ErrSaleState},
		{"of more than another attempt leaves", asked(73, 731, 1, 41), ErrSaleState},
		{"in another currency", dollars, ErrSaleState},
		{"in training of a real sale", training(asked(72, 721, 1, 100)), ErrSaleState},
		{"a reference again", asked(72, 720, 1, 100), ErrAttemptExists},
		{"a reference of another payment", other(asked(72, 720, 1, 100), 72, 721), ErrAttemptExists},
		{"beside another of the payment", asked(73, 730, 2, 10), ErrAttemptOpen},
		{"of a payment that is made", asked(74, 740, 2, 100), ErrPaymentExists},
		{"authorised and never asked", authorised(72, 722, 1, 100), ErrAttemptState},
		{"authorised twice", authorised(74, 740, 1, 100), ErrAttemptState},
		{"authorised when reversed", authorised(72, 720, 1, 100), ErrAttemptState},
		{"declined when authorised", declined(74, 740, 1, 100), ErrAttemptState},
		{"reversed when authorised", reversed(74, 740, 1, 100), ErrAttemptState},
		{"authorised with another amount", authorised(73, 730, 1, 59), ErrAttemptState},
		{"authorised in another currency", change(authorised(73, 730, 1, 60), foreign), ErrAttemptState},
		{"authorised by another wallet", change(authorised(73, 730, 1, 60), func(f *payment.Authorised) { f.Wallet = "linepay" }), ErrAttemptState},
		{"authorised for another payment", other(authorised(73, 730, 1, 60), 73, 731), ErrAttemptState},
		{"authorised for another sale", other(authorised(73, 730, 1, 60), 72, 730), ErrAttemptState},
		{"authorised in training", training(authorised(73, 730, 1, 60)), ErrAttemptState},
		{"declined with another amount", declined(73, 730, 1, 61), ErrAttemptState},
		{"a sale cancelled while it is asked for", saleFact(&payment.SaleCancelled{}, 73), ErrSaleState},
		{"a sale completed while it is asked for", saleFact(&payment.SaleCompleted{}, 73), ErrSaleState},
		{"a sale cancelled that is paid online", saleFact(&payment.SaleCancelled{}, 70), ErrSaleState},
		{"an offline payment of what is asked for", other(approved(t, 73, 41, 1, 500), 73, 735), ErrSaleState},
		{"an offline payment of what is paid", other(approved(t, 70, 1, 1, 500), 70, 705), ErrSaleState},
	}
	j := newJournal(t)
	sellOnline(t, j)
	mustAppend(t, j, opened(75, 100), saleFact(&payment.SaleCancelled{}, 75), saleFact(&payment.SaleCompleted{}, 70))
	before := mustState(t, j).Current.Last
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := j.Append(ctx, tt.d); !errors.Is(err, tt.want) || payment.CodeOf(err) != payment.Conflict {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
	if last := mustState(t, j).Current.Last; last != before {
		t.Errorf("%d entries were written", last-before)
	}
	mustAppend(t, j, other(approved(t, 73, 40, 1, 500), 73, 735), authorised(73, 730, 1, 60)) // what is asked for has its room
	if s, _, err := j.SaleByID(ctx, *id(73)); err != nil || s.State != SalePaid || s.Paid != yen(100) {
		t.Errorf("sale %+v, %v", s, err)
	}
	verifyCopy(t, j)
}

func TestAttemptInvalid(t *testing.T) {
	with := func(d Draft, do func(*Draft)) Draft { do(&d); return d }
	tests := []struct {
		name string
		d    Draft
	}{
		{"no reference", attempted(&payment.Declined{Amount: yen(1), Wallet: "paypay"}, 1, 10)},
		{"a reference too long", attempted(&payment.Declined{Amount: yen(1), Wallet: "paypay", Ref: "012345678901234567890123456789012"}, 1, 10)},
		{"no wallet", attempted(&payment.Reversed{Amount: yen(1), Ref: "A"}, 1, 10)},
		{"no amount", attempted(&payment.Authorised{Amount: yen(0), Wallet: "paypay", Ref: "A"}, 1, 10)},
		{"no end", attempted(&payment.Asked{Amount: yen(1), Wallet: "paypay", Ref: "A"}, 1, 10)},
		{"no payment", with(asked(1, 10, 1, 1), func(d *Draft) { d.Payment = nil })},
		{"no sale", with(asked(1, 10, 1, 1), func(d *Draft) { d.Sale = nil })},
		{"the customer's code", with(asked(1, 10, 1, 1), func(d *Draft) { d.Evidence, d.SealTo = []byte("28123"), newConfidant(t).Public() })},
	}
	j := newJournal(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := j.Append(ctx, opened(1, 100), tt.d); payment.CodeOf(err) != payment.Invalid {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAttemptsRead(t *testing.T) {
	j := newJournal(t)
	named := opened(69, 50)
	named.Fact.(*payment.SaleOpened).Reference = "R-69"
	mustAppend(t, j, named, asked(69, 690, 1, 50))
	r := sellOnline(t, j)
	if _, err := j.NewEpoch(ctx, payment.CauseFork); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, j, opened(60, 10), asked(60, 600, 1, 10))
	open, err := j.OpenAttempts(ctx)
	if err != nil || len(open) != 3 || open[0].Ref != refOf(690, 1) || open[1].Ref != refOf(730, 1) || open[2].Ref != refOf(600, 1) {
		t.Fatalf("%+v, %v", open, err)
	}
	want := Attempt{
		Ref: refOf(690, 1), Payment: *id(690), Sale: *id(69), Reference: "R-69", Epoch: open[0].Epoch, Seq: 3, Date: today, Wall: noon.UnixMilli(),
		Wallet: "paypay", Amount: yen(50), NotAfter: 1_795_000_030_000, State: AttemptAsked,
	}
	if open[0] != want {
		t.Errorf("%+v, want %+v", open[0], want)
	}
	of, err := j.AttemptsOf(ctx, *id(71))
	if err != nil || len(of) != 2 || of[0].State != AttemptDeclined || of[1].State != AttemptAuthorised || !of[0].Training {
		t.Errorf("%+v, %v", of, err)
	}
	if a, ok, err := j.Attempt(ctx, refOf(720, 1)); err != nil || !ok || a.State != AttemptReversed {
		t.Errorf("%+v, %v, %v", a, ok, err)
	}
	if _, ok, err := j.Attempt(ctx, "nobody"); ok || err != nil {
		t.Errorf("found %v, %v", ok, err)
	}
	if p, ok, err := j.PaymentByID(ctx, *r[0].Entry.Payment); err != nil || !ok || p.Ref != refOf(700, 1) || p.Voided || p.Wallet != "paypay" {
		t.Errorf("%+v, %v, %v", p, ok, err)
	}
	if p, _, err := j.PaymentByID(ctx, *r[1].Entry.Payment); err != nil || !p.Voided || p.Ref != refOf(740, 1) {
		t.Errorf("%+v, %v", p, err)
	}
	if sum, n := exposure(t, j); sum != 0 || n != 0 {
		t.Errorf("exposure %d of %d", sum, n)
	}
	verifyCopy(t, j)
}

// TestParkedOverMidnight: the payment is of the day on which HQ said so, and so is its void.
func TestParkedOverMidnight(t *testing.T) {
	j := newJournal(t)
	mustAppend(t, j, opened(1, 100), asked(1, 10, 1, 100))
	r := mustAppend(t, j, on(authorised(1, 10, 1, 100), today.Next()))
	for date, want := range map[payment.Date]int64{today: 0, today.Next(): 100} {
		list, err := j.Payments(ctx, date)
		d, dayErr := j.Day(ctx, date)
		if err != nil || dayErr != nil || (want > 0) != (len(list) == 1) || (want > 0 && d.Totals[0].Sum != want) || (want == 0 && len(d.Totals) > 0) {
			t.Errorf("%s: %+v, %+v, %v, %v", date, list, d, err, dayErr)
		}
	}
	if _, err := j.Append(ctx, on(voided(r[0]), today)); !errors.Is(err, ErrNotVoidable) {
		t.Errorf("void of another day: %v", err)
	}
	mustAppend(t, j, voided(r[0]), asked(1, 11, 1, 100)) // it can be paid anew
	verifyCopy(t, j)
}

// TestPruneAttempts: what is over goes with its entries; what nobody knows stays with its sale, and can still be ended.
func TestPruneAttempts(t *testing.T) {
	j := newSecond(t)
	sellOnline(t, j)
	later := sell(t, j, 100, 1)
	if _, err := j.NewEpoch(ctx, payment.CauseFork); err != nil {
		t.Fatal(err)
	}
	mustAck(t, j, ackFor(later[0], 1))
	if p, err := j.Prune(ctx, Retention{Entries: today.Next()}); err != nil || p.Entries == 0 {
		t.Fatalf("%+v, %v", p, err)
	}
	for _, n := range []int{70, 71, 72, 73, 74} {
		list, err := j.AttemptsOf(ctx, *id(n))
		_, ok, saleErr := j.SaleByID(ctx, *id(n))
		if err != nil || saleErr != nil || (n == 73) != (len(list) == 1) || ok != (n == 73) {
			t.Errorf("sale %d: %+v, %v, %v, %v", n, list, ok, err, saleErr)
		}
	}
	reopen(t, &j)
	rest := approved(t, 73, 40, 1, 900)
	rest.Payment = id(735)
	mustAppend(t, j, authorised(73, 730, 1, 60), rest, saleFact(&payment.SaleCompleted{}, 73))
	reopen(t, &j)
	sameSecond(t, j)
	verifyCopy(t, j)
}

// TestTamperedAttempts: who has the file and no key makes no payment, and takes none away.
func TestTamperedAttempts(t *testing.T) {
	j := newJournal(t)
	sellOnline(t, j)
	mustAppend(t, j, saleFact(&payment.SaleCompleted{}, 70))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, text, table string
		opens             bool // the lane can't tell in a time that does not grow
	}{
		{"an attempt forgotten", `DELETE FROM attempt WHERE state = 'asked'`, "attempt", false},
		{"an attempt given up", `UPDATE attempt SET state = 'reversed', ended = 9 WHERE state = 'asked'`, "attempt", false},
		{"an attempt revived", `UPDATE attempt SET state = 'asked', ended = NULL WHERE state = 'reversed'`, "attempt", false},
		{"an attempt of more", `UPDATE attempt SET amount = 99 WHERE state = 'asked'`, "attempt", false},
		{"an attempt nobody made", `INSERT INTO attempt SELECT ref || 'x', zeroblob(16), sale, epoch, seq + 100, business_date, wall, wallet, currency, amount, training, not_after, state, ended FROM attempt LIMIT 1`, "attempt", true},
		{"a charge gone", `DELETE FROM charge WHERE training = 0`, "charge", false},
		{"a charge revived", `UPDATE charge SET voided = NULL`, "charge", false},
		{"a day that took less online", `UPDATE charge_total SET void_count = 0`, "charge_total", false},
		{"a charge of another attempt", `UPDATE charge SET ref = ref || 'x'`, "charge", false},
		{"a charge nobody made", `INSERT INTO charge SELECT zeroblob(16), sale, epoch, seq + 100, business_date, wall, wallet, currency, amount, training, ref || 'x', NULL FROM charge LIMIT 1`, "charge", true},
		{"a sale paid online", `UPDATE sale SET online = due WHERE online = 0 AND cancelled IS NULL`, "sale", false},
		{"a sale unpaid online", `UPDATE sale SET online = 0`, "sale", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := tamper(t, j.cfg.database(), tt.text)
			_, err := verifyFile(t, path, newSigner(t, 1).Public())
			if e, ok := errors.AsType[*DifferError](err); !ok || e.List[0].Table != tt.table {
				t.Errorf("%v, want a difference in %s", err, tt.table)
			}
			opensNot(t, j.cfg, path, tt.opens)
		})
	}
	if _, err := verifyFile(t, tamper(t, j.cfg.database(), `SELECT 1`), newSigner(t, 1).Public()); err != nil {
		t.Errorf("untouched: %v", err)
	}
}

// before writes drafts as the release before did, which knows no attempts. It marks what it has projected.
func before(t testing.TB, j *Journal, drafts ...Draft) error {
	t.Helper()
	list, after, err := j.prepare(drafts, j.head, j.signer)
	if err != nil {
		t.Fatal(err)
	}
	err = j.write(ctx, func(_ context.Context, s *store) error {
		p := projector{store: s, version: onlineSchema - 1}
		for i := range list {
			if err := s.insertRow(ctx, &list[i].Record); err != nil {
				return err
			}
			if err := p.apply(ctx, &list[i]); err != nil {
				return err
			}
		}
		_, err := s.exec(ctx, `UPDATE projection SET pos = ? WHERE name = 'base'`, after.pos)
		return err
	})
	if err == nil {
		j.setHead(after)
	}
	return err
}

// TestReleaseBefore: a release that knows no attempts takes this one's journal for sound, sells on, and can't have a
// sale paid again, or cancelled, that was paid online. What it wrote is caught up.
func TestReleaseBefore(t *testing.T) {
	j := newJournal(t)
	r := sellOnline(t, j)
	sell(t, j, 1, 2)
	for from := int64(1); from <= j.head.pos; from++ { // what that release computes of the open entries
		again, err := newRebuild(ctx, onlineSchema-1, mustState(t, j).Epochs, j.head.pos, cuts{})
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
	was, err := schemaOf(ctx, onlineSchema-1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := found.differences(was.schema, true); len(diff) > 0 {
		t.Errorf("it takes the schema for tampered with: %+v", diff)
	}
	for name, d := range map[string]Draft{
		"a void of an online payment": voided(r[0]), "a second payment": approved(t, 70, 100, 1, 300), "a cancellation": saleFact(&payment.SaleCancelled{}, 70),
	} {
		if err := before(t, j, d); err == nil || stops(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := before(t, j, opened(200, 100), approved(t, 200, 100, 1, 400), saleFact(&payment.SaleCancelled{}, 73)); err != nil {
		t.Fatal(err)
	}
	reopen(t, &j)
	if open, err := j.OpenAttempts(ctx); err != nil || len(open) != 1 || open[0].Sale != *id(73) {
		t.Errorf("%+v, %v", open, err)
	}
	mustAppend(t, j, reversed(73, 730, 1, 60))
	verifyCopy(t, j)
	sameRebuilt(t, j)
}

// TestCatchUpAttempts: a journal that the release before made of the same entries, from the second medium say, is
// brought to where this one's is.
func TestCatchUpAttempts(t *testing.T) {
	j := newJournal(t)
	sellOnline(t, j)
	sell(t, j, 1, 2)
	want := dump(t, j.store.readers)
	for _, text := range []string{
		`DELETE FROM charge`, `DELETE FROM charge_total`, `DELETE FROM attempt`, `UPDATE sale SET online = 0`, `UPDATE projection SET pos = 0 WHERE name = 'online'`,
	} {
		mustExec(t, j.store.conn, text)
	}
	reopen(t, &j)
	if got := dump(t, j.store.readers); got != want {
		t.Errorf("caught up:\n%s\nwant:\n%s", got, want)
	}
	verifyCopy(t, j)
}
