package acquirer

import (
	"testing"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

// FuzzAnswer: no bytes make an answer that breaks its promises, or that pays two charges.
func FuzzAnswer(f *testing.F) {
	for _, state := range []string{"paid", "confirming", "declined", "reversed", "refunded", "else"} {
		f.Add(200, []byte(`{"reference":"R1","transaction":"7","amount":100,"currency":"JPY","state":"`+state+`","reason":"no_funds","at":"2026-11-23T01:02:03Z","refund":{"reference":"F1","amount":100}}`))
	}
	for _, code := range []string{"not_found", "too_late", "not_paid", "over_rest", "conflict"} {
		f.Add(409, []byte(`{"error":"`+code+`"}`))
	}
	f.Add(401, []byte(`{"error":"unauthorized"}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		a, none := read(operator.Reply{Status: status, Body: body})
		yen := payment.Of(100, "JPY")
		var answers []operator.Answer
		if none != nil {
			answers = append(answers, *none)
		} else {
			ours := a.state("R1", yen)
			answers = append(answers, ours, a.refunded(&operator.Refund{Ref: "F1", Amount: yen, Of: operator.Find{Ref: "R1", Amount: yen}}))
			if ours.Outcome == operator.Paid && (a.state("R2", yen).Outcome == operator.Paid || a.state("R1", payment.Of(101, "JPY")).Outcome == operator.Paid) {
				t.Errorf("pays two charges: %q", body)
			}
		}
		for _, a := range answers {
			if (a.Outcome == operator.Unknown) != (a.Err != nil) || a.Outcome != operator.Declined && a.Why != operator.NoReason {
				t.Errorf("%s, %q, %v", a.Outcome, a.Why, a.Err)
			}
			if status != 200 && (a.Outcome == operator.Paid || a.Outcome == operator.Reversed || a.Outcome == operator.Refunded) {
				t.Errorf("%s with status %d", a.Outcome, status)
			}
		}
	})
}
