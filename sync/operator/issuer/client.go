// Package issuer speaks to the house wallet's issuer about what lanes took without asking: what is to be drawn for it,
// what is taken back, up to when all of it is there, and whom lanes must refuse. Charges go by package acquirer, whose
// interface the issuer has too; its paths and its token are the same here. sync/house, OperatorHandler, is the other end.
//
// An error that is ErrRefused is the issuer's last word; any other is no answer, and the same may be said again.
package issuer

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

// ErrRefused reports what the issuer will not take, however often it is said.
var ErrRefused = errors.New("the issuer refuses it")

// Client is an issuer as HQ reaches it.
type Client struct {
	client *operator.Client
	prefix string
	token  operator.Secret
}

// defaultTimeout is of one call, when Reach has none.
const defaultTimeout = 10 * time.Second

// New makes one; its errors are operator.ErrConfig.
func New(r operator.Reach, prefix string, token operator.Secret) (*Client, error) {
	if t := token.Reveal(); t == "" || strings.ContainsFunc(t, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fmt.Errorf("%w: the issuer's token is missing or has a character that a header can't carry", operator.ErrConfig)
	}
	c, err := operator.NewClient(r, defaultTimeout)
	if err != nil {
		return nil, err
	}
	return &Client{c, prefix, token}, nil
}

// Offline is a payment that a lane approved offline and HQ upheld.
type Offline struct {
	Payment  payment.ID       `json:"payment"`
	Code     operator.Code    `json:"-"`
	Amount   int64            `json:"amount"`
	Currency payment.Currency `json:"currency"`
	Store    string           `json:"store"`
	Lane     string           `json:"lane"`
}

// Covered is how the issuer covers it; the parts sum to the amount.
type Covered struct {
	Earmark int64 `json:"earmark"` // out of what was set aside
	Free    int64 `json:"free"`    // out of the rest of the balance
	Lost    int64 `json:"lost"`    // the issuer's loss
	Again   bool  `json:"again"`   // it was told before
}

// String is for the books: the parts.
func (c Covered) String() string {
	return fmt.Sprintf("earmark %d, free %d, lost %d", c.Earmark, c.Free, c.Lost)
}

// Present tells of a payment. The same again changes nothing.
func (c *Client) Present(ctx context.Context, o Offline) (out Covered, err error) {
	body := struct {
		Offline
		Code string `json:"code"`
	}{o, string(o.Code)}
	err = c.call(ctx, http.MethodPost, "/offline", body, &out)
	if err == nil && (out.Earmark < 0 || out.Free < 0 || out.Lost < 0 || out.Earmark+out.Free+out.Lost != o.Amount) {
		err = operator.ErrMismatch
	}
	return out, err
}

// Withdraw takes a payment back that was presented. ErrRefused: it never was.
func (c *Client) Withdraw(ctx context.Context, id payment.ID) error {
	return c.call(ctx, http.MethodPost, "/offline/"+id.String()+"/withdraw", struct{}{}, &struct{}{})
}

// Settled says up to when all that lanes took offline has been presented.
func (c *Client) Settled(ctx context.Context, until time.Time) error {
	return c.call(ctx, http.MethodPost, "/settled", map[string]string{"until": until.UTC().Format(time.RFC3339Nano)}, &struct{}{})
}

// Word is whom lanes must refuse, as identifiers' bytes.
type Word struct {
	Spending bool // all of them
	Accounts [][]byte
	Phones   [][]byte
}

// The lengths of identifiers, in bytes.
const (
	accountSize = 16
	phoneSize   = 8
)

// Word asks whom lanes must refuse now.
func (c *Client) Word(ctx context.Context) (Word, error) {
	var a wordAnswer
	if err := c.call(ctx, http.MethodGet, "/word", nil, &a); err != nil {
		return Word{}, err
	}
	return a.word()
}

// wordAnswer is the word as it is sent.
type wordAnswer struct {
	Spending *bool    `json:"spending_stopped"`
	Accounts []string `json:"accounts"`
	Phones   []string `json:"phones"`
}

func (a *wordAnswer) word() (w Word, err error) {
	if a.Spending == nil { // another server's answer revokes nobody, and lets nobody off
		return w, operator.ErrGarbled
	}
	w.Spending = *a.Spending
	if w.Accounts, err = identifiers(a.Accounts, accountSize); err == nil {
		w.Phones, err = identifiers(a.Phones, phoneSize)
	}
	if err != nil {
		return Word{}, err
	}
	return w, nil
}

func identifiers(texts []string, size int) (list [][]byte, err error) {
	for _, text := range texts {
		b, err := hex.DecodeString(text)
		if err != nil || len(b) != size {
			return nil, operator.ErrGarbled
		}
		list = append(list, b)
	}
	return list, nil
}

// Papers brings what HQ signed last, its trust bundle and its policy, for what lanes offer to customers' phones. ErrRefused:
// the issuer takes no offers of this chain.
func (c *Client) Papers(ctx context.Context, trust, policy []byte) error {
	var held struct {
		Trust  *uint64 `json:"trust"`
		Policy *uint64 `json:"policy"`
	}
	err := c.call(ctx, http.MethodPost, "/papers", map[string][]byte{"trust": trust, "policy": policy}, &held)
	if err == nil && (held.Trust == nil || held.Policy == nil) {
		err = operator.ErrGarbled
	}
	return err
}

// final are the errors that are the issuer's last word.
var final = map[string]bool{"conflict": true, "code_invalid": true, "not_found": true, "invalid": true, "invalid_papers": true}

// call asks once and reads the answer into out.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	header := http.Header{"Authorization": {"Bearer " + c.token.Reveal()}, "Accept": {"application/json"}}
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("%w: the request can't be encoded", operator.ErrNotSent)
		}
		header.Set("Content-Type", "application/json")
	}
	r, err := c.client.Do(ctx, operator.Request{Method: method, Path: c.prefix + path, Header: header, Body: body})
	if err != nil {
		return err
	}
	return read(r, out)
}

// read reads an answer into out, or says what it says instead.
func read(r operator.Reply, out any) error {
	var no struct {
		Error string `json:"error"`
	}
	err := operator.ReadJSON(r.Body, &no)
	switch {
	case r.Status == http.StatusUnauthorized || r.Status == http.StatusForbidden:
		return operator.ErrCredentials
	case err == nil && r.Status >= 400 && r.Status < 500 && final[no.Error]:
		return fmt.Errorf("%w: %s", ErrRefused, no.Error)
	case r.Status != http.StatusOK || no.Error != "":
		return operator.ErrStatus
	case err != nil:
		return err
	}
	return operator.ReadJSON(r.Body, out)
}
