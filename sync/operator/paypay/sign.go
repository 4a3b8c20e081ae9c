package paypay

import (
	"crypto/hmac"
	"crypto/md5" // PayPay's own digest of a body, inside an HMAC-SHA-256
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

const contentType = "application/json"

// sign is the Authorization header: "hmac OPA-Auth:key:mac:nonce:epoch:digest". The MAC is HMAC-SHA-256 over path
// without its query, method, nonce, epoch, content type and digest, a line each; the digest is MD5 over content type and
// body; without a body both are "empty" ([sdk] createAuthHeader, HmacAuth.java).
func (c *Credentials) sign(method, path string, body []byte, nonce string, epoch int64) string {
	kind, digest := "empty", "empty"
	if len(body) > 0 {
		kind = contentType
		sum := md5.Sum(append([]byte(kind), body...)) // see the import
		digest = base64.StdEncoding.EncodeToString(sum[:])
	}
	path, _, _ = strings.Cut(path, "?")
	mac := hmac.New(sha256.New, []byte(c.Secret.Reveal()))
	_, _ = fmt.Fprintf(mac, "%s\n%s\n%s\n%d\n%s\n%s", path, method, nonce, epoch, kind, digest) // a hash takes all
	return fmt.Sprintf("hmac OPA-Auth:%s:%s:%s:%d:%s", c.Key.Reveal(), base64.StdEncoding.EncodeToString(mac.Sum(nil)), nonce, epoch, digest)
}

// money is PayPay's MoneyAmount [opa]: an integer and JPY, nothing else.
type money struct {
	Amount   int64            `json:"amount"`
	Currency payment.Currency `json:"currency"`
}

func yen(m payment.Money) (money, error) {
	if m.Currency != "JPY" {
		return money{}, fmt.Errorf("%w: PayPay takes JPY, not %s", operator.ErrAsk, m.Currency)
	}
	return money{m.Minor, m.Currency}, nil
}
