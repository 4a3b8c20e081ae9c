package paypay

import (
	"testing"

	"tilld/sync/operator"
)

// TestSign compares with what openssl makes of the same lines (openssl md5, openssl dgst -sha256 -hmac).
func TestSign(t *testing.T) {
	c := Credentials{Key: operator.SecretOf("KEY"), Secret: operator.SecretOf("SECRET")}
	for _, row := range []struct{ method, path, body, want string }{
		{"POST", "/v2/payments?agreeSimilarTransaction=false", `{"a":1}`, "hmac OPA-Auth:KEY:wGxtklyQigQPFB/lqcoC4XtS6I/AlAewlwCigg++2+k=:abcdef0123456789:1790000000:V2JK2tb0qFf+FUHdRzxwaw=="},
		{"GET", "/v2/payments/R1", "", "hmac OPA-Auth:KEY:T175jezdPjjUwyXTPxECelOEKLczISm7J2zAWmSh97E=:abcdef0123456789:1790000000:empty"},
	} {
		if got := c.sign(row.method, row.path, []byte(row.body), "abcdef0123456789", 1790000000); got != row.want {
			t.Errorf("%s %s: %q, want %q", row.method, row.path, got, row.want)
		}
	}
}
