package authorisetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/authorise"
	"tilld/sync/operator"
)

// noon is when the suite's attempts are made. Stores keep times to the millisecond.
var noon = time.Date(2026, 11, 23, 3, 0, 0, 123e6, time.UTC)

// Attempt is one with every field set: the nth of a payment.
func Attempt(payment payment.ID, n int) authorise.Attempt {
	ref, err := operator.NewRef(payment, n)
	if err != nil {
		panic(err) // a test's own mistake
	}
	yen := yen(1200)
	return authorise.Attempt{
		Ref: ref, Payment: payment, Sale: ID(91), Terminal: ID(92), Store: "S001", Lane: "L1", Wallet: "paypay",
		Shop: operator.Shop{Merchant: "M-1", Store: "1001", Terminal: "01"}, Amount: yen, Reference: "R-77", Made: noon,
		State: authorise.Asked, Call: authorise.Query, Due: noon.Add(35 * time.Second), Tries: 3,
		Trouble: authorise.Overdue, NoUndo: true, Checked: true, Claim: authorise.Perhaps,
		Why: operator.NoFunds, Transaction: "04123", At: noon.Add(time.Second), Said: "SUCCESS",
	}
}

func yen(n int64) payment.Money { return payment.Money{Minor: n, Currency: "JPY"} }

// ID is an identifier made of a number.
func ID(n byte) (id payment.ID) {
	id[0], id[15] = 1, n
	return id
}

// TestStore is the suite: open returns a new and empty store.
func TestStore(t *testing.T, open func(t *testing.T) authorise.Store) {
	for name, test := range map[string]func(*testing.T, authorise.Store){
		"keeps every field": keepsAll, "one of a reference": oneOfRef, "one open of a payment": oneOpen, "save is by version": byVersion,
		"what is due": whatIsDue, "begun by many": begunByMany,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func begin(t *testing.T, s authorise.Store, a authorise.Attempt) authorise.Attempt {
	t.Helper()
	if err := s.Begin(t.Context(), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func get(t *testing.T, s authorise.Store, ref operator.Ref) authorise.Attempt {
	t.Helper()
	a, err := s.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func want(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%v, want %v", err, want)
	}
}

func keepsAll(t *testing.T, s authorise.Store) {
	full := begin(t, s, Attempt(ID(1), 0))
	if got := get(t, s, full.Ref); got != full {
		t.Errorf("kept\n%+v of\n%+v", got, full)
	}
	bare := begin(t, s, authorise.Attempt{Ref: "X", Payment: ID(2), Amount: yen(1), Made: noon, State: authorise.Declined})
	if got := get(t, s, "X"); got != bare || !got.Due.IsZero() || !got.At.IsZero() {
		t.Errorf("kept\n%+v of\n%+v", got, bare)
	}
	full.State, full.Call, full.Due, full.Tries, full.Trouble = authorise.Paid, authorise.Silence, noon.Add(time.Hour), 0, authorise.NoTrouble
	full.NoUndo, full.Checked, full.Claim, full.Why, full.Transaction, full.At, full.Said = false, false, authorise.Claimed, operator.NoReason, "5", time.Time{}, "é"
	if err := s.Save(t.Context(), &full); err != nil {
		t.Fatal(err)
	}
	if got := get(t, s, full.Ref); got != full {
		t.Errorf("kept\n%+v of\n%+v", got, full)
	}
	_, err := s.Get(t.Context(), "nobody")
	want(t, err, authorise.ErrNone)
	nobody := Attempt(ID(3), 0)
	want(t, s.Save(t.Context(), &nobody), authorise.ErrNone)
}

func oneOfRef(t *testing.T, s authorise.Store) {
	a := begin(t, s, Attempt(ID(1), 0))
	again := a
	again.Amount, again.Payment = yen(5), ID(7)
	want(t, s.Begin(t.Context(), &again), authorise.ErrExists)
	if got := get(t, s, a.Ref); got != a {
		t.Errorf("the first is %+v now", got)
	}
}

func oneOpen(t *testing.T, s authorise.Store) {
	first := begin(t, s, Attempt(ID(1), 0))
	other := begin(t, s, Attempt(ID(2), 0)) // another payment's is in nobody's way
	for _, st := range []authorise.State{authorise.Asked, authorise.Confirming, authorise.Doubtful, authorise.Paid, authorise.Completed,
		authorise.Reversing, authorise.Manual} {
		first.State = st
		if err := s.Save(t.Context(), &first); err != nil {
			t.Fatal(err)
		}
		second := Attempt(ID(1), 1)
		want(t, s.Begin(t.Context(), &second), authorise.ErrOpen)
		tomb := Attempt(ID(1), 10+int(st))
		tomb.State = authorise.Closed // one that will never be asked is in nobody's way either
		begin(t, s, tomb)
	}
	for i, st := range []authorise.State{authorise.Declined, authorise.Closed} {
		first.State = st
		if err := s.Save(t.Context(), &first); err != nil {
			t.Fatal(err)
		}
		next := begin(t, s, Attempt(ID(1), 30+i))
		next.State = authorise.Declined
		if err := s.Save(t.Context(), &next); err != nil {
			t.Fatal(err)
		}
	}
	if got := get(t, s, other.Ref); got != other {
		t.Errorf("the other payment's is %+v now", got)
	}
}

func byVersion(t *testing.T, s authorise.Store) {
	a := begin(t, s, Attempt(ID(1), 0))
	mine, yours := a, a
	mine.Said, yours.Said = "mine", "yours"
	if err := s.Save(t.Context(), &mine); err != nil {
		t.Fatal(err)
	}
	want(t, s.Save(t.Context(), &yours), authorise.ErrMoved)
	if got := get(t, s, a.Ref); got.Said != "mine" || got != mine {
		t.Errorf("kept %+v", got)
	}
	mine.Said = "mine again"
	if err := s.Save(t.Context(), &mine); err != nil {
		t.Errorf("a second time: %v", err)
	}
}

func whatIsDue(t *testing.T, s authorise.Store) {
	for i := range 6 {
		a := Attempt(ID(byte(i)+1), 0)
		a.Due = noon.Add(time.Duration(6-i) * time.Minute)
		if i == 5 {
			a.Due = time.Time{}
		}
		if i%2 == 1 {
			a.Wallet = "linepay"
		}
		begin(t, s, a)
	}
	for _, tt := range []struct {
		minutes, most int
		but           []string
		want          string
	}{
		{10, 10, nil, "5 4 3 2 1"}, {10, 2, nil, "5 4"}, {3, 10, nil, "5 4"}, {1, 10, nil, ""},
		{10, 10, []string{"paypay"}, "4 2"}, {10, 10, []string{"paypay", "linepay", "x"}, ""}, {10, 10, []string{"x"}, "5 4 3 2 1"},
	} {
		due, err := s.Due(t.Context(), noon.Add(time.Duration(tt.minutes)*time.Minute), tt.most, tt.but)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, a := range due {
			got += fmt.Sprintf(" %d", a.Payment[15])
		}
		if got != "" {
			got = got[1:]
		}
		if got != tt.want {
			t.Errorf("until %d min, %d at most, but %v: %q, want %q", tt.minutes, tt.most, tt.but, got, tt.want)
		}
	}
}

// begunByMany: of attempts of one payment that begin at once one does.
func begunByMany(t *testing.T, s authorise.Store) {
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			a := Attempt(ID(1), i)
			errs[i] = s.Begin(t.Context(), &a)
		})
	}
	all.Wait()
	begun := 0
	for _, err := range errs {
		switch {
		case err == nil:
			begun++
		case !errors.Is(err, authorise.ErrOpen):
			t.Error(err)
		}
	}
	if begun != 1 {
		t.Errorf("%d have begun", begun)
	}
}
