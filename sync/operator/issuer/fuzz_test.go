package issuer

import (
	"testing"

	"tilld/sync/operator"
)

// FuzzAnswers: whatever an issuer, or something in its place, answers, HQ takes only identifiers of their lengths, and an
// answer that says nothing lets nobody off.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		`{"spending_stopped":false,"accounts":[],"phones":[]}`, `{"spending_stopped":true,"accounts":["000102030405060708090a0b0c0d0e0f"],"phones":["0001020304050607"]}`,
		`{}`, `{"error":"conflict"}`, `{"spending_stopped":null}`, `[]`, ``, `{"accounts":["zz"],"spending_stopped":false}`,
		`{"payment":"","earmark":1,"free":2,"lost":3,"again":true}`,
	} {
		f.Add(200, []byte(s))
		f.Add(422, []byte(s))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		var a wordAnswer
		if err := read(operator.Reply{Status: status, Body: body}, &a); err != nil {
			return
		}
		if status != 200 {
			t.Fatalf("status %d is an answer", status)
		}
		w, err := a.word()
		if err != nil {
			if len(w.Accounts)+len(w.Phones) != 0 || w.Spending {
				t.Fatal("an error with a word")
			}
			return
		}
		if a.Spending == nil || len(w.Accounts) != len(a.Accounts) || len(w.Phones) != len(a.Phones) {
			t.Fatalf("%+v of %+v", w, a)
		}
		for _, id := range w.Accounts {
			if len(id) != accountSize {
				t.Fatalf("an account of %d bytes", len(id))
			}
		}
		for _, id := range w.Phones {
			if len(id) != phoneSize {
				t.Fatalf("a phone of %d bytes", len(id))
			}
		}
	})
}
