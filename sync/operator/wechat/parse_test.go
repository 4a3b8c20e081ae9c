package wechat

import (
	"errors"
	"testing"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

const success = `{"id":"1217752501201407033233368018","out_trade_no":"R1","trade_state":"SUCCESS","success_time":"2018-06-08T10:34:56+08:00","amount":{"total":888,"currency":"HKD"}}`

var hkd = payment.Of(888, "HKD")

func TestPaid(t *testing.T) {
	for _, row := range []struct {
		name   string
		status int
		body   string
		want   operator.Outcome
		why    operator.Why
		err    error
	}{
		{"success", 200, success, operator.Paid, 0, nil},
		{"without an amount", 200, `{"id":"1","out_trade_no":"R1","trade_state":"SUCCESS"}`, operator.Unknown, 0, operator.ErrMismatch},
		{"not paid yet", 200, `{"out_trade_no":"R1","trade_state":"NOTPAY"}`, operator.Unknown, 0, operator.ErrStatus},
		{"asked, with an order", 202, `{"out_trade_no":"R1","trade_state":"USERPAYING"}`, operator.Confirming, 0, nil},
		{"asked, with a code", 202, `{"code":"USERPAYING","message":"-"}`, operator.Confirming, 0, nil},
		{"asked about another", 202, `{"out_trade_no":"R2","trade_state":"USERPAYING"}`, operator.Unknown, 0, operator.ErrGarbled},
		{"our own payment, perhaps", 403, `{"code":"OUT_TRADE_NO_USED"}`, operator.Unknown, 0, operator.ErrStatus},
		{"no funds", 403, `{"code":"NOTENOUGH"}`, operator.Declined, operator.NoFunds, nil},
		{"the bank's fault", 500, `{"code":"BANKERROR"}`, operator.Unknown, 0, operator.ErrStatus},
		{"no funds, with a server's fault", 500, `{"code":"NOTENOUGH"}`, operator.Unknown, 0, operator.ErrStatus},
		{"a refusal without a code", 403, `{}`, operator.Unknown, 0, operator.ErrGarbled},
	} {
		a := paid(operator.Reply{Status: row.status, Body: []byte(row.body)}, "R1", hkd)
		if a.Outcome != row.want || a.Why != row.why || !errors.Is(a.Err, row.err) {
			t.Errorf("%s: %s, %q, %v", row.name, a.Outcome, a.Why, a.Err)
		}
	}
}

// TestRefunded: accepted is not paid back.
func TestRefunded(t *testing.T) {
	want := &operator.Refund{Ref: "F1", Amount: hkd, Of: operator.Find{Ref: "R1", Amount: hkd}}
	for status, outcome := range map[string]operator.Outcome{"SUCCESS": operator.Refunded, "PROCESSING": operator.Unknown,
		"REFUNDCLOSE": operator.Declined, "CHANGE": operator.Unknown, "": operator.Unknown} {
		a := refunded(operator.Reply{Status: 200, Body: []byte(`{"id":"5","out_refund_no":"F1","status":"` + status + `","amount":{"refund":888,"currency":"HKD"}}`)}, want)
		if a.Outcome != outcome {
			t.Errorf("%q: %s, %v", status, a.Outcome, a.Err)
		}
	}
}

// FuzzAnswer: no bytes make an answer that breaks its promises, or that pays two charges.
func FuzzAnswer(f *testing.F) {
	f.Add(200, []byte(success))
	f.Add(204, []byte(nil))
	for _, code := range []string{"USERPAYING", "ORDERNOTEXIST", "REVERSE_EXPIRE", "TRADE_OVERDUE", "INVALID_REQUEST", "AUTHCODEEXPIRE", "SIGN_ERROR"} {
		f.Add(403, []byte(`{"code":"`+code+`","message":"-"}`))
	}
	for _, state := range []string{"USERPAYING", "NOTPAY", "PAYERROR", "REVOKED", "CLOSED", "REFUND"} {
		f.Add(200, []byte(`{"id":"1","out_trade_no":"R1","trade_state":"`+state+`","amount":{"total":888,"currency":"HKD"}}`))
	}
	f.Add(200, []byte(`{"id":"5","out_refund_no":"F1","status":"SUCCESS","amount":{"refund":888,"currency":"HKD"}}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		r := operator.Reply{Status: status, Body: body}
		want := &operator.Refund{Ref: "F1", Amount: hkd, Of: operator.Find{Ref: "R1", Amount: hkd}}
		answers := []operator.Answer{paid(r, "R1", hkd), found(r, "R1", hkd), reversed(r), refunded(r, want)}
		if a, taken := accepted(r, want); !taken {
			answers = append(answers, a)
		}
		for _, a := range answers {
			if (a.Outcome == operator.Unknown) != (a.Err != nil) || a.Outcome != operator.Declined && a.Why != operator.NoReason {
				t.Errorf("%s, %q, %v", a.Outcome, a.Why, a.Err)
			}
			if status >= 300 && (a.Outcome == operator.Paid || a.Outcome == operator.Reversed || a.Outcome == operator.Refunded) {
				t.Errorf("%s with status %d", a.Outcome, status)
			}
		}
		if paid(r, "R1", hkd).Outcome == operator.Paid && (paid(r, "R2", hkd).Outcome == operator.Paid || found(r, "R1", payment.Of(889, "HKD")).Outcome == operator.Paid) {
			t.Errorf("pays two charges: %q", body)
		}
	})
}
