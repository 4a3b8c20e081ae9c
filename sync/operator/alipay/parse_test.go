package alipay

import (
	"errors"
	"testing"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

const success = `{"result":{"resultCode":"SUCCESS","resultStatus":"S","resultMessage":"success"},"paymentRequestId":"R1","paymentId":"2019060811",
"paymentAmount":{"value":"100","currency":"JPY"},"paymentTime":"2019-11-27T12:01:01+08:00"}`

var yen = payment.Of(100, "JPY")

func parse(body string, status int, as func(*answer) operator.Answer) operator.Answer {
	a, none := read(operator.Reply{Status: status, Body: []byte(body)})
	if none != nil {
		return *none
	}
	return as(a)
}

func result(status, code string) string {
	return `{"result":{"resultCode":"` + code + `","resultStatus":"` + status + `"}}`
}

func TestPaid(t *testing.T) {
	for _, row := range []struct {
		name, body string
		want       operator.Outcome
		why        operator.Why
		err        error
	}{
		{"success", success, operator.Paid, 0, nil},
		{"success of nothing", result("S", "SUCCESS"), operator.Unknown, 0, operator.ErrMismatch},
		{"the customer is asked", result("U", "PAYMENT_IN_PROCESS"), operator.Confirming, 0, nil},
		{"unknown to them too", result("U", "UNKNOWN_EXCEPTION"), operator.Unknown, 0, operator.ErrStatus},
		{"no funds", result("F", "USER_BALANCE_NOT_ENOUGH"), operator.Declined, operator.NoFunds, nil},
		{"no funds, and not for good", result("U", "USER_BALANCE_NOT_ENOUGH"), operator.Unknown, 0, operator.ErrStatus},
		{"another request under the reference", result("F", "REPEAT_REQ_INCONSISTENT"), operator.Unknown, 0, operator.ErrStatus},
		{"a code not in the list", result("F", "SOMETHING_NEW"), operator.Unknown, 0, operator.ErrStatus},
		{"not taken for us", result("F", "SIGNATURE_INVALID"), operator.Unknown, 0, operator.ErrCredentials},
	} {
		a := parse(row.body, 200, func(a *answer) operator.Answer { return paid(a, "R1", yen) })
		if a.Outcome != row.want || a.Why != row.why || !errors.Is(a.Err, row.err) {
			t.Errorf("%s: %s, %q, %v", row.name, a.Outcome, a.Why, a.Err)
		}
	}
}

// FuzzAnswer: no bytes make an answer that breaks its promises, or that pays two charges.
func FuzzAnswer(f *testing.F) {
	f.Add(200, []byte(success))
	for _, code := range []string{"PAYMENT_IN_PROCESS", "ORDER_NOT_EXIST", "ORDER_STATUS_INVALID", "CANCEL_WINDOW_EXCEED", "REFUND_AMOUNT_EXCEED", "SIGNATURE_INVALID", "PROCESS_FAIL"} {
		f.Add(200, []byte(result("F", code)))
		f.Add(200, []byte(result("U", code)))
	}
	for _, status := range []string{"SUCCESS", "FAIL", "PROCESSING", "CANCELLED", "PENDING"} {
		f.Add(200, []byte(`{"result":{"resultCode":"SUCCESS","resultStatus":"S"},"paymentStatus":"`+status+`","paymentRequestId":"R1","paymentId":"7","paymentAmount":{"value":"100","currency":"JPY"},
"transactions":[{"transactionType":"REFUND","transactionStatus":"SUCCESS","transactionAmount":{"value":"100","currency":"JPY"}}]}`))
	}
	f.Add(200, []byte(`{"result":{"resultCode":"SUCCESS","resultStatus":"S"},"refundRequestId":"F1","paymentId":"7","refundAmount":{"value":"100","currency":"JPY"}}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		refund := &operator.Refund{Ref: "F1", Amount: yen, Of: operator.Find{Ref: "R1", Transaction: "7", Amount: yen}}
		as := func(ref operator.Ref, m payment.Money) []operator.Answer {
			var list []operator.Answer
			for _, f := range []func(*answer) operator.Answer{
				func(a *answer) operator.Answer { return paid(a, ref, m) },
				func(a *answer) operator.Answer { return found(a, ref, m) },
				func(a *answer) operator.Answer { return cancelled(a, ref) },
				func(a *answer) operator.Answer { return refunded(a, refund) },
			} {
				list = append(list, parse(string(body), status, f))
			}
			return list
		}
		ours, others, more := as("R1", yen), as("R2", yen), as("R1", payment.Of(101, "JPY"))
		for i, a := range ours {
			if (a.Outcome == operator.Unknown) != (a.Err != nil) || a.Outcome != operator.Declined && a.Why != operator.NoReason {
				t.Errorf("%s, %q, %v", a.Outcome, a.Why, a.Err)
			}
			if status != 200 && a.Outcome != operator.Unknown {
				t.Errorf("%s with status %d", a.Outcome, status)
			}
			if a.Outcome == operator.Paid && (others[i].Outcome == operator.Paid || more[i].Outcome == operator.Paid) {
				t.Errorf("pays two charges: %q", body)
			}
		}
	})
}
