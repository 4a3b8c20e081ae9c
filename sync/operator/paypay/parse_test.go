package paypay

import (
	"errors"
	"testing"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

const completed = `{"resultInfo":{"code":"SUCCESS","message":"Success","codeId":"08100001"},"data":{"paymentId":"1609155081","status":"COMPLETED",
"acceptedAt":1609155081,"merchantPaymentId":"R1","userAuthorizationId":"x","amount":{"amount":1,"currency":"JPY"},"requestedAt":1609155080}}`

func TestPaid(t *testing.T) {
	for _, row := range []struct {
		name   string
		status int
		body   string
		want   operator.Outcome
		why    operator.Why
		err    error
	}{
		{"the sample of the SDK's tests", 200, completed, operator.Paid, 0, nil},
		{"a success with an error's status", 500, completed, operator.Unknown, 0, operator.ErrStatus},
		{"accepted, to be asked about", 202, `{"resultInfo":{"code":"REQUEST_ACCEPTED"},"data":null}`, operator.Unknown, 0, operator.ErrStatus},
		{"success of nothing", 200, `{"resultInfo":{"code":"SUCCESS"},"data":null}`, operator.Unknown, 0, operator.ErrGarbled},
		{"a failure that is a 500", 500, `{"resultInfo":{"code":"TRANSACTION_FAILED"},"data":null}`, operator.Unknown, 0, operator.ErrStatus},
		{"a decline with a good status", 200, `{"resultInfo":{"code":"NO_SUFFICIENT_FUND"}}`, operator.Unknown, 0, operator.ErrStatus},
		{"over a limit", 400, `{"resultInfo":{"code":"LIMIT_EXCEEDED"}}`, operator.Declined, operator.OverLimit, nil},
		{"too many requests", 429, `{"resultInfo":{"code":"RATE_LIMIT"}}`, operator.Unknown, 0, operator.ErrStatus},
		{"two answers in one", 200, completed + completed, operator.Unknown, 0, operator.ErrGarbled},
		{"an amount that is no integer", 200, `{"resultInfo":{"code":"SUCCESS"},"data":{"amount":{"amount":1.5}}}`, operator.Unknown, 0, operator.ErrGarbled},
		{"nothing", 200, ``, operator.Unknown, 0, operator.ErrGarbled},
	} {
		a := paid(operator.Reply{Status: row.status, Body: []byte(row.body)}, "R1", payment.Of(1, "JPY"))
		if a.Outcome != row.want || a.Why != row.why || !errors.Is(a.Err, row.err) {
			t.Errorf("%s: %s, %q, %v", row.name, a.Outcome, a.Why, a.Err)
		}
	}
}

// FuzzAnswer: no bytes make an answer that breaks its promises, or that pays two charges.
func FuzzAnswer(f *testing.F) {
	f.Add(200, []byte(completed))
	for _, code := range []string{"SUCCESS", "REQUEST_ACCEPTED", "ORDER_NOT_REVERSIBLE", "RESOURCE_NOT_FOUND", "UNAUTHORIZED", "NO_SUFFICIENT_FUND"} {
		f.Add(400, []byte(`{"resultInfo":{"code":"`+code+`"},"data":null}`))
	}
	f.Add(200, []byte(`{"resultInfo":{"code":"SUCCESS"},"data":{"status":"REFUNDED","merchantRefundId":"F1","paymentId":"7","amount":{"amount":1,"currency":"JPY"}}}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		r := operator.Reply{Status: status, Body: body}
		yen := payment.Of(1, "JPY")
		refund := &operator.Refund{Ref: "F1", Amount: yen, Of: operator.Find{Ref: "R1", Transaction: "7", Amount: yen}}
		for _, a := range []operator.Answer{paid(r, "R1", yen), found(r, "R1", yen), cancelled(r), refunded(r, refund)} {
			if (a.Outcome == operator.Unknown) != (a.Err != nil) || a.Outcome != operator.Declined && a.Why != operator.NoReason {
				t.Errorf("%s, %q, %v", a.Outcome, a.Why, a.Err)
			}
			if status >= 300 && (a.Outcome == operator.Paid || a.Outcome == operator.Reversed || a.Outcome == operator.Refunded) {
				t.Errorf("%s with status %d", a.Outcome, status)
			}
		}
		if paid(r, "R1", yen).Outcome == operator.Paid && (paid(r, "R2", yen).Outcome == operator.Paid || found(r, "R1", payment.Of(2, "JPY")).Outcome == operator.Paid) {
			t.Errorf("pays two charges: %q", body)
		}
	})
}
