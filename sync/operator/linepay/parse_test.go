package linepay

import (
	"errors"
	"net/http"
	"testing"

	"tilld/sync/operator"
)

const completed = `{"returnCode":"0000","returnMessage":"success","info":{"transactionId":2019010112345678910,"orderId":"R1",
"transactionDate":"2023-05-16T18:01:00Z","payInfo":[{"method":"POINT","amount":30},{"method":"BALANCE","amount":70.00}],"balance":9900}}`

func reply(body string) operator.Reply {
	return operator.Reply{Status: http.StatusOK, Body: []byte(body)}
}

func parse(r operator.Reply, ref operator.Ref, amount int64, as func(*answer, operator.Ref, int64) operator.Answer) operator.Answer {
	a, none := read(r)
	if none != nil {
		return *none
	}
	return as(a, ref, amount)
}

func TestPaid(t *testing.T) {
	for _, row := range []struct {
		name, body string
		want       operator.Outcome
		why        operator.Why
		err        error
	}{
		{"the guide's sample, paid in two ways", completed, operator.Paid, 0, nil},
		{"without amounts", `{"returnCode":"0000","info":{"transactionId":1,"orderId":"R1"}}`, operator.Unknown, 0, operator.ErrMismatch},
		{"less than was asked", `{"returnCode":"0000","info":{"transactionId":1,"orderId":"R1","payInfo":[{"amount":99}]}}`, operator.Unknown, 0, operator.ErrMismatch},
		{"cents", `{"returnCode":"0000","info":{"transactionId":1,"orderId":"R1","payInfo":[{"amount":100.5}]}}`, operator.Unknown, 0, operator.ErrGarbled},
		{"a sum that would overflow", `{"returnCode":"0000","info":{"transactionId":1,"orderId":"R1","payInfo":[{"amount":9999999999999999999}]}}`, operator.Unknown, 0, operator.ErrGarbled},
		{"a record of the same order: perhaps ours", `{"returnCode":"1172"}`, operator.Unknown, 0, operator.ErrStatus},
		{"the customer is asked", `{"returnCode":"1169"}`, operator.Confirming, 0, nil},
		{"low balance", `{"returnCode":"1142"}`, operator.Declined, operator.NoFunds, nil},
		{"an internal error", `{"returnCode":"9000"}`, operator.Unknown, 0, operator.ErrStatus},
		{"success of nothing", `{"returnCode":"0000"}`, operator.Unknown, 0, operator.ErrGarbled},
	} {
		a := parse(reply(row.body), "R1", 100, paid)
		if a.Outcome != row.want || a.Why != row.why || !errors.Is(a.Err, row.err) {
			t.Errorf("%s: %s, %q, %v", row.name, a.Outcome, a.Why, a.Err)
		}
	}
	if a := parse(reply(completed), "R1", 100, paid); a.Transaction != "2019010112345678910" {
		t.Errorf("transaction %q: not to the last digit", a.Transaction)
	}
}

// FuzzAnswer: no bytes make an answer that breaks its promises, or that pays two charges.
func FuzzAnswer(f *testing.F) {
	f.Add(200, []byte(completed))
	for _, code := range []string{"0000", "1106", "1133", "1145", "1150", "1155", "1164", "1165", "9000"} {
		f.Add(200, []byte(`{"returnCode":"`+code+`","returnMessage":"-"}`))
	}
	for _, status := range []string{"COMPLETE", "AUTH_READY", "FAIL", "CANCEL", "REFUND", "ELSE"} {
		f.Add(200, []byte(`{"returnCode":"0000","info":{"status":"`+status+`","orderId":"R1","transactionId":1,"payInfo":[{"amount":100}]}}`))
	}
	f.Add(200, []byte(`{"returnCode":"0000","info":{"refundTransactionId":2018082512345678911,"refundTransactionDate":"2018-08-25T09:15:01Z"}}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		r := operator.Reply{Status: status, Body: body}
		back := func(a *answer, _ operator.Ref, _ int64) operator.Answer { return refunded(a) }
		for _, a := range []operator.Answer{parse(r, "R1", 100, paid), parse(r, "R1", 100, found), parse(r, "R1", 100, back)} {
			if (a.Outcome == operator.Unknown) != (a.Err != nil) || a.Outcome != operator.Declined && a.Why != operator.NoReason {
				t.Errorf("%s, %q, %v", a.Outcome, a.Why, a.Err)
			}
			if status != http.StatusOK && a.Outcome != operator.Unknown {
				t.Errorf("%s with status %d", a.Outcome, status)
			}
		}
		for _, as := range []func(*answer, operator.Ref, int64) operator.Answer{paid, found} {
			if parse(r, "R1", 100, as).Outcome == operator.Paid && (parse(r, "R2", 100, as).Outcome == operator.Paid || parse(r, "R1", 101, as).Outcome == operator.Paid) {
				t.Errorf("pays two charges: %q", body)
			}
		}
	})
}
