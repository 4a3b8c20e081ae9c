package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"tilld/agent/disk"
	"tilld/agent/payment"
	"tilld/sync/house"
)

// desk is how customers' phones reach the issuer, by its own address: no line to HQ is on that road. Cash goes by the
// address and the token that HQ has.
type desk struct {
	market     *market
	phones     string // directory of what phones keep
	spool      string
	at, office string // the issuer's two addresses, as URLs
	token      string
	client     *http.Client
}

func (d *Demo) newDesk() (*desk, error) {
	token, err := os.ReadFile(d.issuerFile(issuerTokenFile))
	if err != nil {
		return nil, err
	}
	k := &desk{
		market: d.market, phones: d.path("phones"), spool: d.path(spoolDir), token: strings.TrimSpace(string(token)), client: &http.Client{},
		at: "http://" + d.opts.addr(issuerPort) + house.PhonePrefix, office: "http://" + d.opts.addr(gatewayPort) + house.OperatorPrefix,
	}
	return k, disk.MakeDir(k.phones)
}

// phone asks as a phone does. out may be nil.
func (k *desk) phone(ctx context.Context, method, path, session string, in, out any) error {
	return k.call(ctx, method, k.at+path, session, in, out)
}

// gateway asks as HQ does.
func (k *desk) gateway(ctx context.Context, path string, in, out any) error {
	return k.call(ctx, "POST", k.office+path, k.token, in, out)
}

// call gives the issuer's refusal as an error of its code, in its words.
func (k *desk) call(ctx context.Context, method, url, bearer string, in, out any) error {
	const op = "demo.issuer"
	var body io.Reader = http.NoBody
	if method != http.MethodGet {
		b, err := json.Marshal(in)
		if err != nil {
			return payment.Errorf(payment.Internal, op, "%w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return payment.Errorf(payment.Internal, op, "%w", err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := k.client.Do(req)
	if err != nil {
		return payment.Errorf(payment.Retry, op, "the issuer does not answer: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		var no struct{ Error, Message string }
		if err := json.NewDecoder(res.Body).Decode(&no); err != nil {
			no.Error = string(payment.Internal)
		}
		return payment.Errorf(payment.Code(no.Error), op, "the wallet says: %s", no.Message)
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		return payment.Errorf(payment.Internal, op, "the issuer's answer: %w", err)
	}
	return nil
}

var (
	errNoMail = errors.New("the issuer has mailed no ticket")
	ticketIn  = regexp.MustCompile(`[A-Za-z0-9_-]{43}`)
)

// ticket is the newest one that was mailed to an address, to confirm an account.
func (k *desk) ticket(to string) (string, error) {
	list, err := filepath.Glob(filepath.Join(k.spool, "*-"+string(house.ConfirmTicket)+"-*.eml")) // sorted, by time
	if err != nil {
		return "", err
	}
	for _, name := range slices.Backward(list) {
		b, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		m, err := mail.ReadMessage(bytes.NewReader(b))
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		if !strings.Contains(m.Header.Get("To"), "<"+to+">") {
			continue
		}
		text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		if ticket := ticketIn.Find(text); ticket != nil {
			return string(ticket), nil
		}
	}
	return "", fmt.Errorf("%w to %s", errNoMail, to)
}
